import { WireError } from '../../proto/flow/wire.ts';
import { type JsonBytes, jsonBytes } from '../../proto/flow/json/json-bytes.ts';

/** Years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
const ZERO = 0x30;

/** Writes times as RFC 3339 in UTC with nine digits of fraction, such as `2026-03-04T09:15:22.118204511Z`. */
export class TimeText {
  private lastSeconds = Number.NaN;
  /** `2026-03-04T09:15:22.`: it lasts for thousands of flows. */
  private lastText: Uint8Array = new Uint8Array(0);

  /** Throws WireError for what is no time of the years 1 to 9999. */
  write(seconds: number, nanos: number, out: JsonBytes): void {
    if (seconds !== this.lastSeconds) {
      if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) throw invalid(seconds, nanos);
      this.lastText = jsonBytes(`${new Date(seconds * 1000).toISOString().slice(0, 19)}.`);
      this.lastSeconds = seconds;
    }
    if (nanos < 0 || nanos > 999_999_999) throw invalid(seconds, nanos);
    out.put(this.lastText);
    const { bytes, at } = out;
    let rest = nanos;
    for (let i = at + 8; i >= at; i--) {
      const tens = Math.floor(rest / 10);
      bytes[i] = ZERO + rest - 10 * tens;
      rest = tens;
    }
    bytes[at + 9] = 0x5a;
    out.at = at + 10;
  }
}

function invalid(seconds: number, nanos: number): WireError {
  return new WireError('malformed', `time of ${seconds} s ${nanos} ns: expected one of the years 1 to 9999`);
}
