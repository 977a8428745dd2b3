import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type DropReason,
  type Flow,
  type FlowFilter,
  FlowFilterSchema,
  FlowSchema,
  type Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { messageArbitrary } from './message-arbitrary.ts';
import { plainFields } from './plain-filter.ts';
import { plainExpressions, plainPatterns } from './plain-text.ts';

/** Few texts, so that flows and filters meet. */
const texts = {
  namespace: ['', 'default', 'shop'],
  pod_name: ['', 'web', 'web-1', 'cart-7d9', 'weber'],
  name: ['', 'web', 'n1', 'eth0', 'cart'],
  kind: ['', 'Deployment', 'Pod'],
  cluster_name: ['', 'default', 'east'],
  labels: [
    'k8s:app=cart',
    'app=web',
    'reserved:world',
    '$host',
    'reserved:=x',
    'k8s:app',
    ':app=cart',
    'a=b:c',
    'k8s:tier=2',
    'k8s:tier=-3',
    'cidr:10.1.0.0/16',
    'cidr:2001-db8--1/128',
    '',
  ],
  node_labels: ['os=linux', 'zone=a', 'k8s:zone=b'],
  source: ['', '10.1.2.3', '10.200.0.1', 'fd00::1', '2001:db8::1', '::ffff:10.1.2.3', 'rubbish'],
  destination: ['', '10.1.2.3', '192.168.0.1', 'fd00::1', 'fe80::1%eth0'],
  source_xlated: ['', '10.1.2.3'],
  node_name: ['', 'n1', 'n_1', 'east/n1', 'east/n-2.local', 'a/b/c', 'East/n1', 'default/n1', 'east/', '/n1'],
  source_names: ['api.example.org', 'a_b.example.org', 'API.example.org', 'example.org', 'x.y.example.org'],
  destination_names: ['api.example.org', 'example.org.', ''],
  uuid: ['', 'u1'],
  trace_id: ['', 't1', 't2'],
  method: ['', 'GET', 'get', 'Post'],
  key: ['Host', 'host', 'X'],
  value: ['', 'a', 'b'],
  url: [
    '',
    '/api/v1/users',
    '/api/v1/users?page=2',
    '/a%2Fb',
    '/a%zz',
    '/API',
    '/\u0001',
    '//host/x',
    '*',
    '?x',
    'a/b',
    'svc.example:443',
    'http://host',
    'http://host/api/x#y',
    'http://user:p%41@host:80/a%2eb',
    'http://host:port/api',
    'http://[::1]:80/api',
    'http://[::1/api',
    'http://h%41/api',
    'http://hé%c3%a9/%C3%A9',
    'x+1:/api?',
  ],
  query: ['', 'api.example.org.', 'example', 'xx'],
};

/** Flows made of few values. */
export const flows = messageArbitrary(FlowSchema, { texts, limit: 41 }).map((message) => {
  const flow = message as Flow;
  // Numbers from a few, for the same reason.
  const small = [flow.source, flow.destination].filter((endpoint) => endpoint !== undefined);
  for (const endpoint of small) endpoint.identity %= 3;
  flow.verdict = [0, 1, 2, 2][flow.verdict & 3] as Verdict;
  flow.dropReasonDesc = [0, 133, 1, 2][flow.dropReasonDesc & 3] as DropReason;
  if (flow.interface !== undefined) flow.interface.index %= 3;
  if (flow.ipTraceId !== undefined) flow.ipTraceId.traceId %= 3n;
  if (flow.eventType !== undefined) {
    flow.eventType.type = [0, 1, 4, 129][flow.eventType.type & 3];
    flow.eventType.subType &= 3;
  }
  const protocol = flow.l4?.protocol;
  if (protocol?.case === 'TCP' || protocol?.case === 'UDP' || protocol?.case === 'SCTP') {
    protocol.value.sourcePort = [80, 53, 65_616, 0][protocol.value.sourcePort & 3];
    protocol.value.destinationPort = [80, 53, 65_616, 0][protocol.value.destinationPort & 3];
  }
  if (flow.l7?.record.case === 'http')
    flow.l7.record.value.code = [0, 200, 404, 504][flow.l7.record.value.code & 3];
  return flow;
});

