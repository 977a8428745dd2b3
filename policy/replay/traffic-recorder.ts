import { fromBinary } from '@bufbuild/protobuf';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { fieldPath } from '../../proto/flow/field-path.ts';
import { FlowIndex, type PairMatch, type TextMatch } from '../../proto/flow/flow-index.ts';
import { ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS, timeUsOf } from '../../proto/flow/peek-flow.ts';
import { WireError } from '../../proto/flow/wire.ts';
import { EndpointSchema, LostEventSchema } from '../../proto/gen/flow/flow_pb.ts';
import type { Direction } from '../model.ts';
import { ByteTable } from './byte-table.ts';
import { ConversationTable } from './conversation-table.ts';
import { isIngress, l4Of, outcomeMask, outcomeOf, type SkipCause, skipCauses } from './flow-outcome.ts';
import { EndTable, KEPT_NAMES } from './end-table.ts';
import { readEnd, type TrafficEnd } from './traffic-end.ts';

/** Flows of one conversation that had the same outcome at the same end. */
export interface Conversation {
  readonly source: TrafficEnd;
  readonly destination: TrafficEnd;
  /** IP protocol. */
  readonly protocol: number;
  /** Destination port; type of ICMP messages; 0 for protocols without ports. */
  readonly port: number;
  /** The end where they were seen: egress at the source, ingress at the destination. */
  readonly direction: Direction;
  /** PASSED, DENIED or AUDITED. */
  readonly outcome: number;
  readonly flows: number;
  /** Microseconds since the epoch. */
  readonly firstUs: number;
  readonly lastUs: number;
}

/** What became of the flows that were read. */
export interface TrafficCounts {
  /** All of them. */
  readonly flows: number;
  /** Those in conversations. */
  readonly recorded: number;
  /** Those that say nothing about policies, by reason. */
  readonly skipped: Readonly<Record<SkipCause, number>>;
  /** Those of more conversations than are told apart. */
  readonly beyond: number;
  /** Messages that do not decode. */
  readonly malformed: number;
  /** Events lost before they became flows, as the stream tells. */
  readonly lost: bigint;
}

export interface RecorderOptions {
  /**
   * Puts addresses outside into groups that no policy tells apart, by a name for each. Without, each address is an end of its own, up to `maxAddresses`; all that come later
   * are one end without an address.
   */
  readonly groupOutside?: (address: string) => string;
  /** Default 65,536. */
  readonly maxAddresses?: number;
  /** Default 1,048,576, some 100 bytes each. */
  readonly maxConversations?: number;
}

/** What the recorder looks at, as a field mask has it. */
export const recorderMask: readonly string[] = [
  'time',
  ...outcomeMask,
  'source',
  'destination',
  'IP',
  'source_names',
  'destination_names',
];

const CACHE_BYTES = 32 * 1024 * 1024;
const OUTSIDE = 0;
const OUTSIDE_API_SERVER = 1;
const FIRST_END = 2;

const source = {
  endpoint: fieldPath('source'),
  ip: fieldPath('IP.source'),
  names: fieldPath('source_names'),
};
const destination = {
  endpoint: fieldPath('destination'),
  ip: fieldPath('IP.destination'),
  names: fieldPath('destination_names'),
};
type EndPaths = typeof source;

/**
 * Takes flows as they come over the wire and keeps what policies can tell apart: who, to whom, protocol and port, at which end, and what became of it. Whole endpoints
 * are looked up by their bytes and decoded once; what the policies of a later day say is asked about each conversation, not about each flow.
 */
export class TrafficRecorder {
  private readonly index = new FlowIndex();
  private readonly ends: EndTable;
  private readonly table: ConversationTable;
  private readonly endpoints = new ByteTable(CACHE_BYTES);
  private readonly addresses = new ByteTable(CACHE_BYTES);
  private readonly skipped = new Float64Array(skipCauses.length);
  private flows = 0;
  private recorded = 0;
  private beyond = 0;
  private malformed = 0;
  private lost = 0n;
  private found = 0;
  private readonly takeEndpoint: TextMatch = (bytes, start, end) => {
    this.found = this.endpointAt(bytes, start, end);
    return true;
  };
  private isApiServer = false;
  private readonly takeAddress: TextMatch = (bytes, start, end) => {
    this.found = this.addressAt(bytes, start, end);
    return true;
  };
  private outside: Set<string> = new Set();
  private readonly takeName: TextMatch = (bytes, start, end) => {
    if (end > start) this.outside.add(decodeText(bytes, start, Math.min(end, start + 253)));
    return this.outside.size >= KEPT_NAMES;
  };

  constructor({ groupOutside, maxAddresses = 65_536, maxConversations = 1_048_576 }: RecorderOptions = {}) {
    this.ends = new EndTable(maxAddresses, groupOutside);
    this.table = new ConversationTable(maxConversations);
  }

