import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { NO_DNS_COUNTS } from '../../../agent/dns/dns-counters.ts';
import { parseIp } from '../../../cluster/index.ts';
import {
  type DNS,
  type Flow,
  FlowType,
  L7FlowType,
  TrafficDirection,
  Verdict,
} from '../../../proto/gen/flow/flow_pb.ts';
import {
  A,
  AAAA,
  CNAME,
  message,
  name,
  pointer,
  record,
  RESPONSE,
  TRUNCATED,
} from './support/build-message.ts';
import { BANK, DnsAgent, POD, SERVER } from './support/dns-agent.ts';

const address = (text: string): Uint8Array => parseIp(text) ?? assert.fail(text);
const bankName = name('Bank.example');
const question = (id = 1, type = A): Uint8Array => message({ id, flags: 0x0100, names: [bankName], type });
const bankAnswer = (id = 1, ttl = 30): Uint8Array =>
  message({
    id,
    names: [bankName],
    answers: [
      record({ type: CNAME, data: name('cdn.example'), ttl: 300 }),
      record({ owner: name('cdn.example'), type: A, data: address(BANK.ipv4), ttl }),
    ],
  });
const dnsOf = ({ l7 }: Flow): DNS => {
  assert.equal(l7?.record.case, 'dns');
  return l7.record.value;
};
const only = (flows: readonly Flow[]): Flow => {
  assert.equal(flows.length, 1);
  return flows[0];
};
const framed = (...messages: readonly Uint8Array[]): Buffer =>
  Buffer.concat(messages.flatMap((bytes) => [Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]));

describe('the flow of a DNS question', () => {
  const flow = only(new DnsAgent().ask(question()));

  it('has the question, and nothing of an answer', () => {
    assert.equal(flow.l7?.type, L7FlowType.REQUEST);
    assert.equal(flow.l7.latencyNs, 0n);
    const { query, qtypes, observationSource, ips, cnames, ttl, rcode, rrtypes } = dnsOf(flow);
    assert.deepEqual([query, qtypes, observationSource], ['bank.example.', ['A'], 'proxy']);
    assert.deepEqual([ips, cnames, ttl, rcode, rrtypes], [[], [], 0, 0, []]);
    assert.equal(flow.Summary, 'DNS Query bank.example. A');
  });

  it('is of type L7, egress, forwarded, and no reply', () => {
    assert.equal(flow.Type, FlowType.L7);
    assert.deepEqual([flow.eventType?.type, flow.eventType?.subType], [129, 0]);
    assert.deepEqual([flow.verdict, flow.isReply], [Verdict.FORWARDED, false]);
    assert.equal(flow.trafficDirection, TrafficDirection.EGRESS);
  });

  it('has addresses, ports and ends, but nothing of the packet that carried it', () => {
    assert.deepEqual([flow.IP?.source, flow.IP?.destination], [POD.ipv4, SERVER.ipv4]);
    assert.equal(flow.l4?.protocol.case, 'UDP');
    assert.deepEqual(
      [flow.l4.protocol.value.sourcePort, flow.l4.protocol.value.destinationPort],
      [40_000, 53],
    );
    assert.deepEqual(
      [flow.source?.podName, flow.source?.ID, flow.destination?.identity],
      ['cart', POD.id, 2],
    );
    assert.deepEqual([flow.nodeName, flow.nodeLabels, flow.emitter?.name], ['node1', ['a=b'], 'Sluice']);
    assert.match(flow.uuid, /^[0-9a-f-]{36}$/);
    assert.deepEqual(
      [flow.ethernet, flow.interface, flow.traceObservationPoint, flow.traceReason, flow.dropReasonDesc],
      [undefined, undefined, 0, 0, 0],
    );
  });
});

