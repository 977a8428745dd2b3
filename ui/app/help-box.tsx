import { type ReactElement, useRef } from 'react';
import { keys } from './keyboard.ts';
import { useCommand } from './stores.ts';

const signs: readonly (readonly [tone: string, sign: string, means: string])[] = [
  ['forwarded', '→', 'forwarded: a solid line'],
  ['dropped', '✕', 'dropped: dashes'],
  ['audit', '◐', 'audit: a policy would deny it; dots'],
  ['redirected', '↱', 'to a proxy: a solid line'],
  ['error', '!', 'error: a double line'],
];

/** What keys do, and what signs mean. */
export function HelpBox(): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useCommand('help', () => {
    if (dialog.current?.open === true) dialog.current.close();
    else dialog.current?.showModal();
  });
  return (
    <dialog
      ref={dialog}
      className="dialog help"
      aria-label="Keys and signs"
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
      onKeyDown={(event) => {
        if (event.key === '?') dialog.current?.close();
      }}
    >
      <div className="help-columns">
        <section>
          <h2 className="caption">Keys</h2>
          <dl>
            {keys.map(([key, does]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <h2 className="caption">Signs</h2>
          <dl>
            {signs.map(([tone, sign, means]) => (
              <div key={tone}>
                <dt className={`tone-${tone}`}>{sign}</dt>
                <dd>{means}</dd>
              </div>
            ))}
          </dl>
          <p className="muted">
            Colours show the worst that happened in the window of time; widths grow with the logarithm of
            flows a second, and bars on cards with it too. An edge goes from who opened the connection to who
            was called, and counts packets of both directions.
          </p>
          <p className="muted">
            Click selects, double click filters, Alt-click hides. The address of the page holds all that is
            seen: send it.
          </p>
        </section>
      </div>
    </dialog>
  );
}
