import { hash } from 'node:crypto';
import { fieldPath } from '../proto/flow/field-path.ts';
import { FlowIndex } from '../proto/flow/flow-index.ts';
import { ENVELOPE_FLOW } from '../proto/flow/peek-flow.ts';

const uuidPath = fieldPath('uuid');
const DASH = 0x2d;
const UUID_CHARACTERS = 36;

/** Value of a hex digit, 16 for anything else. */
const digitOf = new Uint8Array(256).fill(16);
for (let i = 0; i < 16; i++) {
  digitOf[i.toString(16).charCodeAt(0)] = i;
  digitOf[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/**
 * What a flow is known by, wherever and however often it turns up: its uuid as 128 bits. A message without one (an agent that sets none, a notice of loss) is known by a hash of
 * its bytes. Reused for every message.
 */
export class FlowKey {
  /** The key that was read last. */
  readonly words = new Uint32Array(4);
  private readonly index = new FlowIndex();
  private isUuid = false;
  private readonly take = (bytes: Uint8Array, start: number, end: number): boolean => {
    this.isUuid = end - start === UUID_CHARACTERS && this.parse(bytes, start);
    return this.isUuid;
  };

  /** Reads the key of the GetFlowsResponse at `bytes[start, end)`. Throws WireError when it is none. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.index.reset(bytes, start, end);
    this.isUuid = false;
    if (this.index.kind === ENVELOPE_FLOW) this.index.matchText(uuidPath, this.take);
    if (!this.isUuid) this.readHash(bytes, start, end);
  }

  /** The same where it is known already where the uuid stands: `bytes[uuidStart, uuidEnd)`, empty for a message that has none. */
  readKnown(bytes: Uint8Array, start: number, end: number, uuidStart: number, uuidEnd: number): void {
    if (uuidEnd - uuidStart === UUID_CHARACTERS && this.parse(bytes, uuidStart)) return;
    this.readHash(bytes, start, end);
  }

  /** The key as 32 hex digits. */
  get hex(): string {
    let text = '';
    for (const word of this.words) text += word.toString(16).padStart(8, '0');
    return text;
  }

  private readHash(bytes: Uint8Array, start: number, end: number): void {
    const digest = hash('sha256', bytes.subarray(start, end), 'buffer');
    for (let i = 0; i < 4; i++) this.words[i] = digest.readUInt32BE(i * 4);
  }

  private parse(bytes: Uint8Array, start: number): boolean {
    const { words } = this;
    let digits = 0;
    for (let i = 0; i < UUID_CHARACTERS; i++) {
      const byte = bytes[start + i];
      if (i === 8 || i === 13 || i === 18 || i === 23) {
        if (byte !== DASH) return false;
        continue;
      }
      const digit = digitOf[byte];
      if (digit > 15) return false;
      words[digits >> 3] = ((words[digits >> 3] << 4) | digit) >>> 0;
      digits++;
    }
    return true;
  }
}
