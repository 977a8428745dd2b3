import { FlowAggregator } from '../../../proto/flow/aggregate/flow-aggregator.ts';
import { listRows } from '../../../proto/flow/aggregate/list-rows.ts';
import { FLOWS } from '../../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../../proto/flow/aggregate/row-table.ts';
import { FlowEnd, GroupField } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { documentId, type JsonDocument } from './bulk-body.ts';

export const MINUTE_US = 60_000_000;

/** Edges of a minute that are told apart; what is beyond is counted together. */
const MAX_EDGES = 50_000;

/** What tells edges apart, in the order of `keys` below. */
const keys = [
  { field: GroupField.CLUSTER, end: FlowEnd.CLIENT },
  { field: GroupField.NAMESPACE, end: FlowEnd.CLIENT },
  { field: GroupField.WORKLOAD, end: FlowEnd.CLIENT },
  { field: GroupField.CLUSTER, end: FlowEnd.SERVER },
  { field: GroupField.NAMESPACE, end: FlowEnd.SERVER },
  { field: GroupField.WORKLOAD, end: FlowEnd.SERVER },
  { field: GroupField.PORT, end: FlowEnd.SERVER },
  { field: GroupField.PROTOCOL, end: FlowEnd.FLOW_END_UNSPECIFIED },
  { field: GroupField.VERDICT, end: FlowEnd.FLOW_END_UNSPECIFIED },
  { field: GroupField.DROP_REASON, end: FlowEnd.FLOW_END_UNSPECIFIED },
  { field: GroupField.POLICY, end: FlowEnd.FLOW_END_UNSPECIFIED },
] as const;

const LAYER7 = new Set(['DNS', 'HTTP', 'Kafka']);
/** What ECS calls protocols by other names than Hubble. */
const ecsNames: Readonly<Record<string, string>> = { ICMPv4: 'icmp', ICMPv6: 'ipv6-icmp' };

/** The flows of one minute, counted by edge. */
export class EdgeMinute {
  readonly startUs: number;
  /** Number of the first write that had flows of it. */
  readonly firstWrite: number;
  /** Whether flows of this minute were stored before. */
  private readonly isLate: boolean;
  private readonly table = new RowTable({ keyCount: keys.length, maxRows: MAX_EDGES, rankBy: FLOWS });
  private readonly aggregator = new FlowAggregator(keys, this.table);
  /** The flows' ids, put together so that their order does not matter. */
  private readonly mark = new Uint32Array(4);

  constructor(startUs: number, firstWrite: number, isLate: boolean) {
    this.startUs = startUs;
    this.firstWrite = firstWrite;
    this.isLate = isLate;
  }

  /** Whether no flow was counted: what looked like one was damaged. */
  get isEmpty(): boolean {
    return this.table.rowCount === 0;
  }

  /** Counts a flow, whose id is `words`. Throws WireError. */
  add(bytes: Uint8Array, start: number, end: number, words: Uint32Array): void {
    this.aggregator.add(bytes, start, end);
    for (let i = 0; i < 4; i++) this.mark[i] ^= words[i];
  }

  /**
   * A document for each edge. Ids depend on `scope`, minute and edge, and so are the same when the same flows are counted again; those of flows that are late depend on the flows as well.
   */
  documents(scope: string): JsonDocument[] {
    const { rows, others } = listRows(this.table, MAX_EDGES, FLOWS);
    const time = new Date(this.startUs / 1000).toISOString();
    const late = this.isLate ? [...this.mark].join('.') : '';
    const document = (texts: readonly string[], flows: number): JsonDocument => {
      return {
        id: documentId([scope, time, late, ...texts]),
        json: JSON.stringify({ '@timestamp': time, ...fieldsOf(texts, flows) }),
      };
    };
    const found = rows.map(({ texts, flows }) => document(texts, flows));
    if (others.flows > 0) found.push(document(['', '', '(others)', '', '', '(others)'], others.flows));
    return found;
  }
}

function fieldsOf(texts: readonly string[], flows: number): object {
  const given = texts.map((text) => (text === '' ? undefined : text));
  const [
    cluster,
    namespace,
    workload,
    toCluster,
    toNamespace,
    toWorkload,
    port,
    protocol,
    verdict,
    reason,
    policies,
  ] = given;
  const isLayer7 = protocol !== undefined && LAYER7.has(protocol);
  const name = protocol === undefined ? undefined : (ecsNames[protocol] ?? protocol.toLowerCase());
  return {
    ...(port !== undefined && { destination: { port: Number(port) } }),
    ...(name !== undefined && { network: isLayer7 ? { protocol: name } : { transport: name } }),
    ...(reason !== undefined && { event: { reason } }),
    ...(policies !== undefined && { rule: { name: policies.split(',') } }),
    sluice: {
      verdict,
      flows,
      source: { cluster, namespace, workload },
      destination: { cluster: toCluster, namespace: toNamespace, workload: toWorkload },
    },
  };
}
