import { EndpointSchema, WorkloadSchema } from '../../proto/gen/flow/flow_pb.ts';
import { FieldTable } from '../../proto/flow/field-table.ts';
import { identityText, reservedIdentityNames } from '../../proto/flow/text/identity-text.ts';
import type { WritePart } from '../../proto/flow/json/fragment-memo.ts';
import { type JsonBytes, jsonBytes } from '../../proto/flow/json/json-bytes.ts';
import { eachItem, uintAt, writeList } from './message-reader.ts';

const part = {
  open: jsonBytes('{'),
  cluster: jsonBytes('"cluster":'),
  namespace: jsonBytes('"namespace":'),
  pod: jsonBytes('"pod":'),
  workload: jsonBytes('"workload":'),
  kind: jsonBytes('"kind":'),
  identity: jsonBytes('"identity":'),
  labels: jsonBytes('"labels":'),
} as const;

/** Field numbers in flow.Endpoint. */
const F = { identity: 2, namespace: 3, labels: 4, pod: 5, workloads: 6, cluster: 7 } as const;
const COMMA = 0x2c;

/** Names of reserved identities in brackets, by number. */
const reserved = ['', ...reservedIdentityNames].map((name, identity) =>
  jsonBytes(name === '' ? '' : JSON.stringify(identityText(identity))),
);

const endpoint = new FieldTable(EndpointSchema, 8);
const workload = new FieldTable(WorkloadSchema, 3);

/**
 * An end of a flow, `{…` without the brace that closes it; `{` alone when nothing is known. `workload` is what edges are counted by: `namespace/workload`, for lack of that
 * `namespace/pod`, for lack of that the name of a reserved identity in brackets, such as `(world)`.
 */
export const endpointPart: WritePart = (bytes, start, end, out) => {
  endpoint.scan(bytes, start, end);
  const { starts, ends } = endpoint;
  const has = (field: number): boolean => starts[field] >= 0 && ends[field] > starts[field];
  const identity = uintAt(endpoint, bytes, F.identity) >>> 0;
  findWorkload(bytes, start, end);
  const isWorkload = workload.starts[1] >= 0 && workload.ends[1] > workload.starts[1];
  // An owner without a name stands for no name at all.
  const isPod = starts[F.workloads] < 0 && has(F.pod);

  out.put(part.open);
  if (has(F.cluster)) putField(part.cluster, bytes, starts[F.cluster], ends[F.cluster], out);
  if (has(F.namespace)) putField(part.namespace, bytes, starts[F.namespace], ends[F.namespace], out);
  if (has(F.pod)) putField(part.pod, bytes, starts[F.pod], ends[F.pod], out);
  if (isWorkload || isPod) {
    out.put(part.workload);
    if (has(F.namespace)) out.putString(bytes, starts[F.namespace], ends[F.namespace]);
    if (isWorkload) putName(bytes, workload.starts[1], workload.ends[1], has(F.namespace), out);
    else putName(bytes, starts[F.pod], ends[F.pod], has(F.namespace), out);
    out.putByte(COMMA);
  } else if (identity > 0 && identity < reserved.length) {
    out.put(part.workload);
    out.put(reserved[identity]);
    out.putByte(COMMA);
  }
  if (workload.starts[2] >= 0 && workload.ends[2] > workload.starts[2]) {
    putField(part.kind, bytes, workload.starts[2], workload.ends[2], out);
  }
  if (identity !== 0 || isWorkload || isPod || has(F.namespace)) {
    out.put(part.identity);
    out.putNumber(identity);
    out.putByte(COMMA);
  }
  if (starts[F.labels] >= 0) {
    out.put(part.labels);
    writeList(bytes, start, end, F.labels, out);
    out.putByte(COMMA);
  }
  out.dropComma();
};

/** Fills the table of the first workload. */
function findWorkload(bytes: Uint8Array, start: number, end: number): void {
  workload.clear();
  if (endpoint.starts[F.workloads] < 0) return;
  let isFirst = true;
  eachItem(bytes, start, end, F.workloads, (_, from, to) => {
    if (isFirst) workload.scan(bytes, from, to);
    isFirst = false;
  });
}

function putField(key: Uint8Array, bytes: Uint8Array, start: number, end: number, out: JsonBytes): void {
  out.put(key);
  out.putString(bytes, start, end);
  out.putByte(COMMA);
}

/** Writes a name, behind a namespace in the same string. */
function putName(bytes: Uint8Array, start: number, end: number, isBehind: boolean, out: JsonBytes): void {
  if (!isBehind) {
    out.putString(bytes, start, end);
    return;
  }
  // The quote that ended the namespace becomes the slash, the one that begins the name falls away.
  const slashAt = out.at - 1;
  out.putString(bytes, start, end);
  out.bytes[slashAt] = 0x2f;
  out.bytes.copyWithin(slashAt + 1, slashAt + 2, out.at);
  out.at--;
}
