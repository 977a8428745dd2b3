import type { ReactElement } from 'react';
import { shortCount } from '../store/format.ts';
import { windowChoices } from '../store/view-state.ts';
import { useChanges, useStores, useViewState } from './stores.ts';
import { switchTheme } from './theme.ts';

/** What is looked at, how alive it is, and how much of it there is. */
export function TopBar(): ReactElement {
  const { view, map } = useStores();
  const { windowMinutes } = useViewState();
  const { state, map: counted } = useChanges(map);
  return (
    <header className="top-bar">
      <span className={`badge state-${state}`}>{state}</span>
      <select
        className="button"
        aria-label="How far back"
        value={windowMinutes}
        onChange={({ target }) => view.set({ windowMinutes: Number(target.value) })}
      >
        {windowChoices.map((minutes) => (
          <option key={minutes} value={minutes}>
            last {minutes} min
          </option>
        ))}
      </select>
      <span className="top-space" />
      <span>{shortCount(counted.rate.flows)} flows/s</span>
      <button type="button" className="button" onClick={switchTheme} aria-label="Dark or light">
        ◐
      </button>
    </header>
  );
}
