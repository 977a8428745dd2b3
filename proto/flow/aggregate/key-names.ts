// Types only: the command line lists these names in its help, where loading the schema would take longer than all else.
import type { FlowEnd, GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';

/** The ends: as the API and as people call them. */
export const endNames: readonly (readonly [keyof typeof FlowEnd, string])[] = [
  ['SOURCE', 'source'],
  ['DESTINATION', 'destination'],
  ['CLIENT', 'client'],
  ['SERVER', 'server'],
];

/** Fields of an end: the second half of the name, and what it is. */
export const endFieldNames: readonly (readonly [keyof typeof GroupField, string, string])[] = [
  ['NAME', '', 'the best name: pod, service, DNS names or address'],
  ['POD', '-pod', 'namespace/pod'],
  ['WORKLOAD', '-workload', 'namespace/workload; else the pod, else (world) and the like'],
  ['WORKLOAD_KIND', '-workload-kind', 'Deployment and the like'],
  ['NAMESPACE', '-namespace', 'namespace'],
  ['SERVICE', '-service', 'namespace/service'],
  ['IDENTITY', '-identity', 'identity: its number, or the name of a reserved one'],
  ['IP', '-ip', 'address'],
  ['DNS_NAME', '-dns-name', 'DNS names known for the address'],
  ['PORT', '-port', 'TCP, UDP or SCTP port'],
  ['CLUSTER', '-cluster', 'cluster'],
];

/** Fields of the whole flow: name, and what it is. */
export const flowFieldNames: readonly (readonly [keyof typeof GroupField, string, string])[] = [
  ['PROTOCOL', 'protocol', 'HTTP or DNS where it was looked into, else TCP, UDP, ICMPv4, …'],
  ['VERDICT', 'verdict', 'FORWARDED, DROPPED, …'],
  ['DROP_REASON', 'drop-reason', 'POLICY_DENIED, …'],
  ['DIRECTION', 'direction', 'ingress or egress, as the local end sees it'],
  ['NODE', 'node', 'the node that saw it'],
  ['REPLY', 'reply', 'true or false'],
  ['TCP_FLAGS', 'tcp-flags', 'SYN; SYN, ACK; …'],
  ['POLICY', 'policy', 'kind/namespace/name of the policies that decided'],
  ['EVENT_TYPE', 'type', 'to-endpoint, drop, policy-verdict, l7, …'],
  ['IP_VERSION', 'ip-version', '4 or 6'],
  ['INTERFACE', 'interface', 'network interface'],
  ['DNS_QUERY', 'dns-query', 'the name that was asked for'],
  ['DNS_RCODE', 'dns-rcode', 'NOERROR, NXDOMAIN, …'],
  ['HTTP_METHOD', 'http-method', 'GET, POST, …'],
  ['HTTP_URL', 'http-url', 'URL'],
  ['HTTP_STATUS', 'http-status', 'status of HTTP answers'],
  ['ENCRYPTED', 'encrypted', 'true or false'],
  ['TIME', 'time', 'when the minute begins, or what else --aggregate-bucket says'],
];

/** Words that stand for several keys: who talks to whom. */
export const keyPairs: ReadonlyMap<string, readonly string[]> = new Map(
  endFieldNames
    .filter(([, suffix]) => suffix !== '')
    .map(([, suffix]) => {
      // Of the ports, only the server's tells anything.
      const names = suffix === '-port' ? ['server-port'] : [`client${suffix}`, `server${suffix}`];
      return [suffix.slice(1), names];
    }),
);

/** Every word that stands for a key, or several. */
export const keyWords: readonly string[] = [
  ...endNames.flatMap(([, end]) => endFieldNames.map(([, suffix]) => end + suffix)),
  ...flowFieldNames.map(([, name]) => name),
  ...keyPairs.keys(),
];
