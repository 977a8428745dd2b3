import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePolicies } from '../../../policy/manifest/parse-policies.ts';
import { TrafficDirection } from '../../../proto/gen/flow/flow_pb.ts';
import { draftPolicy } from '../../../ui/table/policy-draft.ts';
import { sampleFlow } from '../support/sample-flow.ts';

const INGRESS = TrafficDirection.INGRESS;

describe('a drafted policy', () => {
  it('allows the connection of a flow where it was told of', () => {
    assert.equal(
      draftPolicy(sampleFlow()),
      `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: allow-to-ledger
  namespace: checkout
spec:
  endpointSelector:
    matchLabels:
      app: promo
  egress:
    - toEndpoints:
        - matchLabels:
            app: ledger
            k8s:io.kubernetes.pod.namespace: payments
      toPorts:
        - ports:
            - port: "8443"
              protocol: TCP
`,
    );
    assert.match(
      draftPolicy(sampleFlow({ trafficDirection: INGRESS }))!,
      /namespace: payments\n.*\n.*\n.*\n      app: ledger\n  ingress:/,
    );
  });

  const outside = { identity: 2 };
  const odd = { namespace: 'x', podName: 'p', labels: ['k8s:app=true', 'k8s:a/b=1.5', 'k8s:empty='] };
  for (const [what, flow] of [
    ['a name of the outside', sampleFlow({ destination: outside, destinationNames: ['api.example.com.'] })],
    ['an address', sampleFlow({ destination: outside })],
    [
      'an address of IPv6',
      sampleFlow({ destination: outside, IP: { source: 'fd00::1', destination: '2001:db8::1' } }),
    ],
    ['a host', sampleFlow({ destination: { identity: 1 } })],
    ['a caller from outside', sampleFlow({ source: outside, trafficDirection: INGRESS })],
    [
      'labels that look like numbers',
      sampleFlow({ source: odd, destination: { ...odd, clusterName: 'west' } }),
    ],
    ['a reply', sampleFlow({ isReply: true, trafficDirection: INGRESS })],
    ['no port', sampleFlow({ l4: { protocol: { case: 'ICMPv4', value: { type: 8 } } } })],
  ] as const) {
    it(`is a manifest without a problem: ${what}`, () => {
      const text = draftPolicy(flow)!;
      const { policies, problems } = parsePolicies(text, 'draft.yaml');
      assert.deepEqual(problems, []);
      assert.equal(policies.length, 1, text);
    });
  }

  it('is none where no pod can be selected', () => {
    assert.equal(draftPolicy(sampleFlow({ source: outside })), null);
    assert.equal(draftPolicy(sampleFlow({ source: { namespace: 'a', podName: 'b' } })), null);
  });
});
