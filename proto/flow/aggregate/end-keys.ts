import { FlowEnd, GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';
import { decodeText } from '../decode-text.ts';
import { type FieldPath, fieldPath } from '../field-path.ts';
import { destinationPortPaths, type PortPaths, sourcePortPaths } from '../filter/protocol-match.ts';
import type { FlowIndex, PairMatch, TextMatch } from '../flow-index.ts';
import { identityText, reservedIdentityNames } from '../text/identity-text.ts';
import { NumberTexts } from './number-texts.ts';
import type { TextTable } from './text-table.ts';

/** Reads one key of the flow in the index; returns the number of its text. */
export type KeyReader = (index: FlowIndex) => number;

/** Names of fields below `flow.Flow`, for field masks. */
export const endMasks: Readonly<Record<number, (end: 'source' | 'destination') => readonly string[]>> = {
  [GroupField.NAME]: (end) => [
    `${end}.namespace`,
    `${end}.pod_name`,
    `${end}_service`,
    `${end}_names`,
    `IP.${end}`,
  ],
  [GroupField.POD]: (end) => [`${end}.namespace`, `${end}.pod_name`],
  [GroupField.WORKLOAD]: (end) => [
    `${end}.namespace`,
    `${end}.pod_name`,
    `${end}.workloads`,
    `${end}.identity`,
  ],
  [GroupField.WORKLOAD_KIND]: (end) => [`${end}.workloads`],
  [GroupField.NAMESPACE]: (end) => [`${end}.namespace`],
  [GroupField.SERVICE]: (end) => [`${end}_service`],
  [GroupField.IDENTITY]: (end) => [`${end}.identity`],
  [GroupField.IP]: (end) => [`IP.${end}`],
  [GroupField.DNS_NAME]: (end) => [`${end}_names`],
  [GroupField.PORT]: (end) => [`l4.TCP.${end}_port`, `l4.UDP.${end}_port`, `l4.SCTP.${end}_port`],
  [GroupField.CLUSTER]: (end) => [`${end}.cluster_name`],
};

/** Where the fields of an end stand. */
interface EndPaths {
  readonly namespace: FieldPath;
  readonly pod: FieldPath;
  readonly workloads: FieldPath;
  readonly identity: FieldPath;
  readonly cluster: FieldPath;
  readonly service: FieldPath;
  readonly serviceNamespace: FieldPath;
  readonly serviceName: FieldPath;
  readonly names: FieldPath;
  readonly ip: FieldPath;
  readonly ports: PortPaths;
}

function endPaths(end: 'source' | 'destination', ports: PortPaths): EndPaths {
  return {
    namespace: fieldPath(`${end}.namespace`),
    pod: fieldPath(`${end}.pod_name`),
    workloads: fieldPath(`${end}.workloads`),
    identity: fieldPath(`${end}.identity`),
    cluster: fieldPath(`${end}.cluster_name`),
    service: fieldPath(`${end}_service`),
    serviceNamespace: fieldPath(`${end}_service.namespace`),
    serviceName: fieldPath(`${end}_service.name`),
    names: fieldPath(`${end}_names`),
    ip: fieldPath(`IP.${end}`),
    ports,
  };
}

const sourcePaths = endPaths('source', sourcePortPaths);
const destinationPaths = endPaths('destination', destinationPortPaths);
const isReply = fieldPath('is_reply.value');

/** The reader of an end's field, or null for a field that no end has. */
export function compileEndKey(field: GroupField, end: FlowEnd, texts: TextTable): KeyReader | null {
  const compile = compilers[field];
  if (compile === undefined) return null;
  switch (end) {
    case FlowEnd.SOURCE:
      return compile(sourcePaths, texts);
    case FlowEnd.DESTINATION:
      return compile(destinationPaths, texts);
    case FlowEnd.CLIENT:
    case FlowEnd.SERVER: {
      const source = compile(sourcePaths, texts);
      const destination = compile(destinationPaths, texts);
      const wantsClient = end === FlowEnd.CLIENT;
      return (index) => (index.bool(isReply) === wantsClient ? destination(index) : source(index));
    }
    default:
      return null;
  }
}

const compilers: Readonly<Record<number, (paths: EndPaths, texts: TextTable) => KeyReader>> = {
  [GroupField.NAME]: compileName,
  [GroupField.POD]: ({ namespace, pod }, texts) => compilePair(namespace, pod, texts),
  [GroupField.WORKLOAD]: compileWorkload,
  [GroupField.WORKLOAD_KIND]: compileWorkloadKind,
  [GroupField.NAMESPACE]: ({ namespace }, texts) => compileText(namespace, texts),
  [GroupField.SERVICE]: ({ serviceNamespace, serviceName }, texts) =>
    compilePair(serviceNamespace, serviceName, texts),
  [GroupField.IDENTITY]: ({ identity }, texts) => {
    const numbers = new NumberTexts(texts, (value) =>
      value === 0 ? 'unknown' : (reservedIdentityNames[value - 1] ?? String(value)),
    );
    return (index) => numbers.id(index.uint32(identity));
  },
  [GroupField.IP]: ({ ip }, texts) => compileText(ip, texts),
  [GroupField.DNS_NAME]: ({ names }, texts) => compileJoined(names, texts),
  [GroupField.PORT]: ({ ports }, texts) => {
    const numbers = new NumberTexts(texts, (value) => (value === 0 ? '' : String(value)));
    return (index) => {
      const path = ports[index.layer4];
      return path === undefined ? 0 : numbers.id(index.uint32(path) & 0xffff);
    };
  },
  [GroupField.CLUSTER]: ({ cluster }, texts) => compileText(cluster, texts),
};

/** A reader of a singular text field. */
export function compileText(path: FieldPath, texts: TextTable): KeyReader {
  let id = 0;
  const take: TextMatch = (bytes, start, end) => {
    id = texts.intern(bytes, start, end);
    return true;
  };
  return (index) => {
    index.matchText(path, take);
    return id;
  };
}

/** A reader of `first/second`, two texts of one message. */
function compilePair(first: FieldPath, second: FieldPath, texts: TextTable): KeyReader {
  let id = 0;
  const take: PairMatch = (bytes, start1, end1, start2, end2) => {
    id = texts.internPair(bytes, start1, end1, bytes, start2, end2);
    return true;
  };
  return (index) => {
    index.matchPair(first, second, take);
    return id;
  };
}

/** A reader of a repeated text field: what is not empty, joined by commas. */
function compileJoined(path: FieldPath, texts: TextTable): KeyReader {
  let id = 0;
  let joined = '';
  const take: TextMatch = (bytes, start, end) => {
    // Of one text, which is the usual case, no string is made.
    if (start === end) return false;
    if (id === 0) id = texts.intern(bytes, start, end);
    else joined = `${joined === '' ? texts.text(id) : joined},${decodeText(bytes, start, end)}`;
    return false;
  };
  return (index) => {
    id = 0;
    joined = '';
    index.someText(path, take);
    return joined === '' ? id : texts.internText(joined);
  };
}

/** The best name of an end, as the text of a flow has it (text/host-text.ts). */
function compileName(paths: EndPaths, texts: TextTable): KeyReader {
  const pod = compilePair(paths.namespace, paths.pod, texts);
  const service = compilePair(paths.serviceNamespace, paths.serviceName, texts);
  const names = compileJoined(paths.names, texts);
  const ip = compileText(paths.ip, texts);
  return (index) => {
    if (index.has(paths.service)) {
      // A service message, even an empty one, brings its own namespace, for the pod too.
      const name = index.text(paths.pod);
      const namespace = index.text(paths.serviceNamespace);
      if (name !== '') return texts.internText(namespace === '' ? name : `${namespace}/${name}`);
      return service(index) || names(index) || ip(index);
    }
    return pod(index) || names(index) || ip(index);
  };
}

/** The first workload; for lack of one the pod; for lack of that the name of a reserved identity in brackets. */
function compileWorkload(paths: EndPaths, texts: TextTable): KeyReader {
  const pod = compilePair(paths.namespace, paths.pod, texts);
  const reserved = new NumberTexts(texts, (value) =>
    value === 0 || reservedIdentityNames[value - 1] === undefined ? '' : identityText(value),
  );
  let id = 0;
  let nameBytes: Uint8Array = new Uint8Array(0);
  let nameStart = 0;
  let nameEnd = 0;
  const takeName: PairMatch = (bytes, start, end) => {
    nameBytes = bytes;
    nameStart = start;
    nameEnd = end;
    return true;
  };
  const takeNamespace: TextMatch = (bytes, start, end) => {
    id = texts.internPair(bytes, start, end, nameBytes, nameStart, nameEnd);
    return true;
  };
  return (index) => {
    id = 0;
    if (index.somePair(paths.workloads, takeName)) index.matchText(paths.namespace, takeNamespace);
    return id || pod(index) || reserved.id(index.uint32(paths.identity));
  };
}

function compileWorkloadKind(paths: EndPaths, texts: TextTable): KeyReader {
  let id = 0;
  const take: PairMatch = (bytes, _start1, _end1, start2, end2) => {
    id = texts.intern(bytes, start2, end2);
    return true;
  };
  return (index) => {
    id = 0;
    index.somePair(paths.workloads, take);
    return id;
  };
}
