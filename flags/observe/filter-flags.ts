import { tracePointNames } from '../../proto/flow/text/event-names.ts';
import { reservedIdentityNames } from '../../proto/flow/text/identity-text.ts';
import type { FlagKind, FlagSpec } from '../flag-spec.ts';

type More = Pick<FlagSpec, 'short' | 'suggestions'>;

function groupOf(group: string) {
  const flag = (
    kind: FlagKind,
    name: string,
    value: string | undefined,
    help: string,
    more: More,
  ): FlagSpec => ({
    name,
    kind,
    group,
    help,
    ...(value !== undefined && { value }),
    ...more,
  });
  return {
    valued: (name: string, value: string, help: string, more: More = {}) =>
      flag('string', name, value, help, more),
    plain: (name: string, help: string, more: More = {}) => flag('switch', name, undefined, help, more),
    /** `--x`, `--from-x` and `--to-x`. */
    ends: (name: string, value: string, what: string, more: More = {}): FlagSpec[] => {
      const { short, ...rest } = more;
      return [
        flag('string', name, value, `One end ${what}.`, more),
        flag('string', `from-${name}`, value, `The source ${what}.`, short === undefined ? more : rest),
        flag('string', `to-${name}`, value, `The destination ${what}.`, short === undefined ? more : rest),
      ];
    },
  };
}

const ends = groupOf('Filters: who');
const packet = groupOf('Filters: what');
const place = groupOf('Filters: where');
const layer7 = groupOf('Filters: HTTP and tracing');
const raw = groupOf('Filters: combined');

/** Every filter flag of `observe`, in the order in which help shows them. */
export const filterFlags: readonly FlagSpec[] = [
  raw.plain('not', 'Turns the next filter around: what it matches is hidden.'),
  ...ends.ends('namespace', 'NAME', 'is in this namespace', { short: 'n' }),
  ends.plain('all-namespaces', 'One end is in a namespace, whichever.', { short: 'A' }),
  ends.plain('from-all-namespaces', 'The source is in a namespace, whichever.'),
  ends.plain('to-all-namespaces', 'The destination is in a namespace, whichever.'),
  ...ends.ends(
    'pod',
    '[NAMESPACE/]PREFIX',
    'is a pod whose name begins so; without a namespace anywhere: of the namespace "default"',
  ),
  ...ends.ends('service', '[NAMESPACE/]PREFIX', 'is a service whose name begins so'),
  ...ends.ends('workload', '[KIND/]NAME', 'belongs to this workload, such as Deployment/web'),
  ...ends.ends('label', 'SELECTOR', 'has labels that match, such as app=web or "tier in (a, b)"', {
    short: 'l',
  }),
  ...ends.ends('cluster', 'NAME', 'is in this cluster'),
  ...ends.ends(
    'identity',
    'ID',
    `has this identity: a number, or one of ${reservedIdentityNames.slice(0, 10).join(', ')}`,
    { suggestions: reservedIdentityNames },
  ),
  ...ends.ends('ip', 'IP|CIDR', 'has this address'),
  ...ends.ends('fqdn', 'PATTERN', 'has a DNS name that matches, with * for any part'),
  ...ends.ends('port', 'PORT', 'has this TCP, UDP or SCTP port'),
  ends.valued('snat-ip', 'IP|CIDR', 'The source was translated to this address.'),

  packet.valued('verdict', 'VERDICT', 'FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED.', {
    suggestions: ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED'],
  }),
  packet.valued('drop-reason-desc', 'REASON', 'Dropped for this reason, such as POLICY_DENIED.'),
  packet.valued(
    'type',
    'TYPE[:SUBTYPE]',
    'Kind of event: drop, capture, trace, l7, policy-verdict, trace-sock or a number; trace:to-endpoint and so on for a point of observation.',
    {
      short: 't',
      suggestions: [
        'drop',
        'capture',
        'trace',
        'l7',
        'policy-verdict',
        'trace-sock',
        ...tracePointNames.map((name) => `trace:${name}`),
      ],
    },
  ),
  packet.valued('protocol', 'NAME', 'tcp, udp, sctp, icmp, icmpv4, icmpv6, vrrp, igmp, dns or http.', {
    suggestions: ['tcp', 'udp', 'sctp', 'icmp', 'icmpv4', 'icmpv6', 'vrrp', 'igmp', 'dns', 'http'],
  }),
  packet.valued('tcp-flags', 'FLAGS', 'TCP with all of these flags set, such as SYN,ACK.'),
  packet.valued('traffic-direction', 'DIRECTION', 'ingress or egress, as the local end sees it.', {
    suggestions: ['ingress', 'egress'],
  }),
  packet.plain('reply', 'Replies only.'),
  packet.plain('not-reply', 'Everything but replies.'),
  packet.plain('ipv4', 'IPv4.', { short: '4' }),
  packet.plain('ipv6', 'IPv6.', { short: '6' }),
  packet.valued('ip-version', 'VERSION', '4, 6, or none for what has no IP layer.', {
    suggestions: ['none', '4', '6', 'v4', 'v6', 'ip4', 'ip6', 'ipv4', 'ipv6'],
  }),
  packet.plain('encrypted', 'Encrypted between nodes.'),
  packet.plain('unencrypted', 'Not encrypted between nodes.'),
  packet.valued('uuid', 'UUID', 'The flow with this id.'),

  place.valued('node-name', '[CLUSTER/]PATTERN', 'Seen on nodes whose name matches.'),
  place.valued('node-label', 'SELECTOR', 'Seen on nodes whose labels match.'),
  place.valued('interface', 'NAME', 'Seen on this network interface.'),

  layer7.valued('http-status', 'CODE', 'HTTP answers with this status: 404, or 5+ for all that begin so.', {
    suggestions: ['1+', '2+', '3+', '4+', '5+', '200', '404', '500', '503'],
  }),
  layer7.valued('http-method', 'METHOD', 'HTTP with this method.', {
    suggestions: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
  }),
  layer7.valued('http-path', 'REGEX', 'HTTP with a path that matches.'),
  layer7.valued('http-url', 'REGEX', 'HTTP with a URL that matches.'),
  layer7.valued('http-header', 'NAME:VALUE', 'HTTP with exactly this header.'),
  layer7.valued('trace-id', 'ID', 'With this distributed-tracing id.'),
  layer7.valued('ip-trace-id', 'ID', 'With this trace id in an IP option.'),

  raw.valued('cel-expression', 'CEL', 'This CEL expression over _flow is true.'),
];

/** Filters in JSON, beside those that the filter flags build. */
export const rawFilterFlags: readonly FlagSpec[] = [
  raw.valued(
    'allowlist',
    'JSON',
    'A FlowFilter in JSON: flows that it matches are shown too; also SLUICE_ALLOWLIST.',
  ),
  raw.valued(
    'denylist',
    'JSON',
    'A FlowFilter in JSON: flows that it matches are hidden; also SLUICE_DENYLIST.',
  ),
  {
    name: 'print-raw-filters',
    kind: 'bool',
    group: 'Filters: combined',
    help: 'Print the filters that would be sent, as a config file has them, and end.',
  },
];
