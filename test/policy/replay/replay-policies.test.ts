import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  endName,
  outsideGroups,
  parsePolicies,
  type ProposedPolicies,
  replayPolicies,
  type ReplayRow,
  suggestPolicies,
  TrafficRecorder,
} from '../../../policy/index.ts';
import { ByteTable } from '../../../policy/replay/byte-table.ts';
import { ConversationTable } from '../../../policy/replay/conversation-table.ts';
import { RangeTable } from '../../../policy/replay/range-table.ts';
import { decisionText } from '../../../cli/policy/replay-text.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { type FlowInit, lostResponse } from '../../support/build-responses.ts';
import { flowOf, node, outside, packets, pod, recordedBy } from '../support/recorded-flows.ts';

function proposed(text: string): ProposedPolicies {
  const { policies, problems } = parsePolicies(text, 'test.yaml');
  assert.deepEqual(problems, []);
  return { policies };
}

function replay(text: string, flows: readonly FlowInit[]): readonly ReplayRow[] {
  const proposal = proposed(text);
  return replayPolicies(
    proposal,
    recordedBy(flows, { groupOutside: outsideGroups(proposal) }).conversations(),
  ).rows;
}

const brief = (rows: readonly ReplayRow[]): string[] =>
  rows.map(
    ({ change, source, destination, port, flows, decision }) =>
      `${change} ${source} -> ${destination}:${port} x${flows} ${decisionText(decision)}`,
  );

const cartToPay = flowOf({ source: pod('shop', 'cart'), destination: pod('shop', 'pay'), port: 8443 });
const denyAll = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: closed, namespace: shop }
spec: { podSelector: { matchLabels: { app: pay } }, policyTypes: [Ingress] }
`;
const allowCart = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: pay, namespace: shop }
spec:
  endpointSelector: { matchLabels: { app: pay } }
  ingress:
  - fromEndpoints: [{ matchLabels: { app: cart } }]
    toPorts: [{ ports: [{ port: "8443" }] }]
`;
const closeEgress = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: no-calls, namespace: shop }
spec: { podSelector: { matchLabels: { app: cart } }, policyTypes: [Egress] }
`;

describe('replay of policies', () => {
  it('tells what a policy would newly deny, and because of which policy', () => {
    assert.deepEqual(brief(replay(denyAll, [cartToPay, cartToPay])), [
      'newly-denied shop/cart -> shop/pay:8443 x2 ingress: no rule allows it; closed by NetworkPolicy/shop/closed',
    ]);
  });

  it('tells what a policy would newly allow, and by which rule', () => {
    const denied = { ...cartToPay, verdict: 2, dropReasonDesc: 133 } as const;
    assert.deepEqual(brief(replay(`${denyAll}---${allowCart}`, [denied, cartToPay])), [
      'newly-allowed shop/cart -> shop/pay:8443 x1 ingress: CiliumNetworkPolicy/shop/pay#spec.ingress[0]',
      'still-allowed shop/cart -> shop/pay:8443 x1 ingress: CiliumNetworkPolicy/shop/pay#spec.ingress[0]',
    ]);
  });

  it('has both ends allow what was seen at its destination', () => {
    assert.deepEqual(brief(replay(closeEgress, [cartToPay])), [
      'newly-denied shop/cart -> shop/pay:8443 x1 egress: no rule allows it; closed by NetworkPolicy/shop/no-calls',
    ]);
  });

  it('judges what its source let through at the source alone', () => {
    const atSource = { ...cartToPay, trafficDirection: 2 } as const;
    assert.deepEqual(brief(replay(denyAll, [atSource])), [
      'still-allowed shop/cart -> shop/pay:8443 x1 egress: no policy selects it',
    ]);
  });

  it('has the destination judge what its source would not hold back any more', () => {
    const heldBack = { ...cartToPay, trafficDirection: 2, verdict: 2, dropReasonDesc: 133 } as const;
    assert.match(brief(replay(denyAll, [heldBack]))[0], /^still-denied .* ingress: no rule allows it/);
    assert.match(brief(replay(allowCart, [heldBack]))[0], /^newly-allowed/);
  });

  it('counts what audit mode let through as allowed', () => {
    const [row] = replay(denyAll, [{ ...cartToPay, verdict: 4 }]);
    assert.deepEqual([row.change, row.audited], ['newly-denied', 1]);
  });

  it('judges addresses outside by the ranges that policies name, and lets nodes in', () => {
    const policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: pay, namespace: shop }
spec:
  podSelector: {}
  ingress: [{ from: [{ ipBlock: { cidr: 198.51.100.0/24, except: [198.51.100.128/25] } }] }]
`;
    const from = (source: ReturnType<typeof pod>): FlowInit =>
      flowOf({ source, destination: pod('shop', 'pay'), port: 443 });
    const rows = replay(policy, [
      from(outside('198.51.100.7')),
      from(outside('198.51.100.200')),
      from(outside('203.0.113.9', ['crawler.example'])),
      from(node('host')),
    ]);
    assert.deepEqual(
      rows.map(({ change, source }) => `${change} ${source}`),
      [
        'newly-denied 198.51.100.200',
        'newly-denied crawler.example (203.0.113.9)',
        'still-allowed (host)',
        'still-allowed 198.51.100.7',
      ],
    );
  });

  it('holds each cluster to its own pods', () => {
    const rows = replay(allowCart, [
      cartToPay,
      flowOf({ source: pod('shop', 'cart', 'west'), destination: pod('shop', 'pay', 'east'), port: 8443 }),
    ]);
    assert.deepEqual(
      rows.map(({ change, sourceCluster }) => `${change} ${sourceCluster}`),
      ['newly-denied west', 'still-allowed east'],
    );
  });

  it('finds the ports that rules name in labels and manifests', () => {
    const text = allowCart.replace('"8443"', 'api');
    assert.match(brief(replay(text, [cartToPay]))[0], /^newly-denied/);
    const named = pod('shop', 'pay');
    named.endpoint.labels?.push('gen:io.cilium.k8s.named-ports=api.TCP.8443_metrics.TCP.9090');
    assert.match(
      brief(replay(text, [flowOf({ source: pod('shop', 'cart'), destination: named, port: 8443 })]))[0],
      /^still-allowed/,
    );
    const recorded = recordedBy([cartToPay]).conversations();
    const namedPorts = () => [{ name: 'api', protocol: 6, port: 8443 }];
    assert.equal(replayPolicies({ ...proposed(text), namedPorts }, recorded).rows[0].change, 'still-allowed');
  });
});

