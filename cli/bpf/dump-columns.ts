import { groupDigits } from '../../proto/flow/text/number-text.ts';
import {
  type ConntrackEnd,
  type ConntrackRow,
  ConntrackState,
  type EndpointMapRow,
  type IpcacheRow,
  type NamedIdentity,
  type PolicyMapRow,
  type ServiceRow,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type Counts, Direction } from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { NodeRow } from '../nodes/node-rows.ts';
import type { Column } from '../nodes/safe-table.ts';
import { ageText, agoText } from '../text/age.ts';

type Columns<T> = readonly Column<NodeRow<T>>[];

const protocolNames: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
  132: 'SCTP',
};
const protocolText = (protocol: number): string =>
  protocol === 0 ? 'any' : (protocolNames[protocol] ?? `protocol ${protocol}`);

/** A number, and what it stands for. */
function identityText(identity: NamedIdentity | undefined): string {
  if (identity === undefined) return '';
  return identity.name === '' ? String(identity.identity) : `${identity.identity} ${identity.name}`;
}

const labelsText = (identity: NamedIdentity | undefined): string => identity?.labels.join(',') ?? '';
const nodeColumn = { title: 'NODE', text: ({ node }: { readonly node: string }): string => node };
const yes = (value: boolean, text: string): string[] => (value ? [text] : []);

export const ipcacheColumns: Columns<IpcacheRow> = [
  nodeColumn,
  { title: 'ADDRESS', text: ({ row }) => row.cidr },
  { title: 'IDENTITY', text: ({ row }) => identityText(row.identity) },
  { title: 'OWNER', text: ({ row }) => row.owner },
  { title: 'LABELS', isWide: true, text: ({ row }) => labelsText(row.identity) },
];

/** The ports of an entry; of ICMP the types. */
function portText({ protocol, port, lastPort }: PolicyMapRow): string {
  if (protocol === 0) return 'any';
  if (port === 0 && lastPort === 65_535) return protocolText(protocol);
  return `${port === lastPort ? port : `${port}-${lastPort}`}/${protocolText(protocol)}`;
}

function decisionsText(counts: Counts | undefined): string {
  return counts === undefined ? '' : groupDigits(counts.allowed + counts.denied + counts.audited);
}

/** Names that were told, and how many more there are. */
function andMore(names: readonly string[], count: number): string {
  return `${names.join(', ')}${count > names.length ? `, and ${count - names.length} more` : ''}`;
}

export const policyColumns: Columns<PolicyMapRow> = [
  nodeColumn,
  {
    title: 'ENDPOINT',
    text: ({ row }) =>
      andMore(
        row.endpoints.map((name, i) => `${row.endpointIds[i]} ${name}`),
        row.endpointIds.length,
      ),
  },
  { title: 'DIRECTION', text: ({ row }) => (row.direction === Direction.INGRESS ? 'ingress' : 'egress') },
  { title: 'VERDICT', text: ({ row }) => (row.denies ? 'deny' : 'allow') },
  { title: 'PEER', text: ({ row }) => identityText(row.peer) },
  { title: 'PORT', text: ({ row }) => portText(row) },
  { title: 'MATCH', text: ({ row }) => row.matchType },
  { title: 'DECISIONS', text: ({ row }) => decisionsText(row.counts) },
  { title: 'RULES', text: ({ row }) => andMore(row.rules, row.ruleCount) },
  { title: 'SET', isWide: true, text: ({ row }) => String(row.policySet) },
  { title: 'COOKIE', isWide: true, text: ({ row }) => String(row.cookie) },
  { title: 'LABELS', isWide: true, text: ({ row }) => labelsText(row.peer) },
];

const states: Readonly<Record<number, string>> = {
  [ConntrackState.OPENING]: 'opening',
  [ConntrackState.ESTABLISHED]: 'established',
  [ConntrackState.CLOSING]: 'closing',
  [ConntrackState.CUT]: 'CUT',
  [ConntrackState.EXPIRED]: 'expired',
};

/** An end by its name, or its address for lack of one, with the port. */
function endText(end: ConntrackEnd | undefined, protocol: number): string {
  if (end === undefined) return '';
  const isIpv6 = end.address.includes(':');
  const hasPort = protocol !== 1 && protocol !== 58;
  const who = end.name === '' ? (isIpv6 && hasPort ? `[${end.address}]` : end.address) : end.name;
  return hasPort ? `${who}:${end.port}` : who;
}

