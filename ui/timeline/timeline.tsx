import type { ReactElement } from 'react';

/** The place of what is to come. */
export function Timeline(): ReactElement | null {
  return null;
}
