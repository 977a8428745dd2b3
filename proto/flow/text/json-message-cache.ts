/** Messages that are kept: pods that talk at about the same time. */
const SLOTS = 4096;
const MAX_JSON_BYTES = 1024;
const MAX_WIRE_BYTES = 512;
/** The part of the JSON that tells messages apart well enough to choose a slot: `{"ID":5,"identity":65541,"namespace"`. */
const HASHED_BYTES = 40;

/**
 * Remembers what messages in JSON became in the wire format: those that say the same again and again, such as the pods at the ends of flows. What was read before is then
 * compared and copied rather than read. Of fixed size; a message displaces the one whose slot it needs.
 */
export class JsonMessageCache {
  private readonly json = new Uint8Array(SLOTS * MAX_JSON_BYTES);
  private readonly jsonView = new DataView(this.json.buffer);
  private readonly wire = new Uint8Array(SLOTS * MAX_WIRE_BYTES);
  private readonly jsonBytes = new Uint16Array(SLOTS);
  private readonly wireBytes = new Uint16Array(SLOTS);
  private slot = -1;

  /** How many bytes of JSON at `view[pos]` are a message that is known; 0 when it is not. `put` and `store` are about the message that was asked for last. */
  find(view: DataView, pos: number): number {
    this.slot = -1;
    const left = view.byteLength - pos;
    if (left < HASHED_BYTES) return 0;
    let hash = 0;
    for (let at = 4; at < HASHED_BYTES; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(pos + at), 0x01000193);
      hash ^= hash >>> 15;
    }
    const slot = (hash >>> 0) % SLOTS;
    this.slot = slot;
    const length = this.jsonBytes[slot];
    if (length === 0 || length > left) return 0;
    const { jsonView } = this;
    const base = slot * MAX_JSON_BYTES;
    // The last four bytes, which may overlap those before, hold the brace that ends the message.
    const last = length - 4;
    for (let at = 0; at < last; at += 4) {
      if (view.getInt32(pos + at) !== jsonView.getInt32(base + at)) return 0;
    }
    return view.getInt32(pos + last) === jsonView.getInt32(base + last) ? length : 0;
  }

  /** Writes the message that was found; returns where it ends. */
  put(out: Uint8Array, at: number): number {
    const { wire, slot } = this;
    const length = this.wireBytes[slot];
    out.set(wire.subarray(slot * MAX_WIRE_BYTES, slot * MAX_WIRE_BYTES + length), at);
    return at + length;
  }

  /** Keeps the message that was not found: its JSON and what became of it. */
  store(slot: number, json: Uint8Array, wire: Uint8Array): void {
    if (slot < 0 || json.length < HASHED_BYTES) return;
    if (json.length > MAX_JSON_BYTES || wire.length > MAX_WIRE_BYTES) return;
    this.json.set(json, slot * MAX_JSON_BYTES);
    this.jsonBytes[slot] = json.length;
    this.wire.set(wire, slot * MAX_WIRE_BYTES);
    this.wireBytes[slot] = wire.length;
  }

  /** The slot of the message that was asked for last, for `store`; -1 for one that cannot be kept. */
  get lastSlot(): number {
    return this.slot;
  }
}