describe('a traffic recorder', () => {
  it('passes over what says nothing about policies, and counts it', () => {
    const recorder = recordedBy([
      { ...cartToPay, isReply: true },
      { ...cartToPay, traceReason: 4 },
      { ...cartToPay, verdict: 2, dropReasonDesc: 137 },
      { ...cartToPay, trafficDirection: 0 },
      { ...cartToPay, Type: 2, eventType: { type: 129, subType: 0 } },
      { ...cartToPay, l4: { protocol: { case: 'ICMPv6', value: { type: 135, code: 0 } } } },
      cartToPay,
    ]);
    assert.equal(recorder.counts.recorded, 1);
    assert.deepEqual(recorder.counts.skipped, {
      reply: 2,
      exempt: 1,
      otherDrop: 1,
      otherEvent: 1,
      noDirection: 1,
      noPorts: 0,
    });
  });

  it('counts losses and what does not decode', () => {
    const recorder = new TrafficRecorder();
    const lost = toBinary(GetFlowsResponseSchema, lostResponse({ numEventsLost: 7n }));
    recorder.add(lost, 0, lost.length);
    recorder.add(Uint8Array.of(0x0a, 0x7f, 1), 0, 3);
    assert.deepEqual([recorder.counts.lost, recorder.counts.malformed], [7n, 1]);
  });

  it('puts addresses beyond its bound together, and says so', () => {
    const flows = Array.from({ length: 20 }, (_, i) =>
      flowOf({
        source: pod('shop', 'cart'),
        destination: outside(`198.51.100.${i}`),
        port: 443,
        direction: 2,
      }),
    );
    const recorder = recordedBy(flows, { maxAddresses: 4 });
    const all = [...recorder.conversations()];
    assert.equal(all.length, 5);
    assert.deepEqual([endName(all[4].destination), all[4].flows], ['(world)', 16]);
  });

  it('refuses conversations beyond its bound, and counts their flows', () => {
    const flows = [1, 2, 3, 1].map((port) => ({
      ...flowOf({ source: pod('a', 'x'), destination: pod('a', 'y'), port }),
    }));
    const { counts } = recordedBy(flows, { maxConversations: 2 });
    assert.deepEqual([counts.recorded, counts.beyond], [3, 1]);
  });

  it('adds up to what a count of the flows one by one gives', () => {
    fc.assert(
      fc.property(fc.array(packets, { maxLength: 60 }), (flows) => {
        const recorder = recordedBy(flows);
        const sum = [...recorder.conversations()].reduce((total, one) => total + one.flows, 0);
        const { skipped, recorded } = recorder.counts;
        assert.equal(sum, recorded);
        assert.equal(recorded + Object.values(skipped).reduce((a, b) => a + b, 0), flows.length);
      }),
      { numRuns: 100 },
    );
  });
});

