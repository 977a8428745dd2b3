import type { Timestamp } from '@bufbuild/protobuf/wkt';

/** `legacy-json`: bare flows, as the first versions of Hubble printed them. */
export type OutputFormat = 'compact' | 'dict' | 'table' | 'json' | 'legacy-json';

/** How responses of every kind are printed. */
export interface PrintOptions {
  readonly format: OutputFormat;
  readonly time: (time: Timestamp | undefined) => string;
  /** Show the node that saw it. */
  readonly nodeName: boolean;
}

/** Text for the two output streams, line breaks included, safe for a terminal. */
export interface PrintedText {
  readonly out: string;
  readonly err: string;
}

export const nothingPrinted: PrintedText = { out: '', err: '' };
