import { decodeText } from '../../../proto/flow/decode-text.ts';
import { type FieldPath, fieldPath } from '../../../proto/flow/field-path.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import {
  createFlowPeek,
  ENVELOPE_FLOW,
  ENVELOPE_LOST_EVENTS,
  peekFlow,
} from '../../../proto/flow/peek-flow.ts';
import type { KafkaConfig } from '../../config/config.ts';
import { JsonLines, type JsonList } from '../json-lines.ts';
import type { MessageList, Reject } from '../sink.ts';
import { BytesTable } from './bytes-table.ts';
import { headersOf, type KafkaHeaders, type KafkaKey, type KafkaRecords, keyOf } from './records.ts';

/** Version of the contract with consumers: names of headers, keys, and what values are. */
const CONTRACT = '1';

const kinds: Readonly<Record<number, string>> = {
  [ENVELOPE_FLOW]: 'flow',
  [ENVELOPE_LOST_EVENTS]: 'lost_events',
};

/** Keys that are remembered; beyond this many the memory of them begins anew. */
const MAX_KEYS = 200_000;

/** Where one end of a flow stands. */
interface EndPaths {
  readonly endpoint: FieldPath;
  readonly cluster: FieldPath;
  readonly namespace: FieldPath;
  readonly pod: FieldPath;
  readonly workloads: FieldPath;
  readonly address: FieldPath;
}

const pathsOf = (end: string): EndPaths => ({
  endpoint: fieldPath(end),
  cluster: fieldPath(`${end}.cluster_name`),
  namespace: fieldPath(`${end}.namespace`),
  pod: fieldPath(`${end}.pod_name`),
  workloads: fieldPath(`${end}.workloads`),
  address: fieldPath(`IP.${end}`),
});
const source = pathsOf('source');
const destination = pathsOf('destination');

/** What became of a list: a record for each message that is no reject, and the place of each in the list. */
export interface RecordList {
  readonly records: KafkaRecords;
  readonly places: readonly number[];
  readonly rejects: readonly Reject[];
}

/** One end of a flow: `cluster/namespace/workload`, with the pod's name where no workload is known; empty for what is no pod. */
interface End {
  readonly name: string;
  /** Keys of the pairs with this end, by the other one. */
  readonly pairs: Map<End, KafkaKey>;
}

/** Makes records of messages. Names are decoded once for each endpoint, and looked up by the bytes of it from then on. */
export class RecordMaker {
  private readonly config: Pick<KafkaConfig, 'key' | 'format'>;
  private readonly peek = createFlowPeek();
  private readonly index = new FlowIndex();
  private readonly lines: JsonLines | null;
  private readonly headers = new Map<number, BytesTable<KafkaHeaders>>();
  private readonly nodeKeys = new BytesTable<KafkaKey>();
  private ends = new BytesTable<End>();
  private pairs = 0;
  private readonly keys = new Map<string, KafkaKey>();
  private bytes: Buffer = Buffer.alloc(0);
  private found: End | undefined;
  /** Where the endpoint stands that was looked for last. */
  private readonly place: { bytes: Buffer; start: number; end: number } = {
    bytes: this.bytes,
    start: 0,
    end: 0,
  };
  private workload = '';
  private readonly takeWorkload = (bytes: Uint8Array, start: number, end: number): boolean => {
    this.workload = decodeText(bytes, start, end);
    return true; // the first
  };
  private readonly findEnd = (bytes: Uint8Array, start: number, end: number): boolean => {
    const { place } = this;
    // The index puts messages that came in pieces together in a buffer of its own.
    place.bytes =
      bytes === this.bytes ? this.bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    place.start = start;
    place.end = end;
    this.found = this.ends.find(place.bytes, start, end);
    return true;
  };

  constructor(config: Pick<KafkaConfig, 'key' | 'format'>) {
    this.config = config;
    this.lines = config.format === 'json' ? new JsonLines() : null;
  }

  make(messages: MessageList): RecordList {
    const { bytes, count } = messages;
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const json = this.lines?.make(messages) ?? null;
    const isRejected = new Set(json?.rejects.map(({ index }) => index));
    const rejects: Reject[] = [...(json?.rejects ?? [])];
    const keys: (KafkaKey | null)[] = [];
    const headers: KafkaHeaders[] = [];
    const places: number[] = [];
    for (let i = 0; i < count; i++) {
      if (isRejected.has(i)) continue;
      try {
        const { starts, ends } = messages;
        peekFlow(this.bytes, starts[i], ends[i], this.peek);
        keys.push(this.keyOf(starts[i], ends[i]));
        headers.push(this.headersOf());
        places.push(i);
      } catch (error) {
        keys.length = places.length;
        rejects.push({ index: i, cause: 'malformed', reason: (error as Error).message });
      }
    }
    const values = json === null ? this.asTheyCame(messages, places) : lineValues(json, places);
    return { records: { ...values, keys, headers }, places, rejects };
  }

