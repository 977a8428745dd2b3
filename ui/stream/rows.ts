import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { decodeText } from '../../proto/flow/decode-text.ts';
import { type DecodedRows, decodeRows } from '../../proto/flow/aggregate/decode-rows.ts';
import { MEASURES } from '../../proto/flow/aggregate/row-measures.ts';
import {
  createFlowPeek,
  ENVELOPE_FLOW,
  ENVELOPE_LOST_EVENTS,
  ENVELOPE_NODE_STATUS,
  peekFlow,
} from '../../proto/flow/peek-flow.ts';
import { LostEventSchema } from '../../proto/gen/flow/flow_pb.ts';
import {
  AggregateFlowsRequestSchema,
  FlowEnd,
  GroupField,
} from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { NodeStatusEventSchema } from '../../proto/gen/relay/relay_pb.ts';
import { fromBinary } from '@bufbuild/protobuf';
import type { FlowFilters } from '../filter/filter-words.ts';
import type { ServiceMap } from '../model/service-map.ts';

const { CLUSTER, WORKLOAD, DNS_NAME, NAME, PORT, PROTOCOL } = GroupField;
const { CLIENT, SERVER, FLOW_END_UNSPECIFIED } = FlowEnd;
const KEYS = 8;
/** What tells the rows of the map apart; `addRows` reads them in this order. */
const keysBy = (name: GroupField): { field: GroupField; end: FlowEnd }[] => [
  { field: CLUSTER, end: CLIENT },
  { field: WORKLOAD, end: CLIENT },
  { field: name, end: CLIENT },
  { field: CLUSTER, end: SERVER },
  { field: WORKLOAD, end: SERVER },
  { field: name, end: SERVER },
  { field: PORT, end: SERVER },
  { field: PROTOCOL, end: FLOW_END_UNSPECIFIED },
];
export const AGGREGATE_FLOWS = 'sluice.v1.Aggregation/AggregateFlows';
const MAX_ROWS = 32_768;

/** What of the flows the map counts. */
export interface MapSelection {
  readonly filters: FlowFilters;
  readonly sinceMs: number;
  /** The end; null = what is stored since `sinceMs`, then what comes, every `intervalMs`. */
  readonly untilMs: number | null;
  readonly intervalMs: number;
  /** Whether pods are told apart. */
  readonly isByPod: boolean;
}

/** The request for the map. */
export function mapRequest({ filters, sinceMs, untilMs, intervalMs, isByPod }: MapSelection): Uint8Array {
  return toBinary(
    AggregateFlowsRequestSchema,
    create(AggregateFlowsRequestSchema, {
      flows: {
        ...filters,
        since: timestampFromMs(sinceMs),
        ...(untilMs === null ? { follow: true } : { until: timestampFromMs(untilMs) }),
      },
      keys: keysBy(isByPod ? NAME : DNS_NAME),
      ...(untilMs === null && { intervalMs }),
      maxRows: MAX_ROWS,
    }),
  );
}

/** What an answer says beside its rows. */
export interface RowsListener {
  readonly onLost: (nodeName: string, events: number) => void;
  readonly onNodes: (state: number, names: readonly string[], message: string) => void;
  /** An answer is complete, and in the map. */
  readonly onAnswer: () => void;
}

const peek = createFlowPeek();

/** Adds one message of the map's stream to the map. Throws WireError for what is none. */
export function takeMessage(bytes: Uint8Array, map: ServiceMap, listener: RowsListener): void {
  peekFlow(bytes, 0, bytes.length, peek);
  const { kind, memberStart, memberEnd } = peek;
  if (kind === ENVELOPE_FLOW) {
    const rows = decodeRows(bytes, memberStart, memberEnd, KEYS);
    addRows(rows, map);
    if (rows.isUnfinished) return;
    map.endAnswer(rows.elapsedUs / 1e6);
    listener.onAnswer();
    return;
  }
  const member = bytes.subarray(memberStart, memberEnd);
  if (kind === ENVELOPE_LOST_EVENTS) {
    const nodeName = decodeText(bytes, peek.nodeNameStart, peek.nodeNameEnd);
    listener.onLost(nodeName, Number(fromBinary(LostEventSchema, member).numEventsLost));
  } else if (kind === ENVELOPE_NODE_STATUS) {
    const { stateChange, nodeNames, message } = fromBinary(NodeStatusEventSchema, member);
    listener.onNodes(stateChange, nodeNames, message);
  }
}

function addRows(rows: DecodedRows, map: ServiceMap): void {
  const { bytes, textStarts, textEnds, rowCount, sums } = rows;
  const texts = textStarts.map((start, i) => decodeText(bytes, start, textEnds[i]));
  for (let row = 0; row < rowCount; row++) {
    const text = (key: number): string => texts[rows.keys[row * KEYS + key]];
    map.add({
      client: { cluster: text(0), workload: text(1), name: text(2) },
      server: { cluster: text(3), workload: text(4), name: text(5) },
      port: text(6),
      protocol: text(7),
      sums,
      at: row * MEASURES,
    });
  }
  map.addOthers(rows.others);
}
