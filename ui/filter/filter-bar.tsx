import type { ReactElement } from 'react';

/** The place of what is to come. */
export function FilterBar(): ReactElement | null {
  return null;
}