describe('the flow of a DNS answer', () => {
  it('has the answer, the time since the question, and the server for its source', () => {
    const agent = new DnsAgent();
    const askedNs = agent.nowNs;
    agent.ask(question());
    agent.nowNs += 5_000_000;
    const latencyNs = agent.nowNs - askedNs;
    const flow = only(agent.answer(bankAnswer()));
    assert.deepEqual([flow.l7?.type, flow.l7?.latencyNs], [L7FlowType.RESPONSE, BigInt(latencyNs)]);
    const { query, ips, cnames, ttl, rcode, qtypes, rrtypes } = dnsOf(flow);
    assert.deepEqual([query, qtypes], ['bank.example.', ['A']]);
    assert.deepEqual(
      [ips, cnames, ttl, rcode, rrtypes],
      [[BANK.ipv4], ['cdn.example.'], 30, 0, ['CNAME', 'A']],
    );
    assert.equal(
      flow.Summary,
      `DNS Answer "${BANK.ipv4}" CNAMEs: "cdn.example." TTL: 30 (Proxy bank.example. A)`,
    );
    assert.deepEqual([flow.IP?.source, flow.IP?.destination], [SERVER.ipv4, POD.ipv4]);
    assert.deepEqual([flow.source?.identity, flow.destination?.podName], [2, 'cart']);
    assert.deepEqual([flow.isReply, flow.trafficDirection], [true, TrafficDirection.EGRESS]);
  });

  it('tells why there is none', () => {
    const agent = new DnsAgent();
    agent.ask(question());
    const flow = only(agent.answer(message({ id: 1, flags: RESPONSE | 3, names: [bankName] })));
    assert.equal(dnsOf(flow).rcode, 3);
    assert.equal(flow.Summary, 'DNS Answer RCode: Non-Existent Domain TTL: 0 (Proxy bank.example. A)');
  });

  it('is told without a latency when nobody asked', () => {
    const agent = new DnsAgent();
    agent.ask(question(1));
    for (const unasked of [agent.answer(bankAnswer(2)), agent.answer(bankAnswer(1), { port: 40_001 })]) {
      assert.equal(only(unasked).l7?.latencyNs, 0n);
    }
    assert.equal(agent.pipeline.counters.dns.dnsUnmatched, 2);
    assert.deepEqual(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames, [], 'nor does it name anything');
  });

  it('comes over IPv6 as well', () => {
    const agent = new DnsAgent();
    agent.ask(question(9, AAAA), { family: 'ipv6' });
    const answer = record({ type: AAAA, data: address(BANK.ipv6) });
    const flow = only(
      agent.answer(message({ id: 9, names: [bankName], type: AAAA, answers: [answer] }), { family: 'ipv6' }),
    );
    assert.deepEqual(dnsOf(flow).ips, [BANK.ipv6]);
    assert.ok((flow.l7?.latencyNs ?? 0n) > 0n);
    assert.deepEqual(only(agent.trace(BANK.ipv6, 'ipv6')).destinationNames, ['bank.example']);
  });
});

describe('DNS over TCP', () => {
  it('makes a flow of each message, however they are cut into segments', () => {
    const agent = new DnsAgent();
    const flow = only(agent.ask(framed(question(1)), { sequence: 100 }));
    assert.equal(flow.l4?.protocol.case, 'TCP');
    assert.equal(flow.l4.protocol.value.flags, undefined);
    const questions = framed(question(2), question(3, AAAA), question(4));
    assert.equal(agent.ask(questions.subarray(0, 1), { sequence: 132 }).length, 0);
    const flows = agent.ask(questions.subarray(1), { sequence: 133 });
    assert.deepEqual(
      flows.map((one) => dnsOf(one).qtypes),
      [['A'], ['AAAA'], ['A']],
    );
    assert.ok((only(agent.answer(framed(bankAnswer(3)), { sequence: 5 })).l7?.latencyNs ?? 0n) > 0n);
    assert.deepEqual(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames, ['bank.example']);
    const { drained, extraFlows } = agent.pipeline.counters;
    assert.equal(drained + extraFlows, 6, 'flows: five of DNS, one of a packet');
  });
});

