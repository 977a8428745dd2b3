import { type FieldPath, fieldPath } from '../../proto/flow/field-path.ts';
import { FlowIndex } from '../../proto/flow/flow-index.ts';
import {
  destinationPortPaths,
  type PortPaths,
  sourcePortPaths,
} from '../../proto/flow/filter/protocol-match.ts';
import { ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS } from '../../proto/flow/peek-flow.ts';

/** In the place of a verdict: the row tells of lost flows. No flow.Verdict has this number. */
export const LOST_ROW = 255;

export interface FlowRingOptions {
  readonly rows: number;
  /** Of all messages together; a single one may have a quarter of it. */
  readonly bytes: number;
}

const paths = {
  verdict: fieldPath('verdict'),
  uuid: fieldPath('uuid'),
  sourceIp: fieldPath('IP.source'),
  destinationIp: fieldPath('IP.destination'),
};

/**
 * The latest flows of a table, as the bytes that came (GetFlowsResponse), with what is looked at for every row in typed arrays beside them. Its memory does not grow.
 * Rows are addressed by sequence numbers, which stay the same as long as a row is there: what is looked at does not move when rows come or go.
 */
export class FlowRing {
  /** Of the oldest row that is kept. */
  first = 0;
  /** Behind the newest row. */
  end = 0;
  private readonly options: FlowRingOptions;
  private readonly bytes: Uint8Array;
  private head = 0;
  private readonly starts: Uint32Array;
  private readonly lengths: Uint32Array;
  private readonly times: Float64Array;
  private readonly verdicts: Uint8Array;
  private readonly uuids: Float64Array;
  private readonly connections: Float64Array;
  private readonly seqOfUuid = new Map<number, number>();
  private readonly index = new FlowIndex();

  constructor(options: FlowRingOptions) {
    this.options = options;
    this.bytes = new Uint8Array(options.bytes);
    this.starts = new Uint32Array(options.rows);
    this.lengths = new Uint32Array(options.rows);
    this.times = new Float64Array(options.rows);
    this.verdicts = new Uint8Array(options.rows);
    this.uuids = new Float64Array(options.rows);
    this.connections = new Float64Array(options.rows);
  }

  get count(): number {
    return this.end - this.first;
  }

  /** Whether a row is still there. */
  has(seq: number): boolean {
    return seq >= this.first && seq < this.end;
  }

  /**
   * Appends the flow or the lost events of a GetFlowsResponse. False for what is neither, for a flow that is there already, and for one that is too big.
   * Throws WireError for what is no such message.
   */
  append(message: Uint8Array): boolean {
    const { index } = this;
    index.reset(message, 0, message.length);
    const { kind, seconds, nanos } = index.envelope;
    if (kind !== ENVELOPE_FLOW && kind !== ENVELOPE_LOST_EVENTS) return false;
    if (message.length > this.options.bytes / 4) return false;
    const isFlow = kind === ENVELOPE_FLOW;
    const uuid = isFlow ? this.textHash(paths.uuid) : 0;
    if (uuid !== 0 && this.seqOfUuid.has(uuid)) return false;
    const connection = isFlow ? this.connectionHash() : 0;
    const verdict = isFlow ? index.int32(paths.verdict) : LOST_ROW;
    const start = this.makeRoom(message.length);
    this.bytes.set(message, start);
    const slot = this.end % this.options.rows;
    this.starts[slot] = start;
    this.lengths[slot] = message.length;
    this.times[slot] = seconds * 1000 + nanos / 1e6;
    this.verdicts[slot] = verdict;
    this.uuids[slot] = uuid;
    this.connections[slot] = connection;
    if (uuid !== 0) this.seqOfUuid.set(uuid, this.end);
    this.end++;
    return true;
  }

  /** The message of a row, valid until the next append. Throws RangeError for a row that is not there. */
  message(seq: number): Uint8Array {
    if (!this.has(seq)) throw new RangeError(`row ${seq}: ${this.first} to ${this.end - 1} are there`);
    const slot = seq % this.options.rows;
    return this.bytes.subarray(this.starts[slot], this.starts[slot] + this.lengths[slot]);
  }

  /** Milliseconds since 1970; 0 = not known. */
  timeMs(seq: number): number {
    return this.times[seq % this.options.rows];
  }

  /** flow.Verdict, or LOST_ROW. */
  verdict(seq: number): number {
    return this.verdicts[seq % this.options.rows];
  }

  /** The same number for both directions of a connection; 0 for what is none. */
  connection(seq: number): number {
    return this.connections[seq % this.options.rows];
  }

  /** The row of a flow, or undefined. */
  find(uuid: string): number | undefined {
    const bytes = new TextEncoder().encode(uuid);
    return this.seqOfUuid.get(hashOf(bytes, 0, bytes.length));
  }

  /** Forgets all rows; sequence numbers go on. */
  clear(): void {
    this.first = this.end;
    this.head = 0;
    this.seqOfUuid.clear();
  }

  private textHash(path: FieldPath): number {
    let hash = 0;
    this.index.matchText(path, (bytes, start, end) => {
      hash = hashOf(bytes, start, end);
      return true;
    });
    return hash;
  }

  private connectionHash(): number {
    const source = this.textHash(paths.sourceIp) + this.port(sourcePortPaths) * 0x9e3779b1;
    const destination = this.textHash(paths.destinationIp) + this.port(destinationPortPaths) * 0x9e3779b1;
    // The sum is the same whichever end is the source.
    return source + destination;
  }

  private port(ports: PortPaths): number {
    const path = ports[this.index.layer4] as FieldPath | undefined;
    return path === undefined ? 0 : this.index.uint32(path);
  }

  /** Drops the oldest rows until so many bytes fit, and gives their place. */
  private makeRoom(length: number): number {
    if (this.count === this.options.rows) this.dropFirst();
    if (this.head + length > this.options.bytes) {
      while (this.count > 0 && this.startOf(this.first) >= this.head) this.dropFirst();
      this.head = 0;
    }
    const { head } = this;
    const isTaken = (start: number): boolean => start >= head && start < head + length;
    while (this.count > 0 && isTaken(this.startOf(this.first))) this.dropFirst();
    this.head += length;
    return head;
  }

  private startOf(seq: number): number {
    return this.starts[seq % this.options.rows];
  }

  private dropFirst(): void {
    const uuid = this.uuids[this.first % this.options.rows];
    if (this.seqOfUuid.get(uuid) === this.first) this.seqOfUuid.delete(uuid);
    this.first++;
  }
}

/** 52 bits of a text; never 0 unless it is empty. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return 0;
  let low = 0x811c9dc5;
  let high = 0x2545f491;
  for (let i = start; i < end; i++) {
    low = Math.imul(low ^ bytes[i], 0x01000193);
    high = Math.imul(high ^ bytes[i], 0x85ebca6b) ^ (low >>> 13);
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0) || 1;
}
