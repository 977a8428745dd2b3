import type { ReactElement } from 'react';

/** The place of what is to come. */
export function FlowTable(): ReactElement | null {
  return null;
}