  get counts(): TrafficCounts {
    const { flows, recorded, beyond, malformed, lost } = this;
    const skipped = Object.fromEntries(skipCauses.map((cause, i) => [cause, this.skipped[i]]));
    return { flows, recorded, beyond, malformed, lost, skipped: skipped as Record<SkipCause, number> };
  }

  /** Takes the GetFlowsResponse at `bytes[start, end)`; the bytes are not kept. One that does not decode is counted. */
  add(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.take(bytes, start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.malformed++;
    }
  }

  /** Every conversation, in the order in which they came. */
  *conversations(): IterableIterator<Conversation> {
    const { table, ends } = this;
    for (let row = 0; row < table.rowCount; row++) {
      const l4 = table.key(row, 2);
      const seen = table.key(row, 3);
      yield {
        source: ends.end(table.key(row, 0)),
        destination: ends.end(table.key(row, 1)),
        protocol: l4 >>> 16,
        port: l4 & 0xffff,
        direction: (seen & 1) === 1 ? 'ingress' : 'egress',
        outcome: seen >> 1,
        flows: table.flows(row),
        firstUs: table.firstUs(row),
        lastUs: table.lastUs(row),
      };
    }
  }

  private take(bytes: Uint8Array, start: number, end: number): void {
    const { index } = this;
    index.reset(bytes, start, end);
    const { kind, seconds, nanos } = index.envelope;
    if (kind === ENVELOPE_LOST_EVENTS) this.takeLoss(bytes);
    if (kind !== ENVELOPE_FLOW) return;
    this.flows++;
    const outcome = outcomeOf(index);
    const l4 = outcome < 0 ? outcome : l4Of(index);
    if (l4 < 0) {
      this.skipped[-1 - l4]++;
      return;
    }
    const from = this.endOf(source);
    const to = this.endOf(destination);
    if (from < 0 || to < 0) this.skipped[skipCauses.indexOf('noPorts')]++;
    else if (from === to && index.matchPair(source.ip, destination.ip, areEqual)) {
      this.skipped[skipCauses.indexOf('exempt')]++;
    } else {
      const seen = (outcome << 1) | (isIngress(index) ? 1 : 0);
      if (this.table.add(from, to, l4, seen, timeUsOf(seconds, nanos))) this.recorded++;
      else this.beyond++;
    }
  }

  private takeLoss(bytes: Uint8Array): void {
    const { memberStart, memberEnd } = this.index.envelope;
    try {
      this.lost += fromBinary(LostEventSchema, bytes.subarray(memberStart, memberEnd)).numEventsLost;
    } catch (error) {
      throw new WireError('malformed', `loss does not decode: ${String(error)}`);
    }
  }

  /** The number of an end; -1 for one that has neither a name nor an address. */
  private endOf({ endpoint, ip, names }: EndPaths): number {
    const { index } = this;
    index.matchText(endpoint, this.takeEndpoint);
    if (this.found >= FIRST_END) return this.found - FIRST_END;
    this.isApiServer = this.found === OUTSIDE_API_SERVER;
    index.matchText(ip, this.takeAddress);
    if (this.found < 0) return -1;
    const end = this.ends.end(this.found);
    if (end.kind === 'outside' && end.names.size < KEPT_NAMES) {
      this.outside = end.names;
      index.someText(names, this.takeName);
    }
    return this.found;
  }

  private endpointAt(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return OUTSIDE;
    const known = this.endpoints.get(bytes, start, end);
    if (known >= 0) return known;
    const number = this.newEndpoint(bytes.subarray(start, end));
    this.endpoints.set(bytes, start, end, number);
    return number;
  }

  private newEndpoint(bytes: Uint8Array): number {
    let read: ReturnType<typeof readEnd>;
    try {
      read = readEnd(fromBinary(EndpointSchema, bytes));
    } catch (error) {
      throw new WireError('malformed', `endpoint does not decode: ${String(error)}`);
    }
    if (read === 'outside') return OUTSIDE;
    return read === 'outside-apiserver' ? OUTSIDE_API_SERVER : FIRST_END + this.ends.numberOf(read);
  }

  private addressAt(bytes: Uint8Array, start: number, end: number): number {
    // An address that is the API server's for some is so for all: it is told apart by who says so first.
    const known = this.isApiServer ? -1 : this.addresses.get(bytes, start, end);
    if (known >= 0) return known;
    const number = this.ends.numberOfAddress(
      decodeText(bytes, start, Math.min(end, start + 64)),
      this.isApiServer,
    );
    if (number >= 0 && !this.isApiServer) this.addresses.set(bytes, start, end, number);
    return number;
  }
}

const areEqual: PairMatch = (bytes, start1, end1, start2, end2) => {
  if (end1 - start1 !== end2 - start2) return false;
  for (let i = start1, j = start2; i < end1; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
};
