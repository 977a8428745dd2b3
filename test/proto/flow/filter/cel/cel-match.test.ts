import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { compileFilter, compileFlowFilters } from '../../../../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../../../../proto/flow/flow-index.ts';
import { FlowFilterSchema } from '../../../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../../../proto/gen/observer/observer_pb.ts';
import { type FlowInit, matches } from '../../../../support/match-flow.ts';

const cel = (...celExpression: string[]) => [{ experimental: { celExpression } }];

const flow: FlowInit = {
  time: { seconds: 1_704_067_200n, nanos: 5 },
  uuid: 'u1',
  verdict: 2,
  eventType: { type: 4 },
  isReply: false,
  IP: { source: '10.1.2.3', ipVersion: 1 },
  l4: {
    protocol: { case: 'TCP', value: { sourcePort: 40_001, destinationPort: 80, flags: { SYN: true } } },
  },
  source: {
    namespace: 'shop',
    podName: 'cart-7d9',
    identity: 5001,
    labels: ['k8s:app=cart', 'k8s:tier=2'],
    workloads: [{ name: 'cart', kind: 'Deployment' }],
  },
  destination: { identity: 2, labels: ['reserved:world', 'k8s:tier=2'] },
  sourceNames: ['api.example.org'],
  l7: { type: 1, latencyNs: 5n, record: { case: 'http', value: { code: 503, url: '/api/v1' } } },
  egressAllowedBy: [{ name: 'allow-web' }],
};

/** As Go's CEL answers on the flow above. */
const holds: readonly string[] = [
  'true',
  '_flow.verdict == Verdict.DROPPED',
  '_flow.verdict == flow.Verdict.DROPPED',
  '._flow.verdict == 2',
  '_flow.verdict != Verdict.FORWARDED // a comment',
  '_flow.source.identity == 5001u',
  '_flow.source.identity == uint(5001)',
  '_flow.source.identity == dyn(5001)',
  '_flow.l4.TCP.destination_port in [80u, 443u]',
  '_flow.l4.TCP.flags.SYN && !_flow.l4.TCP.flags.ACK',
  '_flow.l4.UDP.destination_port == 0u',
  '_flow.destination.namespace == ""',
  '_flow.is_reply == false',
  '!_flow.is_reply',
  '_flow.is_reply != null',
  '_flow.l7.http.code >= 500u && _flow.l7.latency_ns == 5u',
  '_flow.l7.http.url.matches("^/api/v[0-9]$")',
  'matches(_flow.uuid, "u")',
  'has(_flow.source.namespace) && !has(_flow.destination.namespace)',
  'has(_flow.l4.TCP) && !has(_flow.l4.UDP)',
  'has(_flow.is_reply) && !has(_flow.interface) && !has(_flow.node_labels)',
  'has(_flow.verdict) && !has(_flow.event_type.sub_type)',
  '_flow.source.labels.exists(l, l.startsWith("k8s:app"))',
  '_flow.source.labels.exists(a, _flow.destination.labels.exists(b, a == b))',
  '_flow.source.labels.all(l, l.contains(":"))',
  '_flow.source.labels.exists_one(l, l.endsWith("=2"))',
  '_flow.source.labels.filter(l, l.contains("app")).map(l, l + "!") == ["k8s:app=cart!"]',
  '_flow.source.workloads.exists(w, w.kind == "Deployment" && w.name == "cart")',
  '_flow.source.workloads[0].name == "cart"',
  '_flow.egress_allowed_by.exists(p, p.name == "allow-web")',
  '_flow.source_names[0] == "api.example.org" && size(_flow.source_names) == 1',
  '_flow.time > timestamp("2023-12-31T23:59:59Z") && _flow.time.getFullYear() == 2024',
  '_flow.time - timestamp(1704067200) == duration("5ns")',
  '_flow.source == _flow.source && _flow.source != _flow.destination',
  'Endpoint{namespace: "x"}.namespace == "x"',
  'type(_flow) == Flow && type(_flow.verdict) == int && type(_flow.source.identity) == uint',
  '_flow.source_names[7] == "x" || true',
  'int(duration("1h")) == 3600000000000',
  '{"a": 1}.a == 1 && {"a": 1}["a"] == 1 && "a" in {"a": 1}',
  'size("\u00e9\u{1f600}") == 2',
  '[1, 2].exists(_flow, _flow == 2)',
];

const doesNotHold: readonly string[] = [
  'false',
  '_flow.verdict == Verdict.FORWARDED',
  '_flow.is_reply == null',
  '_flow.destination == null',
  '_flow.source.labels.exists(l, l == "k8s:app")',
  // What fails is not true.
  '_flow.source_names[7] == "x"',
  '!(_flow.source_names[7] == "x")',
  '"a".matches("(")',
  '"a".matches("(?=a)")',
  'int("") == 0',
  'uint("-1") == 0u',
  'double(" 1") == 1.0',
  '1 / 0 == 1',
  '9223372036854775807 + 1 > 0',
  'timestamp("x") == timestamp("y")',
];

