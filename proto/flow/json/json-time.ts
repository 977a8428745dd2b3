import { WIRE_VARINT, WireCursor, WireError } from '../wire.ts';
import { type JsonBytes, jsonWords } from './json-bytes.ts';

/** Years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
const ZERO = 0x30;

/** Writes encoded Timestamps as proto3 JSON has them: RFC 3339 in UTC with no, 3, 6 or 9 digits of fraction. */
export class JsonTime {
  private readonly cursor = new WireCursor();
  private lastSeconds = Number.NaN;
  /** `"2026-03-04T09:15:22`: it lasts for thousands of flows. */
  private lastText = jsonWords('');

  /** Throws WireError for what is no time of these years, or not plainly written. */
  write(bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
    const { cursor } = this;
    let seconds = 0;
    let nanos = 0;
    cursor.reset(bytes, start, end);
    while (cursor.pos < end) {
      const tag = cursor.tag();
      const number = tag >>> 3;
      if (number > 2) {
        if ((tag & 7) === 3) throw invalid();
        cursor.skip(tag);
      } else if ((tag & 7) !== WIRE_VARINT) throw invalid();
      else if (number === 1) seconds = cursor.int64();
      else nanos = cursor.int32();
    }
    if (seconds !== this.lastSeconds) {
      if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) throw invalid();
      this.lastText = jsonWords(`"${new Date(seconds * 1000).toISOString().slice(0, 19)}`);
      this.lastSeconds = seconds;
    }
    if (nanos < 0 || nanos > 999_999_999) throw invalid();
    out.putWords(this.lastText);
    if (nanos > 0) putFraction(nanos, out);
    out.putByte(0x5a);
    out.putByte(0x22);
  }
}

function putFraction(nanos: number, out: JsonBytes): void {
  const { bytes, at } = out;
  let rest = nanos;
  let digits = 9;
  for (; rest % 1000 === 0; digits -= 3) rest /= 1000;
  bytes[at] = 0x2e;
  for (let i = at + digits; i > at; i--) {
    const tens = (rest / 10) | 0;
    bytes[i] = ZERO + rest - 10 * tens;
    rest = tens;
  }
  out.at = at + 1 + digits;
}

function invalid(): WireError {
  return new WireError('malformed', 'no time of the years 1 to 9999');
}
