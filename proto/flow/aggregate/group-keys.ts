import { FlowEnd, GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';

/** A key as people name it. */
export interface NamedKey {
  /** Such as `source-pod`. */
  readonly name: string;
  readonly field: GroupField;
  readonly end: FlowEnd;
  /** What its text is. */
  readonly help: string;
}

const ends: readonly (readonly [FlowEnd, string, string])[] = [
  [FlowEnd.SOURCE, 'source', 'the source'],
  [FlowEnd.DESTINATION, 'destination', 'the destination'],
  [FlowEnd.CLIENT, 'client', 'the end that opened the connection'],
  [FlowEnd.SERVER, 'server', 'the other end'],
];

/** Fields of an end: the name's second half, and what it is. */
const endFields: readonly (readonly [GroupField, string, string])[] = [
  [GroupField.NAME, '', 'the best name of ENDS: pod, service, DNS names or address'],
  [GroupField.POD, '-pod', 'namespace/pod'],
  [GroupField.WORKLOAD, '-workload', 'namespace/workload; else the pod, else (world) and the like'],
  [GroupField.WORKLOAD_KIND, '-workload-kind', 'Deployment and the like'],
  [GroupField.NAMESPACE, '-namespace', 'namespace'],
  [GroupField.SERVICE, '-service', 'namespace/service'],
  [GroupField.IDENTITY, '-identity', 'identity: its number, or the name of a reserved one'],
  [GroupField.IP, '-ip', 'address'],
  [GroupField.DNS_NAME, '-dns-name', 'DNS names known for the address'],
  [GroupField.PORT, '-port', 'TCP, UDP or SCTP port'],
  [GroupField.CLUSTER, '-cluster', 'cluster'],
];

const flowFields: readonly (readonly [GroupField, string, string])[] = [
  [GroupField.PROTOCOL, 'protocol', 'HTTP or DNS where it was looked into, else TCP, UDP, ICMPv4, …'],
  [GroupField.VERDICT, 'verdict', 'FORWARDED, DROPPED, …'],
  [GroupField.DROP_REASON, 'drop-reason', 'POLICY_DENIED, …'],
  [GroupField.DIRECTION, 'direction', 'ingress or egress, as the local end sees it'],
  [GroupField.NODE, 'node', 'the node that saw it'],
  [GroupField.REPLY, 'reply', 'true or false'],
  [GroupField.TCP_FLAGS, 'tcp-flags', 'SYN; SYN, ACK; …'],
  [GroupField.POLICY, 'policy', 'kind/namespace/name of the policies that decided'],
  [GroupField.EVENT_TYPE, 'type', 'to-endpoint, drop, policy-verdict, l7, …'],
  [GroupField.IP_VERSION, 'ip-version', '4 or 6'],
  [GroupField.INTERFACE, 'interface', 'network interface'],
  [GroupField.DNS_QUERY, 'dns-query', 'the name that was asked for'],
  [GroupField.DNS_RCODE, 'dns-rcode', 'NOERROR, NXDOMAIN, …'],
  [GroupField.HTTP_METHOD, 'http-method', 'GET, POST, …'],
  [GroupField.HTTP_URL, 'http-url', 'URL'],
  [GroupField.HTTP_STATUS, 'http-status', 'status of HTTP answers'],
  [GroupField.ENCRYPTED, 'encrypted', 'true or false'],
];

/** Every key there is, by the name that the command line takes. */
export const namedKeys: readonly NamedKey[] = [
  ...ends.flatMap(([end, name, who]) =>
    endFields.map(([field, suffix, help]) => ({
      name: name + suffix,
      field,
      end,
      help: help.replace('ENDS', who),
    })),
  ),
  ...flowFields.map(([field, name, help]) => ({ name, field, end: FlowEnd.FLOW_END_UNSPECIFIED, help })),
];

const byName = new Map(namedKeys.map((key) => [key.name, key]));

/** The key of a name, or undefined. */
export function keyOfName(name: string): NamedKey | undefined {
  return byName.get(name);
}

/** Words that stand for several keys: who talks to whom. */
export const keyPairs: ReadonlyMap<string, readonly string[]> = new Map(
  endFields
    .filter(([field]) => field !== GroupField.NAME)
    .map(([field, suffix]) => {
      const word = suffix.slice(1);
      // Of the ports, only the server's tells anything.
      return [word, field === GroupField.PORT ? ['server-port'] : [`client${suffix}`, `server${suffix}`]];
    }),
);

/** Whether a field is one of an end. */
export function isEndField(field: GroupField): boolean {
  return endFields.some(([known]) => known === field);
}

/** Whether a field exists. */
export function isKnownField(field: GroupField): boolean {
  return isEndField(field) || flowFields.some(([known]) => known === field);
}
