import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { formatIp } from '../../cluster/index.ts';
import {
  type ConntrackEnd,
  ConntrackEndSchema,
  type ConntrackRow,
  ConntrackRowSchema,
  ConntrackState,
  type EndpointMapRow,
  EndpointMapRowSchema,
  type IpcacheRow,
  IpcacheRowSchema,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type ConntrackEntry, type ConntrackSide, decodeConntrack } from '../datapath/conntrack-entry.ts';
import {
  decodeAddressKey,
  decodeCidrKey,
  decodeEndpoint,
  encodeU32,
  layouts,
} from '../datapath/map-layout.ts';
import type { MapEntry } from '../kernel/bpf-map.ts';
import { decodeEndpointPolicy } from '../policy/policy-layout.ts';
import type { RowFilter } from './datapath-filter.ts';
import type { DatapathNames, NamedAddress } from './datapath-names.ts';
import type { NodeView, ShownMap } from './node-view.ts';

/** What rows are made of and from. */
export interface TableContext {
  readonly view: NodeView;
  readonly names: DatapathNames;
  readonly filter: RowFilter;
}

/** The wanted rows among a batch of what a map holds; the batches of all maps of a table, with how many entries each had. */
export type RowBatches<T> = Generator<{ readonly rows: T[]; readonly read: number }>;

function* rowsOf<T>(
  { view }: TableContext,
  map: ShownMap,
  rowOf: (entry: MapEntry) => T | null,
): RowBatches<T> {
  for (const batch of view.datapath.map(map).batches()) {
    yield { rows: batch.map(rowOf).filter((row) => row !== null), read: batch.length };
  }
}

/** Addresses and ranges with their identities. */
export function* ipcacheRows(context: TableContext): RowBatches<IpcacheRow> {
  const { names, filter } = context;
  const identityOf = (value: Uint8Array): number =>
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).readUInt32LE(layouts.ipcache_info.identity);
  yield* rowsOf(context, 'ipcache', ([key, value]) => {
    const bytes = decodeAddressKey(key);
    const named = names.address(bytes);
    const identity = names.identity(identityOf(value));
    if (!filter.wantsAddresses([{ bytes, named: { ...named, identity } }])) return null;
    return create(IpcacheRowSchema, {
      cidr: `${formatIp(bytes)}/${bytes.length * 8}`,
      identity,
      owner: named.owner,
    });
  });
  yield* rowsOf(context, 'ipcache_cidr', ([key, value]) => {
    const range = decodeCidrKey(key);
    const identity = names.identity(identityOf(value));
    if (!filter.wantsNames([]) || !filter.wantsRange(range) || !filter.wantsIdentities([identity.identity])) {
      return null;
    }
    return create(IpcacheRowSchema, { cidr: `${formatIp(range.bytes)}/${range.bits}`, identity });
  });
}

/** Connections, each from whom it began. */
export function* conntrackRows(context: TableContext): RowBatches<ConntrackRow> {
  for (const map of ['ct4', 'ct6'] as const)
    yield* rowsOf(context, map, (entry) => conntrackRow(context, entry));
}

function conntrackRow({ names, filter }: TableContext, [key, value]: MapEntry): ConntrackRow | null {
  const entry = decodeConntrack(key, value, process.hrtime.bigint());
  const { protocol, initiator, responder } = entry;
  if (!filter.wantsProtocol(protocol)) return null;
  if (entry.expiresInSeconds < 0 && !filter.wantsExpired) return null;
  if (![initiator, responder].some(({ port }) => filter.wantsPorts(port, port))) return null;
  const from = { bytes: initiator.address, named: names.address(initiator.address) };
  const to = { bytes: responder.address, named: names.address(responder.address) };
  if (!filter.wantsAddresses([from, to])) return null;
  return create(ConntrackRowSchema, {
    protocol,
    initiator: endOf(initiator, from.named),
    responder: endOf(responder, to.named),
    state: stateOf(entry),
    lastSeen: timestampFromMs(Date.now() - Math.round(entry.ageSeconds * 1000)),
    expiresInS: Math.max(0, Math.round(entry.expiresInSeconds)),
    viaStack: entry.viaStack,
    wasJoined: entry.wasJoined,
    deniedIngress: entry.isDenied.ingress,
    deniedEgress: entry.isDenied.egress,
    askedIngress: entry.isAllowed.ingress,
    askedEgress: entry.isAllowed.egress,
  });
}

function stateOf(entry: ConntrackEntry): ConntrackState {
  if (entry.expiresInSeconds < 0) return ConntrackState.EXPIRED;
  if (entry.isDenied.ingress || entry.isDenied.egress) return ConntrackState.CUT;
  if (entry.isClosing) return ConntrackState.CLOSING;
  return entry.hasReplied ? ConntrackState.ESTABLISHED : ConntrackState.OPENING;
}

/** TCP's flags from the lowest bit on. */
const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;

function endOf(side: ConntrackSide, { name, identity }: NamedAddress): ConntrackEnd {
  return create(ConntrackEndSchema, {
    address: formatIp(side.address),
    port: side.port,
    name,
    identity,
    packets: side.packets,
    bytes: side.bytes,
    tcpFlags: TCP_FLAGS.filter((_, bit) => (side.tcpFlags & (1 << bit)) !== 0).join(','),
  });
}

/** Interfaces whose packets the programs know, with the policy of each. */
export function* endpointRows(context: TableContext): RowBatches<EndpointMapRow> {
  const { view, names, filter } = context;
  const attached = new Map(view.datapath.endpoints.map((endpoint) => [endpoint.ifindex, endpoint]));
  const policies = view.datapath.map('endpoint_policies');
  yield* rowsOf(context, 'endpoints', ([key, value]) => {
    const ifindex = Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32LE(0);
    const { id, identity, addresses, podMac, hostMac } = decodeEndpoint(value);
    const owner = attached.get(ifindex);
    const name = owner === undefined ? '' : `${owner.pod.namespace}/${owner.pod.podName}`;
    const isWanted =
      filter.wantsNames(name === '' ? [] : [name]) &&
      filter.wantsEndpoints([id]) &&
      filter.wantsIdentities([identity]) &&
      addresses.some((bytes) => filter.wantsRange({ bytes, bits: bytes.length * 8 }));
    if (!isWanted) return null;
    const header = policies.lookup(encodeU32(id));
    const policy = header === null ? null : decodeEndpointPolicy(header);
    return create(EndpointMapRowSchema, {
      ifindex,
      id,
      identity: names.identity(identity),
      addresses: addresses.map(formatIp),
      podMac: formatMac(podMac),
      hostMac: formatMac(hostMac),
      name,
      interface: owner?.linkName ?? '',
      policyGeneration: BigInt(policy?.generation ?? 0),
      policySet: policy?.setId ?? 0,
      enforcesIngress: policy?.enforcesIngress ?? false,
      enforcesEgress: policy?.enforcesEgress ?? false,
      audits: policy?.audits ?? false,
    });
  });
}

/** Six bytes in hex; empty for none. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
