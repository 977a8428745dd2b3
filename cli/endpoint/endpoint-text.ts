import {
  DirectionEnforcement,
  type DirectionState,
  type Endpoint,
  EndpointState,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import type { NodeRow } from '../nodes/node-rows.ts';
import type { Column } from '../nodes/safe-table.ts';
import { agoText } from '../text/age.ts';

type Row = NodeRow<Endpoint>;

const states: Readonly<Record<number, string>> = {
  [EndpointState.READY]: 'ready',
  [EndpointState.WAITING]: 'WAITING',
  [EndpointState.POLICY_FAILED]: 'POLICY FAILED',
  [EndpointState.CLOSED]: 'CLOSED',
};
const enforcements: Readonly<Record<number, string>> = {
  [DirectionEnforcement.OPEN]: 'open',
  [DirectionEnforcement.ENFORCED]: 'enforced',
  [DirectionEnforcement.ALLOWS_BY_DEFAULT]: 'allows',
  [DirectionEnforcement.SWITCHED_OFF]: 'off',
};

function directionText(state: DirectionState | undefined): string {
  if (state === undefined) return '';
  const isActive =
    state.enforcement === DirectionEnforcement.ENFORCED ||
    state.enforcement === DirectionEnforcement.ALLOWS_BY_DEFAULT;
  return state.audits && isActive ? 'audit' : (enforcements[state.enforcement] ?? '');
}

function idText({ id, state }: Endpoint): string {
  return state === EndpointState.WAITING ? '' : String(id);
}

const ofFamily = (addresses: readonly string[], isIpv6: boolean): string =>
  addresses.filter((address) => address.includes(':') === isIpv6).join(',');

export const endpointColumns: readonly Column<Row>[] = [
  { title: 'NODE', text: ({ node }) => node },
  { title: 'ID', text: ({ row }) => idText(row) },
  { title: 'NAMESPACE', text: ({ row }) => row.namespace },
  { title: 'POD', text: ({ row }) => (row.namespace === '' ? '(the node)' : row.podName) },
  { title: 'IDENTITY', text: ({ row }) => String(row.identity) },
  { title: 'INGRESS', text: ({ row }) => directionText(row.ingress) },
  { title: 'EGRESS', text: ({ row }) => directionText(row.egress) },
  { title: 'REVISION', text: ({ row }) => String(row.policyRevision) },
  { title: 'ENTRIES', text: ({ row }) => String(row.policyEntries) },
  { title: 'IPV4', text: ({ row }) => ofFamily(row.addresses, false) },
  { title: 'STATE', text: ({ row }) => states[row.state] ?? 'unknown' },
  { title: 'IPV6', isWide: true, text: ({ row }) => ofFamily(row.addresses, true) },
  { title: 'INTERFACE', isWide: true, text: ({ row }) => row.interface },
  { title: 'WORKLOAD', isWide: true, text: ({ row }) => row.workloads.join(',') },
  { title: 'LABELS', isWide: true, text: ({ row }) => row.labels.join(',') },
  { title: 'POLICIES', isWide: true, text: ({ row }) => row.policies.join(',') },
];

/** Everything about one endpoint, for people. */
export function endpointText({ node, row }: Row, nowMs: number): string {
  const who = row.namespace === '' ? `the node ${row.podName}` : `${row.namespace}/${row.podName}`;
  const number = idText(row);
  const list = (title: string, values: readonly string[]): string =>
    values.length === 0 ? '' : `  ${title}:\n${values.map((value) => `    ${value}\n`).join('')}`;
  const fields: readonly (readonly [string, string])[] = [
    ['Node', node],
    ['State', states[row.state] ?? 'unknown'],
    ['Identity', String(row.identity)],
    ['Addresses', row.addresses.join(', ')],
    [
      'Interface',
      row.interface === ''
        ? ''
        : `${row.interface} (${row.ifindex}), host ${row.hostMac || '?'}, pod ${row.podMac || '?'}`,
    ],
    ['Workload', row.workloads.join(', ')],
    ['Ingress', directionText(row.ingress)],
    ['Egress', directionText(row.egress)],
    ['Policy', `revision ${row.policyRevision}, ${row.policyEntries} entries in set ${row.policySet}`],
  ];
  const problems = row.problems.map(
    ({ message, since }) => `${message}${since === undefined ? '' : ` (for ${agoText(since, nowMs)})`}`,
  );
  return [
    `${who}${number === '' ? '' : ` (${number})`}\n`,
    ...fields
      .filter(([, text]) => text !== '')
      .map(([title, text]) => `  ${`${title}:`.padEnd(12)}${text}\n`),
    list('Labels', row.labels),
    list('Policies', row.policies),
    list('Problems', problems),
  ].join('');
}
