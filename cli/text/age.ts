import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';

/** How long something lasts or has lasted, in the two largest units at most: `45s`, `12m`, `3h20m`, `2d4h`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 || days >= 8 ? `${days}d` : `${days}d${hours % 24}h`;
}

/** How long ago a time was; `-` for none. */
export function agoText(time: Timestamp | undefined, nowMs: number): string {
  return time === undefined ? '-' : ageText(nowMs - timestampMs(time));
}
