import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { EventDecoder } from '../../../agent/decode/decode-event.ts';
import { Enrichment } from '../../../agent/enrich/enrichment.ts';
import type { NamedRule } from '../../../policy/index.ts';
import { FlowEncoder } from '../../../proto/flow/encode-flow.ts';
import { FlowRecord } from '../../../proto/flow/flow-record.ts';
import { DropReason, type Flow, TrafficDirection, Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { ethernet, ETHERTYPE, icmp, ipv4, PROTO } from '../../bpf/support/build-packet.ts';
import { kinds } from '../../bpf/support/packet-kinds.ts';
import { readPacket } from '../../bpf/support/read-packet.ts';
import { buildEvent, eventConstant } from '../../support/build-event.ts';

const encoder = new FlowEncoder({
  nodeName: 'east/node1',
  nodeLabels: [],
  emitter: { name: 'Sluice', version: '0.1.0' },
  seed: Uint32Array.of(1, 2, 3, 4),
});

const { VERDICT_INGRESS, VERDICT_EGRESS, VERDICT_AUDITED } = {
  VERDICT_INGRESS: eventConstant('VERDICT_INGRESS'),
  VERDICT_EGRESS: eventConstant('VERDICT_EGRESS'),
  VERDICT_AUDITED: eventConstant('VERDICT_AUDITED'),
};
const matchType = (type: number): number => type << eventConstant('VERDICT_MATCH_TYPE_SHIFT');
const reason = (code: number): number => code << eventConstant('VERDICT_REASON_SHIFT');

/** The flow of an event about a packet, with rules known by cookie. */
function flowOf(
  policy: number,
  cookie: number,
  {
    enrichment = new Enrichment(),
    packet = kinds['TCP over IPv4'],
    type = eventConstant('EVENT_TYPE_POLICY_VERDICT'),
  } = {},
): Flow {
  const reading = readPacket(packet);
  assert.equal(reading.kind, 'ip');
  const record = buildEvent(
    {
      type,
      policy,
      rule_cookie: cookie,
      l3_offset: reading.l3Offset,
      l4_offset: reading.l4Offset,
      l4_proto: reading.protocol,
      flags: reading.ipv6 ? eventConstant('EVENT_FLAG_IPV6') : 0,
      trace_reason: eventConstant('TRACE_REASON_UNKNOWN'),
      src_endpoint_id: 3,
      dst_endpoint_id: 4,
    },
    packet,
  );
  const memory = new Uint8Array((record.length + 3) & ~3);
  memory.set(record);
  const decoder = new EventDecoder(new FlowRecord(), enrichment);
  assert.ok(decoder.decode(memory, new Uint32Array(memory.buffer), 0, record.length));
  const out = new Uint8Array(16_384);
  const end = encoder.encode(decoder.record, out, 0);
  const response = fromBinary(GetFlowsResponseSchema, out.slice(5, end));
  assert.equal(response.responseTypes.case, 'flow');
  return response.responseTypes.value;
}

const rule = (name: string, change: Partial<NamedRule> = {}): NamedRule => ({
  kind: 'CiliumNetworkPolicy',
  namespace: 'travel',
  name,
  labels: [`k8s:io.cilium.k8s.policy.name=${name}`],
  log: '',
  direction: 'ingress',
  isDeny: false,
  path: 'spec.ingress[0]',
  ...change,
});

function knowing(revision: number, cookie: number, ...rules: NamedRule[]): Enrichment {
  const enrichment = new Enrichment();
  enrichment.apply([{ kind: 'rules', revision, rules: [{ cookie, rules }] }]);
  return enrichment;
}

describe('a verdict', () => {
  it('that allows becomes a forwarded flow with the rules that did', () => {
    const enrichment = knowing(7, 99, rule('a'), rule('b'));
    const flow = flowOf(VERDICT_INGRESS | matchType(2), 99, { enrichment });
    assert.equal(flow.verdict, Verdict.FORWARDED);
    assert.deepEqual([flow.eventType?.type, flow.eventType?.subType], [5, 0]);
    assert.equal(flow.policyMatchType, 2);
    assert.equal(flow.trafficDirection, TrafficDirection.INGRESS);
    assert.equal(flow.isReply, false);
    assert.deepEqual([flow.dropReasonDesc, flow.interface, flow.file], [0, undefined, undefined]);
    assert.deepEqual(
      flow.ingressAllowedBy.map(({ name, namespace, kind, labels, revision }) => [
        name,
        namespace,
        kind,
        labels,
        revision,
      ]),
      ['a', 'b'].map((name) => [
        name,
        'travel',
        'CiliumNetworkPolicy',
        [`k8s:io.cilium.k8s.policy.name=${name}`],
        7n,
      ]),
    );
    assert.deepEqual(flow.policyLog, ['']);
    assert.equal(flow.egressAllowedBy.length + flow.ingressDeniedBy.length + flow.egressDeniedBy.length, 0);
  });

  it('that denies becomes a dropped flow with its reason', () => {
    const flow = flowOf(VERDICT_EGRESS | matchType(1) | reason(181), 5, {
      enrichment: knowing(1, 5, rule('deny')),
    });
    assert.deepEqual([flow.verdict, flow.dropReasonDesc], [Verdict.DROPPED, DropReason.POLICY_DENY]);
    assert.equal(flow.trafficDirection, TrafficDirection.EGRESS);
    assert.equal(flow.isReply, undefined);
    assert.deepEqual(
      flow.egressDeniedBy.map(({ name }) => name),
      ['deny'],
    );
  });

  it('by default deny names no rule', () => {
    const flow = flowOf(VERDICT_INGRESS | reason(133), 0, { enrichment: knowing(1, 5, rule('other')) });
    assert.equal(flow.dropReasonDesc, DropReason.POLICY_DENIED);
    assert.equal(flow.policyMatchType, 0);
    assert.deepEqual([flow.ingressDeniedBy, flow.policyLog], [[], []]);
  });

  it('in audit mode says so, and by what it would be denied', () => {
    const flow = flowOf(VERDICT_INGRESS | VERDICT_AUDITED | matchType(4), 5, {
      enrichment: knowing(1, 5, rule('deny')),
    });
    assert.deepEqual([flow.verdict, flow.dropReasonDesc, flow.isReply], [Verdict.AUDIT, 0, false]);
    assert.deepEqual(
      flow.ingressDeniedBy.map(({ name }) => name),
      ['deny'],
    );
    assert.deepEqual(flow.ingressAllowedBy, []);
  });

  it('names an object once, whichever of its rules decided, with each of their texts', () => {
    const rules = [
      rule('a', { log: 'second' }),
      rule('a', { log: 'first', path: 'spec.ingress[1]' }),
      rule('a'),
    ];
    const flow = flowOf(VERDICT_INGRESS, 5, { enrichment: knowing(1, 5, ...rules) });
    assert.equal(flow.ingressAllowedBy.length, 1);
    assert.deepEqual(flow.policyLog, ['first', 'second']);
  });

  it('tells the revision that policies have by then', () => {
    const enrichment = knowing(1, 5, rule('a'));
    const revision = (): bigint | undefined =>
      flowOf(VERDICT_INGRESS, 5, { enrichment }).ingressAllowedBy[0].revision;
    assert.equal(revision(), 1n);
    enrichment.apply([{ kind: 'rules', revision: 2, rules: [] }]);
    assert.equal(revision(), 2n);
  });

  it('names no rules for what has no ports, nor for ICMP of type 0', () => {
    const enrichment = knowing(1, 5, rule('a'));
    const echoReply = ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.icmp }, icmp({ type: 0 })));
    for (const packet of [kinds['a GRE packet'], echoReply])
      assert.deepEqual(flowOf(VERDICT_INGRESS, 5, { enrichment, packet }).ingressAllowedBy, []);
    const named = flowOf(VERDICT_INGRESS, 5, { enrichment, packet: kinds['ICMP echo'] });
    assert.equal(named.ingressAllowedBy.length, 1);
  });

  it('leaves no rule behind for the next event', () => {
    const enrichment = knowing(1, 5, rule('a'));
    const flow = flowOf(0, 5, { enrichment, type: eventConstant('EVENT_TYPE_TRACE') });
    assert.deepEqual([flow.ingressAllowedBy, flow.policyMatchType], [[], 0]);
  });
});

describe('a drop by policy', () => {
  it('has the direction of the policy, whoever else is on the node', () => {
    const type = eventConstant('EVENT_TYPE_DROP');
    assert.equal(flowOf(VERDICT_INGRESS, 0, { type }).trafficDirection, TrafficDirection.INGRESS);
    assert.equal(flowOf(VERDICT_EGRESS, 0, { type }).trafficDirection, TrafficDirection.EGRESS);
  });
});
