import { fieldPath } from '../../../proto/flow/field-path.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { decodeText } from '../../../proto/flow/decode-text.ts';
import {
  createFlowPeek,
  ENVELOPE_FLOW,
  ENVELOPE_LOST_EVENTS,
  peekFlow,
} from '../../../proto/flow/peek-flow.ts';
import type { KafkaConfig } from '../../config/config.ts';
import { jsonOf } from '../json-lines.ts';
import type { MessageList, Reject } from '../sink.ts';
import type { KafkaRecord } from './client.ts';

/** Version of the contract with consumers: names of headers, keys, and what values are. */
const CONTRACT = '1';

const kinds: Readonly<Record<number, string>> = {
  [ENVELOPE_FLOW]: 'flow',
  [ENVELOPE_LOST_EVENTS]: 'lost_events',
};

/** Distinct headers and keys are few; beyond this many the memory of them begins anew. */
const MAX_REMEMBERED = 20_000;

interface EndPaths {
  readonly cluster: ReturnType<typeof fieldPath>;
  readonly namespace: ReturnType<typeof fieldPath>;
  readonly pod: ReturnType<typeof fieldPath>;
  readonly workloads: ReturnType<typeof fieldPath>;
  readonly address: ReturnType<typeof fieldPath>;
}

const pathsOf = (end: string): EndPaths => ({
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
  readonly records: readonly KafkaRecord[];
  readonly places: readonly number[];
  readonly rejects: readonly Reject[];
}

/** Makes records of messages. */
export class RecordMaker {
  private readonly config: Pick<KafkaConfig, 'key' | 'format'>;
  private readonly peek = createFlowPeek();
  private readonly index = new FlowIndex();
  private readonly headers = new Map<string, Readonly<Record<string, string>>>();
  private readonly keys = new Map<string, Buffer>();
  private workload = '';
  private readonly takeWorkload = (bytes: Uint8Array, start: number, end: number): boolean => {
    this.workload = decodeText(bytes, start, end);
    return true; // the first
  };

  constructor(config: Pick<KafkaConfig, 'key' | 'format'>) {
    this.config = config;
  }

  make(messages: MessageList): RecordList {
    const { bytes, count, starts, ends } = messages;
    const texts = this.config.format === 'json' ? jsonOf(messages) : null;
    const records: KafkaRecord[] = [];
    const places: number[] = [];
    const rejects: Reject[] = [...(texts?.rejects ?? [])];
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < count; i++) {
      const text = texts?.texts[i];
      if (text === null) continue;
      try {
        peekFlow(bytes, starts[i], ends[i], this.peek);
        const node = decodeText(bytes, this.peek.nodeNameStart, this.peek.nodeNameEnd);
        const key = this.keyOf(bytes, starts[i], ends[i], node);
        const value = text === undefined ? buffer.subarray(starts[i], ends[i]) : Buffer.from(text);
        records.push({ key, value, headers: this.headersOf(node) });
        places.push(i);
      } catch (error) {
        rejects.push({ index: i, cause: 'malformed', reason: (error as Error).message });
      }
    }
    return { records, places, rejects };
  }

  private keyOf(bytes: Uint8Array, start: number, end: number, node: string): Buffer | null {
    if (this.config.key === 'none') return null;
    // A notice of loss belongs to no conversation.
    if (this.config.key === 'node' || this.peek.kind !== ENVELOPE_FLOW) return this.remember(node);
    this.index.reset(bytes, start, end);
    return this.remember(this.pair());
  }

  /** Both ends in the order of their names: the same for a request and its answer. */
  private pair(): string {
    const a = this.end(source);
    const b = this.end(destination);
    return a < b ? `${a} ${b}` : `${b} ${a}`;
  }

  /** `cluster/namespace/workload`, with the pod's name where no workload is known; the address of what is no pod. */
  private end(paths: EndPaths): string {
    const { index } = this;
    this.workload = '';
    index.somePair(paths.workloads, this.takeWorkload);
    const name = this.workload === '' ? index.text(paths.pod) : this.workload;
    if (name === '') return index.text(paths.address);
    return `${index.text(paths.cluster)}/${index.text(paths.namespace)}/${name}`;
  }

  private remember(text: string): Buffer {
    const known = this.keys.get(text);
    if (known !== undefined) return known;
    if (this.keys.size >= MAX_REMEMBERED) this.keys.clear();
    const key = Buffer.from(text);
    this.keys.set(text, key);
    return key;
  }

  private headersOf(node: string): Readonly<Record<string, string>> {
    const type = kinds[this.peek.kind] ?? 'other';
    const known = this.headers.get(type + node);
    if (known !== undefined) return known;
    if (this.headers.size >= MAX_REMEMBERED) this.headers.clear();
    const slash = node.indexOf('/');
    const headers = {
      type,
      node,
      cluster: slash < 0 ? '' : node.slice(0, slash),
      schema: `observer.GetFlowsResponse;v=${CONTRACT}`,
      'content-type': this.config.format === 'json' ? 'application/json' : 'application/protobuf',
    };
    this.headers.set(type + node, headers);
    return headers;
  }
}