describe('a CEL expression', () => {
  it('is asked of the flow by the names of the schema', () => {
    for (const expression of holds) assert.equal(matches(flow, cel(expression)), true, expression);
    for (const expression of doesNotHold) assert.equal(matches(flow, cel(expression)), false, expression);
  });

  it('reads unset fields as their defaults, unset wrappers as null', () => {
    const expressions = [
      '_flow.source.labels == [] && _flow.source.identity == 0u && _flow.l4.TCP.flags.SYN == false',
      '_flow.is_reply == null && !has(_flow.is_reply) && !has(_flow.source) && !has(_flow.l7.http)',
      '_flow.time == timestamp(0)',
      '_flow.trace_context.parent.trace_id == ""',
    ];
    for (const expression of expressions) assert.equal(matches({}, cel(expression)), true, expression);
  });

  it('tells a field that is set to its default from none only where the schema does', () => {
    // Written out though they are the defaults, which is legal: verdict 0, and a destination with an empty pod_name.
    const bytes = Uint8Array.of(0x0a, 6, 0x10, 0, 0x4a, 2, 0x2a, 0);
    const index = new FlowIndex();
    index.reset(bytes, 0, bytes.length);
    const answer = (expression: string): boolean =>
      compileFilter(create(FlowFilterSchema, cel(expression)[0]))(index);
    assert.equal(answer('has(_flow.verdict)'), false);
    assert.equal(answer('has(_flow.destination)'), true);
    assert.equal(answer('has(_flow.destination.pod_name)'), false);
  });

  it('stands beside others: one must hold, and one that fails ends the search', () => {
    assert.equal(matches(flow, cel('false', 'true')), true);
    assert.equal(matches(flow, cel('false', '_flow.source_names[7] == "x"', 'true')), false);
    assert.equal(matches(flow, cel('true', '_flow.source_names[7] == "x"')), true);
    assert.equal(matches(flow, [{ verdict: [1], ...cel('true')[0] }]), false);
    assert.equal(matches(flow, [{ experimental: {} }]), true);
    assert.equal(matches(flow, [], cel('_flow.verdict == 2')), false);
  });

  it('tells where it fails, once for each flow, and by its own text', () => {
    const failures: string[] = [];
    const filter = create(FlowFilterSchema, cel('false', '_flow.source_names[7] == "x"', 'true')[0]);
    const match = compileFlowFilters([filter], [], (expression, message) =>
      failures.push(`${expression}: ${message}`),
    );
    const index = new FlowIndex();
    const bytes = toBinary(
      GetFlowsResponseSchema,
      create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: flow } }),
    );
    for (let i = 0; i < 2; i++) {
      index.reset(bytes, 0, bytes.length);
      assert.equal(match!(index), false);
    }
    assert.equal(failures.length, 2);
    assert.match(failures[0], /^_flow\.source_names\[7\] == "x": .*7/);
  });

  it('is refused with the place of the mistake', () => {
    const refusals: Readonly<Record<string, string>> = {
      '_flow.source.identity == 2': `at character 23: found no matching overload for '_==_' applied to '(uint, int)'`,
      '1 < 2u': `at character 2: found no matching overload for '_<_' applied to '(int, uint)'`,
      '_flow.nope == 1': `at character 6: undefined field 'nope' of flow.Flow`,
      'flow.source': `at character 1: undeclared reference to 'flow' (in container 'flow')`,
      'Verdict.NOPE == 1': `at character 1: undeclared reference to 'Verdict' (in container 'flow')`,
      '_flow.uuid': 'at character 6: the result is string, expected bool',
      '_flow.is_reply': 'at character 6: the result is wrapper(bool), expected bool',
      'dyn(true)': 'at character 1: the result is dyn, expected bool',
      '"a".lowerAscii() == "a"': `at character 4: undeclared reference to 'lowerAscii' (in container 'flow')`,
      '_flow.uuid.exists(x, true)': `at character 11: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)`,
      '_flow.uuid.x == 1': `at character 11: type 'string' does not support field selection`,
      'Endpoint{namespace: 1} == _flow.source': `at character 10: expected type of field 'namespace' is 'string' but provided type is 'int'`,
      'Nope{} == 1': `at character 1: undeclared reference to 'Nope' (in container 'flow')`,
      'true && 1': `at character 1: found no matching overload for '_&&_' applied to '(bool, int)'`,
    };
    for (const [expression, message] of Object.entries(refusals)) {
      assert.throws(() => matches({}, cel(expression)), {
        name: 'FilterError',
        field: 'experimental.cel_expression',
        message: `invalid experimental.cel_expression ${JSON.stringify(expression)} in flow filter: ${message}`,
      });
    }
    for (const expression of ['', '1 +', 'a b', '"', 'for', '_flow.source.', '1 = 1', '\u0000']) {
      assert.throws(() => matches({}, cel(expression)), { name: 'FilterError' }, expression);
    }
  });
});