describe('names from DNS answers', () => {
  const learned = (ttl: number): DnsAgent => {
    const agent = new DnsAgent();
    agent.ask(question());
    const flow = only(agent.answer(bankAnswer(1, ttl)));
    assert.deepEqual([flow.sourceNames, flow.destinationNames], [[], []]);
    return agent;
  };

  it('stand in later flows of the pod that asked, on the side of the outside world, until their TTL', () => {
    const agent = learned(30);
    const there = only(agent.trace(BANK.ipv4, 'ipv4'));
    assert.deepEqual([there.sourceNames, there.destinationNames], [[], ['bank.example']]);
    const back = only(agent.trace(BANK.ipv4, 'ipv4', true));
    assert.deepEqual([back.sourceNames, back.destinationNames], [['bank.example'], []]);
    assert.deepEqual(only(agent.trace('203.0.113.81', 'ipv4')).destinationNames, []);
    agent.nowNs += 29e9;
    assert.equal(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames.length, 1);
    agent.nowNs += 1e9;
    assert.equal(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames.length, 0);
  });

  it('are forgotten with the pod', () => {
    const agent = learned(30);
    agent.enrichment.apply([{ kind: 'local', id: POD.id, address: null }]);
    assert.equal(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames.length, 0);
  });

  it('are not put to pods, which have names of their own', () => {
    const agent = learned(30);
    const facts = { identity: 9, namespace: 'a', podName: 'b', clusterName: 'c', labels: [], workloads: [] };
    agent.enrichment.apply([{ kind: 'address', address: BANK.ipv4, facts }]);
    assert.equal(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames.length, 0);
  });

  it('are not taken from answers that failed, or that are about another name', () => {
    const agent = new DnsAgent();
    const stranger = record({ owner: name('other.example'), type: A, data: address(BANK.ipv4) });
    agent.ask(question(1));
    agent.answer(message({ id: 1, names: [bankName], answers: [stranger] }));
    agent.ask(question(2));
    agent.answer(
      message({
        id: 2,
        flags: RESPONSE | 2,
        names: [bankName],
        answers: [record({ type: A, data: address(BANK.ipv4) })],
      }),
    );
    assert.equal(only(agent.trace(BANK.ipv4, 'ipv4')).destinationNames.length, 0);
  });
});

describe('what is no flow', () => {
  it('is counted by what it was, and the account of flows stays even', () => {
    const agent = new DnsAgent();
    const loop = message({ flags: 0, names: [pointer(12)] });
    assert.equal(agent.ask(loop).length, 0);
    assert.equal(agent.ask(new Uint8Array(30)).length, 0);
    assert.equal(agent.ask(message({ flags: 5 << 11 })).length, 0);
    assert.equal(agent.ask(bankAnswer()).length, 0, 'an answer of the pod is told where it arrives');
    assert.equal(agent.answer(question()).length, 0);
    assert.equal(agent.answer(bankAnswer(), { captured: 20 }).length, 0);
    assert.equal(agent.ask(question()).length, 1);
    assert.equal(agent.answer(message({ id: 1, flags: RESPONSE | TRUNCATED, names: [bankName] })).length, 1);
    const { dns, drained, extraFlows, malformed } = agent.pipeline.counters;
    assert.deepEqual(dns, {
      ...NO_DNS_COUNTS,
      dnsFlows: 2,
      dnsMalformed: 2,
      dnsOther: 1,
      dnsMisplaced: 2,
      dnsCut: 2,
    });
    assert.deepEqual([drained, extraFlows, malformed], [8, -6, 0]);
  });

  it('never throws, whatever the event, and is never more than the account says', () => {
    const agent = new DnsAgent();
    const seeds = [question(), bankAnswer(), framed(question(), bankAnswer())];
    const mutation = fc.record({ at: fc.nat(400), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.array(mutation, { maxLength: 6 }),
        (seed, asks, isTcp, isIpv6, mutations) => {
          const before = agent.pipeline.counters;
          const flows = agent.break(seed, { asks, isTcp, isIpv6 }, (event) => {
            // Not the type, which has tests of its own.
            for (const { at, value } of mutations) if (at < event.length && at !== 14) event[at] = value;
          });
          const { drained, extraFlows, malformed } = agent.pipeline.counters;
          const made = drained + extraFlows - malformed;
          assert.equal(made - (before.drained + before.extraFlows - before.malformed), flows.length);
        },
      ),
      { numRuns: 20_000 },
    );
    assert.ok(agent.pipeline.counters.dns.dnsFlows > 1000);
  });

  it('does not disturb the flows of packets behind it', () => {
    const agent = new DnsAgent();
    agent.ask(question());
    const flow = only(agent.trace(BANK.ipv4, 'ipv4'));
    assert.deepEqual([flow.Type, flow.l7, flow.Summary], [FlowType.L3_L4, undefined, 'TCP Flags: SYN']);
    assert.equal(flow.l4?.protocol.case, 'TCP');
    assert.equal(flow.l4.protocol.value.flags?.SYN, true);
    assert.equal(flow.interface?.index, 5);
    assert.notEqual(flow.ethernet, undefined);
  });
});