describe('tables of a replay', () => {
  it('find bytes again at any place of any buffer, until they hold too many', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 80 }),
        fc.nat(7),
        (strings, shift) => {
          const table = new ByteTable(1 << 20);
          const known = new Map<string, number>();
          for (const string of [...strings, ...strings]) {
            const bytes = new Uint8Array(string.length + shift + 3).fill(9);
            bytes.set(string, shift);
            const found = table.get(bytes, shift, shift + string.length);
            const key = string.join();
            assert.equal(found, known.get(key) ?? -1);
            if (found < 0) {
              table.set(bytes, shift, shift + string.length, known.size);
              known.set(key, known.size);
            }
          }
        },
      ),
    );
    const small = new ByteTable(16);
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => i);
    small.get(bytes, 0, 12);
    small.set(bytes, 0, 12, 1);
    small.get(bytes, 1, 12);
    small.set(bytes, 1, 12, 2);
    assert.deepEqual([small.get(bytes, 0, 12), small.get(bytes, 1, 12)], [-1, 2]);
  });

  it('count conversations exactly while they grow', () => {
    const table = new ConversationTable(5000);
    for (let i = 0; i < 12_000; i++) assert.equal(table.add(i % 4000, 1, 2, i % 2, i), true);
    assert.equal(table.rowCount, 4000);
    for (let row = 0; row < 4000; row++) {
      assert.deepEqual([table.flows(row), table.firstUs(row), table.lastUs(row)], [3, row, row + 8000]);
    }
  });

  it('give the longest range around an address', () => {
    const ranges = new RangeTable(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/25', '2001:db8::/33']);
    const longest = (address: string): string | null => ranges.longest(address);
    assert.deepEqual(
      ['10.1.2.3', '10.1.2.200', '10.9.0.1', '11.0.0.1', '2001:db8:7fff::1', '2001:db8:8000::1', 'x'].map(
        longest,
      ),
      ['10.1.2.0/25', '10.1.0.0/16', '10.0.0.0/8', null, '2001:db8::/33', null, null],
    );
  });
});

describe('suggested policies', () => {
  for (const kind of ['CiliumNetworkPolicy', 'NetworkPolicy'] as const) {
    it(`as ${kind} are valid, and deny none of the flows that they were made from`, () => {
      fc.assert(
        fc.property(fc.array(packets, { minLength: 1, maxLength: 120 }), fc.nat(3), (flows, maxAddresses) => {
          const recorder = recordedBy(flows);
          const namespaces = ['shop', 'bank'];
          const suggestion = suggestPolicies(recorder.conversations(), { kind, namespaces, maxAddresses });
          const text = suggestion.policies.map((policy) => policy.text).join('---\n');
          const proposal = proposed(text);
          assert.equal(proposal.policies.length, suggestion.policies.length);
          const { rows } = replayPolicies(proposal, recorder.conversations());
          assert.deepEqual(brief(rows.filter(({ change }) => change === 'newly-denied')), [], text);
          const again = suggestPolicies(recordedBy(flows).conversations(), {
            kind,
            namespaces,
            maxAddresses,
          });
          assert.deepEqual(again, suggestion);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('read as people write them', () => {
    const coredns = pod('kube-system', 'coredns', 'east', { 'k8s-app': 'kube-dns' });
    const cart = pod('shop', 'cart', 'east', { app: 'cart', 'pod-template-hash': '7d9', version: 'v2' });
    const recorder = recordedBy([
      flowOf({ source: cart, destination: coredns, port: 53, direction: 2, protocol: 'UDP' }),
      flowOf({ source: cart, destination: pod('shop', 'pay'), port: 8443, direction: 2 }),
      flowOf({
        source: cart,
        destination: outside('203.0.113.9', ['bank.example\nspec: 1']),
        port: 443,
        direction: 2,
      }),
    ]);
    const [policy] = suggestPolicies(recorder.conversations(), {
      kind: 'CiliumNetworkPolicy',
      namespaces: ['shop'],
    }).policies;
    assert.equal(
      policy.text,
      `# cart: 3 flows seen at its pods, 2026-03-04T09:15:22Z to 2026-03-04T09:15:22Z

apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: cart
  namespace: shop
spec:
  endpointSelector:
    matchLabels:
      app: cart
  ingress:
  # Nothing was seen: everything is denied.
  - {}
  egress:
  # kube-system/coredns: 1 flow
  - toEndpoints:
    - matchLabels:
        k8s:io.kubernetes.pod.namespace: kube-system
        k8s-app: kube-dns
    toPorts:
    - ports:
      - port: "53"
        protocol: ANY
  # shop/pay: 1 flow
  - toEndpoints:
    - matchLabels:
        app: pay
    toPorts:
    - ports:
      - port: "8443"
        protocol: TCP
  # 203.0.113.9 bank.example?spec: 1: 1 flow
  - toCIDR:
    - 203.0.113.9/32
    toPorts:
    - ports:
      - port: "443"
        protocol: TCP
`,
    );
  });
});
