import type { ReactElement } from 'react';
import { Shell } from './shell.tsx';
import { type Stores, StoresContext } from './stores.ts';
import { useFeedOfView } from './use-feed-of-view.ts';

/** The page. */
export function App({ stores }: { readonly stores: Stores }): ReactElement {
  useFeedOfView(stores);
  return (
    <StoresContext value={stores}>
      <Shell />
    </StoresContext>
  );
}
