import { invalidValue, UsageError } from '../../flags/flag-spec.ts';
import { parseTimeInput } from '../../flags/observe/time-input.ts';
import { parseGoDuration } from '../../proto/flow/text/go-duration.ts';

/** A stretch of time, in microseconds since the epoch: from the first on, before the second. */
export interface TimeWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface WindowFlags {
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly at: string | undefined;
}

const DEFAULT_SPAN = '1h';
const EXPECTED = 'FROM..TO, such as 2h..1h or 2026-03-04T09:00Z..2026-03-04T10:00Z';

/**
 * The two stretches that are compared: stated as `FROM..TO`, or as lengths on both sides of `--at`. What would lie in the future ends now. Throws UsageError.
 */
export function readWindows({ before, after, at }: WindowFlags, nowMs: number): [TimeWindow, TimeWindow] {
  if (at === undefined) {
    if (before === undefined || after === undefined) {
      throw new UsageError(
        'two stretches of time are compared: give --before and --after, or --at and how long',
      );
    }
    return [stated('--before', before, nowMs), stated('--after', after, nowMs)];
  }
  const atUs = timeUs('--at', at, nowMs);
  if (atUs >= nowMs * 1000) throw new UsageError(`--at ${at} is not past: there is nothing after it`);
  const beforeText = before ?? DEFAULT_SPAN;
  const afterText = after ?? (beforeText.includes('..') ? DEFAULT_SPAN : beforeText);
  const first = beforeText.includes('..')
    ? stated('--before', beforeText, nowMs)
    : { fromUs: atUs - spanUs('--before', beforeText), toUs: atUs };
  const second = afterText.includes('..')
    ? stated('--after', afterText, nowMs)
    : { fromUs: atUs, toUs: Math.min(atUs + spanUs('--after', afterText), nowMs * 1000) };
  return [first, second];
}

function stated(flag: string, text: string, nowMs: number): TimeWindow {
  const parts = text.split('..');
  if (parts.length !== 2) throw invalidValue(flag, text, `${EXPECTED}; a length alone goes with --at`);
  const [fromUs, toUs] = parts.map((part) => timeUs(flag, part, nowMs));
  if (fromUs >= toUs) throw new UsageError(`${flag} ${text} is empty: it begins when it ends, or later`);
  return { fromUs, toUs: Math.min(toUs, nowMs * 1000) };
}

function timeUs(flag: string, text: string, nowMs: number): number {
  if (text === 'now') return nowMs * 1000;
  const { seconds, nanos } = parseTimeInput(flag, text, nowMs);
  return Number(seconds) * 1e6 + Math.floor(nanos / 1000);
}

function spanUs(flag: string, text: string): number {
  const ns = parseGoDuration(text);
  if (ns === null || ns <= 0n) throw invalidValue(flag, text, `a length such as 1h, or ${EXPECTED}`);
  return Number(ns) / 1000;
}
