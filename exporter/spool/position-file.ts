import { readFileSync } from 'node:fs';
import { replaceFile } from './replace-file.ts';

/** Where a reader of the spool stands: the frame with this number is the next, and its record begins there. */
export interface Position {
  /** First frame of the segment: its name. */
  readonly segment: number;
  /** Bytes into the segment. */
  readonly offset: number;
  /** Number of the next frame. */
  readonly frame: number;
}

/** A position, and what was counted on the way to it since the reader first began. */
export interface StoredPosition {
  readonly position: Position;
  readonly counts: Readonly<Record<string, number>>;
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Null when there is no such file. Throws Error that names a file that cannot be read or understood. */
export function readPositionFile(path: string): StoredPosition | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`cannot read position ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    const { segment, offset, frame, counts } = JSON.parse(text) as Record<string, unknown>;
    if (isNumber(segment) && isNumber(offset) && isNumber(frame)) {
      const entries = Object.entries(counts ?? {}).filter((entry): entry is [string, number] =>
        isNumber(entry[1]),
      );
      return { position: { segment, offset, frame }, counts: Object.fromEntries(entries) };
    }
  } catch {
    // said below
  }
  throw new Error(`position ${path} is damaged: expected {"segment":…,"offset":…,"frame":…}`);
}

/** Replaces the file in one step. Without `sync` a power failure may bring the one before back: flows are sent again then, none is left out. */
export function writePositionFile(path: string, { position, counts }: StoredPosition, sync: boolean): void {
  replaceFile(path, `${JSON.stringify({ ...position, counts })}\n`, sync);
}