  private asTheyCame({ starts, ends, count }: MessageList, places: readonly number[]): Values {
    const { bytes } = this;
    if (places.length === count) return { bytes, starts, ends };
    return {
      bytes,
      starts: Uint32Array.from(places, (at) => starts[at]),
      ends: Uint32Array.from(places, (at) => ends[at]),
    };
  }

  private keyOf(start: number, end: number): KafkaKey | null {
    const { key } = this.config;
    if (key === 'none') return null;
    // A notice of loss belongs to no conversation.
    if (key === 'node' || this.peek.kind !== ENVELOPE_FLOW) return this.nodeKey();
    this.index.reset(this.bytes, start, end);
    const a = this.end(source);
    const b = this.end(destination);
    if (a.name === '' || b.name === '')
      return this.remember(this.nameOf(a, source), this.nameOf(b, destination));
    const known = a.pairs.get(b);
    if (known !== undefined) return known;
    if (++this.pairs > MAX_KEYS) {
      this.pairs = 0;
      this.ends = new BytesTable();
    }
    const pair = this.remember(a.name, b.name);
    a.pairs.set(b, pair);
    return pair;
  }

  private end(paths: EndPaths): End {
    const { index } = this;
    index.matchText(paths.endpoint, this.findEnd);
    if (this.found !== undefined) return this.found;
    const { bytes, start, end } = this.place;
    this.workload = '';
    index.somePair(paths.workloads, this.takeWorkload);
    const pod = this.workload === '' ? index.text(paths.pod) : this.workload;
    const name = pod === '' ? '' : `${index.text(paths.cluster)}/${index.text(paths.namespace)}/${pod}`;
    return this.ends.add(bytes, start, end, { name, pairs: new Map() });
  }

  /** The address of what is no pod. */
  private nameOf({ name }: End, { address }: EndPaths): string {
    return name === '' ? this.index.text(address) : name;
  }

  /** Both ends in the order of their names: the same for a request and its answer. */
  private remember(a: string, b: string): KafkaKey {
    const text = a < b ? `${a} ${b}` : `${b} ${a}`;
    const known = this.keys.get(text);
    if (known !== undefined) return known;
    if (this.keys.size >= MAX_KEYS) this.keys.clear();
    const key = keyOf(text);
    this.keys.set(text, key);
    return key;
  }

  private nodeKey(): KafkaKey {
    const { nodeNameStart, nodeNameEnd } = this.peek;
    return (
      this.nodeKeys.find(this.bytes, nodeNameStart, nodeNameEnd) ??
      this.nodeKeys.add(this.bytes, nodeNameStart, nodeNameEnd, keyOf(this.nodeName()))
    );
  }

  private nodeName(): string {
    const { nodeNameStart, nodeNameEnd } = this.peek;
    return decodeText(this.bytes, nodeNameStart, nodeNameEnd);
  }

  private headersOf(): KafkaHeaders {
    const { nodeNameStart, nodeNameEnd, kind } = this.peek;
    let table = this.headers.get(kind);
    if (table === undefined) {
      table = new BytesTable();
      this.headers.set(kind, table);
    }
    const known = table.find(this.bytes, nodeNameStart, nodeNameEnd);
    if (known !== undefined) return known;
    const node = this.nodeName();
    const slash = node.indexOf('/');
    const made = headersOf({
      type: kinds[kind] ?? 'other',
      node,
      cluster: slash < 0 ? '' : node.slice(0, slash),
      schema: `observer.GetFlowsResponse;v=${CONTRACT}`,
      'content-type': this.config.format === 'json' ? 'application/json' : 'application/protobuf',
    });
    return table.add(this.bytes, nodeNameStart, nodeNameEnd, made);
  }
}

type Values = Pick<KafkaRecords, 'bytes' | 'starts' | 'ends'>;

/** Lines as the values of records, without their breaks; copied, since lists that come next are made while these are under way. */
function lineValues({ bytes, ends }: JsonList, places: readonly number[]): Values {
  return {
    bytes: Buffer.from(bytes),
    starts: Uint32Array.from(places, (at) => (at === 0 ? 0 : ends[at - 1])),
    ends: Uint32Array.from(places, (at) => ends[at] - 1),
  };
}