const sent = ({ row }: NodeRow<ConntrackRow>, pick: 'packets' | 'bytes'): string =>
  `${groupDigits(row.initiator?.[pick] ?? 0n)}/${groupDigits(row.responder?.[pick] ?? 0n)}`;

function saidText(row: ConntrackRow): string {
  return [
    ...yes(row.askedEgress, 'egress allowed'),
    ...yes(row.askedIngress, 'ingress allowed'),
    ...yes(row.deniedEgress, 'egress DENIED'),
    ...yes(row.deniedIngress, 'ingress DENIED'),
    ...yes(row.viaStack, 'by the stack'),
    ...yes(row.wasJoined, 'joined under way'),
  ].join(', ');
}

export const conntrackColumns: Columns<ConntrackRow> = [
  nodeColumn,
  { title: 'PROTOCOL', text: ({ row }) => protocolText(row.protocol) },
  { title: 'FROM', text: ({ row }) => endText(row.initiator, row.protocol) },
  { title: 'TO', text: ({ row }) => endText(row.responder, row.protocol) },
  { title: 'STATE', text: ({ row }) => states[row.state] ?? 'unknown' },
  { title: 'PACKETS', text: (row) => sent(row, 'packets') },
  { title: 'BYTES', text: (row) => sent(row, 'bytes') },
  { title: 'LAST', text: ({ row }) => agoText(row.lastSeen, Date.now()) },
  { title: 'EXPIRES', text: ({ row }) => ageText(row.expiresInS * 1000) },
  {
    title: 'ADDRESSES',
    isWide: true,
    text: ({ row }) => `${row.initiator?.address} ${row.responder?.address}`,
  },
  {
    title: 'IDENTITIES',
    isWide: true,
    text: ({ row }) => `${identityText(row.initiator?.identity)} > ${identityText(row.responder?.identity)}`,
  },
  {
    title: 'TCP FLAGS',
    isWide: true,
    isOptional: true,
    text: ({ row }) =>
      [row.initiator?.tcpFlags ?? '', row.responder?.tcpFlags ?? '']
        .filter((flags) => flags !== '')
        .join(' / '),
  },
  { title: 'POLICIES', isWide: true, text: ({ row }) => saidText(row) },
];

function enforcedText(row: EndpointMapRow): string {
  if (row.policyGeneration === 0n) return 'none: everything is denied';
  const directions = [...yes(row.enforcesIngress, 'ingress'), ...yes(row.enforcesEgress, 'egress')];
  return directions.length === 0 ? 'open' : `${directions.join(',')}${row.audits ? ' (audit)' : ''}`;
}

export const endpointColumns: Columns<EndpointMapRow> = [
  nodeColumn,
  { title: 'IFINDEX', text: ({ row }) => String(row.ifindex) },
  { title: 'INTERFACE', text: ({ row }) => row.interface },
  { title: 'ID', text: ({ row }) => String(row.id) },
  { title: 'POD', text: ({ row }) => row.name },
  { title: 'IDENTITY', text: ({ row }) => identityText(row.identity) },
  { title: 'ADDRESSES', text: ({ row }) => row.addresses.join(',') },
  { title: 'ENFORCES', text: ({ row }) => enforcedText(row) },
  { title: 'SET', text: ({ row }) => String(row.policySet) },
  { title: 'GENERATION', text: ({ row }) => String(row.policyGeneration) },
  { title: 'POD MAC', isWide: true, text: ({ row }) => row.podMac },
  { title: 'HOST MAC', isWide: true, text: ({ row }) => row.hostMac },
];

export const serviceColumns: Columns<ServiceRow> = [
  nodeColumn,
  { title: 'SERVICE', text: ({ row }) => `${row.cluster}/${row.namespace}/${row.name}` },
  { title: 'ADDRESS', text: ({ row }) => row.address },
  { title: 'PORT', text: ({ row }) => `${row.port}/${protocolText(row.protocol)}` },
  { title: 'PODS', text: ({ row }) => String(row.backendCount) },
  {
    title: 'BACKENDS',
    isWide: true,
    text: ({ row }) =>
      row.backends
        .map(
          ({ address, port, pod }) =>
            `${address.includes(':') ? `[${address}]` : address}:${port || '?'}${pod === '' ? '' : ` ${pod}`}`,
        )
        .join(', '),
  },
];
