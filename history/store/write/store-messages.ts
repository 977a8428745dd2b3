import type { StoreBounds, StoreLog, StoreState } from './store-writer.ts';

/** What the writer's thread is told. Blocks are written in the order in which they come. */
export type ToWriter =
  | {
      readonly kind: 'append';
      readonly buffer: ArrayBuffer;
      readonly bytes: number;
      readonly firstSeq: number;
    }
  | { readonly kind: 'repair'; readonly firstSeqs: readonly number[] }
  | { readonly kind: 'stop' };

/** What it answers. */
export type FromWriter =
  | { readonly kind: 'ready'; readonly state: StoreState }
  | { readonly kind: 'failed'; readonly message: string }
  /** A block is done with: `buffer` comes back. */
  | {
      readonly kind: 'appended';
      readonly buffer: ArrayBuffer;
      readonly bytes: number;
      readonly isWritten: boolean;
      readonly state: StoreState;
    }
  | {
      readonly kind: 'log';
      readonly level: Parameters<StoreLog>[0];
      readonly message: string;
      readonly fields: Parameters<StoreLog>[2];
    }
  | { readonly kind: 'stopped'; readonly state: StoreState };

/** What the thread is started with. */
export type WriterData = StoreBounds;
