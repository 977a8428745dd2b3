import type { ReactElement } from 'react';
import {
  type PolicyDetail,
  type PolicyRevision,
  RevisionChange,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { usePolicyChoice } from './use-policy-choice.ts';

const MAX_SHOWN = 8;

/** The revisions of a policy from left to right, the one in force last; a press compares one with the one before it. */
export function RevisionLine({ detail }: { readonly detail: PolicyDetail }): ReactElement {
  const { choice, choose } = usePolicyChoice();
  const all = detail.revisions.toReversed();
  const shown = all.slice(-MAX_SHOWN);
  const older = all.length - shown.length + detail.revisionsDropped;
  const [from, to] = choice.revisions ?? [];
  return (
    <ol className="revisions" aria-label={`Revisions, told by ${detail.revisionsNode}`}>
      {older > 0 && <li className="revision-more faint">{older} older</li>}
      {shown.map((one, i) => {
        const before = all[all.indexOf(one) - 1];
        const isLast = i === shown.length - 1;
        const isChosen = one.revision === to || one.revision === from;
        return (
          <li key={String(one.revision)}>
            <button
              type="button"
              className={`revision ${isLast ? 'is-last' : ''} ${isChosen ? 'is-chosen' : ''}`}
              aria-pressed={isChosen}
              disabled={before === undefined}
              title={
                before === undefined
                  ? 'the first one that is known'
                  : `compare with revision ${before.revision}\n${one.changed.join('\n')}`
              }
              onClick={() =>
                choose({
                  revisions:
                    to === one.revision || before === undefined ? null : [before.revision, one.revision],
                })
              }
            >
              <span className="revision-name">rev {String(one.revision)}</span>
              <i />
              <span className="faint">{changeText(one, before === undefined)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}

/** When a revision came, and how it differs. */
function changeText({ time, change, changed }: PolicyRevision, isFirst: boolean): string {
  const at = time === undefined ? '' : timeText(Number(time.seconds) * 1000);
  if (change === RevisionChange.DELETED) return `${at} · removed`;
  if (isFirst || changed.length === 0) return at;
  return `${at} · ${changed[0]}${changed.length > 1 ? ` +${changed.length - 1}` : ''}`;
}

/** The time of today, the day of all others. */
function timeText(ms: number): string {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString('en-GB')
    : date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}

/** Chooses which two revisions are compared. */
export function RevisionPicker({ detail }: { readonly detail: PolicyDetail }): ReactElement | null {
  const { choice, choose } = usePolicyChoice();
  const numbers = detail.revisions.map(({ revision }) => revision);
  if (numbers.length < 2) return null;
  if (choice.revisions === null) {
    return (
      <button
        type="button"
        className="button"
        onClick={() => choose({ revisions: [numbers[1], numbers[0]] })}
      >
        Compare {String(numbers[1])} ↔ {String(numbers[0])}
      </button>
    );
  }
  const [older, newer] = choice.revisions;
  const pick = (label: string, value: bigint, set: (revision: bigint) => void): ReactElement => (
    <select aria-label={label} value={String(value)} onChange={({ target }) => set(BigInt(target.value))}>
      {numbers.map((number) => (
        <option key={String(number)} value={String(number)}>
          rev {String(number)}
        </option>
      ))}
    </select>
  );
  return (
    <span className="revision-picker">
      {pick('Older revision', older, (revision) => choose({ revisions: [revision, newer] }))}
      <span className="faint">↔</span>
      {pick('Newer revision', newer, (revision) => choose({ revisions: [older, revision] }))}
      <button type="button" className="button" onClick={() => choose({ revisions: null })}>
        Show what is in force
      </button>
    </span>
  );
}