const names = ['web', 'shop/web', 'shop/', '/web', '/', '/cart-7d9', 'shop/cart/extra'];
const addresses = [
  '10.1.2.3',
  '10.0.0.0/8',
  '0.0.0.0/0',
  '::/0',
  'fd00::1',
  'fd00::/8',
  '::ffff:0:0/96',
  '10.1.2.3/31',
];
const selectors = [
  '',
  'app',
  '!app',
  'app=cart',
  'k8s:app=cart',
  'app!=cart',
  'app in (cart,web)',
  'k8s:app notin (cart)',
  'reserved:world',
  'reserved:host',
  'unspec:app',
  'reserved:x',
  'zone=a,os',
  'app,!zone',
  'any:app=',
  'tier>1',
  'k8s:tier<2',
  'cidr:10.0.0.0/8',
  '!cidr:2001-db8--0/32',
];
const fqdns = ['*', '*.example.org', 'example.org.', 'API.example.org', 'a_*.org', ' *p*i.*.org', 'a*b*'];
const nodes = ['n1', 'n*', 'east/', '/n1', '/', 'east/n*', 'default/n1', '*/n1', 'n_1', 'e*t/*.local'];
const numbers = [0, 1, 2, 133];
const ports = ['80', '53', '0080', '0'];
const flags = [{}, { SYN: true }, { SYN: true, ACK: true }, { NS: true }];

const pools: Readonly<Record<string, readonly unknown[]>> = {
  uuid: ['', 'u1'],
  verdict: numbers,
  dropReasonDesc: numbers,
  eventType: [0, 1, 4, 129].flatMap((type) => [
    { type },
    { type, matchSubType: true, subType: 1 },
    { type, subType: 2 },
  ]),
  trafficDirection: numbers,
  reply: [true, false],
  encrypted: [true, false],
  ipVersion: numbers,
  interface: [{}, { index: 1 }, { name: 'eth0' }, { index: 2, name: 'web' }],
  traceId: texts.trace_id,
  ipTraceId: [0n, 1n],
  sourceIp: addresses,
  destinationIp: addresses,
  sourceIpXlated: addresses,
  sourcePod: names,
  destinationPod: names,
  sourceService: names,
  destinationService: names,
  sourceWorkload: [{}, { name: 'web' }, { kind: 'Pod' }, { name: 'cart', kind: 'Deployment' }],
  destinationWorkload: [{ name: 'web' }, { kind: 'Deployment' }],
  sourceLabel: selectors,
  destinationLabel: selectors,
  nodeLabels: selectors,
  sourceIdentity: [0, 1],
  destinationIdentity: [0, 2],
  sourceFqdn: fqdns,
  destinationFqdn: fqdns,
  sourceClusterName: ['default', 'east'],
  destinationClusterName: ['default', 'east'],
  sourcePort: ports,
  destinationPort: ports,
  protocol: ['tcp', 'UDP', 'icmp', 'ICMPv6', 'icmpv4', 'sctp', 'vrrp', 'igmp', 'dns', 'HTTP'],
  tcpFlags: flags,
  httpStatusCode: ['404', '200', '4+', '50+'],
  httpMethod: ['GET', 'post'],
  httpHeader: [
    { key: 'Host', value: 'a' },
    { key: 'X', value: '' },
  ],
  httpPath: Object.keys(plainPatterns),
  httpUrl: Object.keys(plainPatterns),
  dnsQuery: Object.keys(plainPatterns),
  nodeName: nodes,
};

const someOf = (values: readonly unknown[], maxLength = 3): fc.Arbitrary<unknown[]> =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength });

/** Filters of one or two fields with one to three values each; an event type that HTTP fields allow. */
export const filters: fc.Arbitrary<FlowFilter> = fc
  .uniqueArray(fc.constantFrom(...plainFields, 'experimental'), { minLength: 1, maxLength: 2 })
  .chain((fields) =>
    fc.record(
      Object.fromEntries(
        fields.map((field) => [
          field,
          field === 'experimental'
            ? fc.record({ celExpression: someOf(Object.keys(plainExpressions), 2) })
            : someOf(pools[field]),
        ]),
      ),
    ),
  )
  .map((init) => {
    const filter = create(FlowFilterSchema, init);
    const usesHttp = [
      filter.httpStatusCode,
      filter.httpMethod,
      filter.httpPath,
      filter.httpUrl,
      filter.httpHeader,
    ].some((values) => values.length > 0);
    if (usesHttp && filter.eventType.length > 0) filter.eventType[0].type = 129;
    return filter;
  });
