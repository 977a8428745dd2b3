/** First bytes of the members of an envelope, as they stand in a GetFlowsResponse. */
const FLOW_TAG = 0x0a;
const NODE_NAME_TAG = [0xc2, 0x3e] as const;
const TIME_TAG = [0xca, 0x3e] as const;
const SECONDS_TAG = 0x08;
const NANOS_TAG = 0x10;

/**
 * Envelope time of the GetFlowsResponse at `bytes[start, end)` in whole microseconds, if it is laid out as encoders do it: the flow, the node's name, the time, each once,
 * and of a time between 1978 and 3058. NaN for anything else, be it right or wrong: `peekFlow` knows. At a third of its cost, which is the largest share of what a relay
 * spends on a flow beside copying it.
 */
export function usualTimeUs(bytes: Uint8Array, start: number, end: number): number {
  const pos = usualTimeStart(bytes, start, end);
  if (pos < 0) return Number.NaN;
  const low =
    (bytes[pos + 1] & 127) |
    ((bytes[pos + 2] & 127) << 7) |
    ((bytes[pos + 3] & 127) << 14) |
    ((bytes[pos + 4] & 127) << 21);
  const seconds = low + bytes[pos + 5] * 2 ** 28;
  return seconds * 1e6 + Math.floor(usualNanosAt(bytes, pos + 6, end) / 1000);
}

/** Nanoseconds of the same time's second; NaN where `usualTimeUs` is. */
export function usualNanos(bytes: Uint8Array, start: number, end: number): number {
  const pos = usualTimeStart(bytes, start, end);
  return pos < 0 ? Number.NaN : usualNanosAt(bytes, pos + 6, end);
}

/** Where the content of the time stands, which begins with seconds of five bytes; -1 when the message is not laid out as usual. */
function usualTimeStart(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] !== FLOW_TAG) return -1;
  let pos = start + 2;
  let length = bytes[start + 1];
  if (length > 127) {
    const second = bytes[pos++];
    length = (length & 127) | ((second & 127) << 7);
    if (second > 127) {
      const third = bytes[pos++];
      if (third > 127) return -1;
      length |= third << 14;
    }
  }
  pos += length;
  if (bytes[pos] === NODE_NAME_TAG[0] && bytes[pos + 1] === NODE_NAME_TAG[1]) {
    if (bytes[pos + 2] > 127) return -1;
    pos += 3 + bytes[pos + 2];
  }
  // The time must be the last: then all that was skipped is inside, too.
  if (bytes[pos] !== TIME_TAG[0] || bytes[pos + 1] !== TIME_TAG[1] || bytes[pos + 2] !== end - pos - 3) {
    return -1;
  }
  pos += 3;
  const isUsual =
    end - pos >= 6 &&
    bytes[pos] === SECONDS_TAG &&
    (bytes[pos + 1] & bytes[pos + 2] & bytes[pos + 3] & bytes[pos + 4]) > 127 &&
    bytes[pos + 5] <= 127;
  return isUsual ? pos : -1;
}

/** The field `nanos`, which must be all of `bytes[pos, end)` (nothing = 0); NaN when it is not. */
function usualNanosAt(bytes: Uint8Array, pos: number, end: number): number {
  if (pos === end) return 0;
  if (bytes[pos] !== NANOS_TAG || end - pos > 6) return Number.NaN;
  let nanos = 0;
  let scale = 1;
  for (let at = pos + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte > 127 === (at === end - 1)) return Number.NaN;
    nanos += (byte & 127) * scale;
    scale *= 128;
  }
  return nanos < 2 ** 31 && end - pos > 1 ? nanos : Number.NaN;
}
