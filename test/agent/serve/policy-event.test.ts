import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyEvents } from '../../../agent/serve/agent-event.ts';
import { parsePolicies } from '../../../policy/index.ts';
import { AgentEventType } from '../../../proto/gen/flow/flow_pb.ts';

const { policies } = parsePolicies(
  JSON.stringify({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: 'p', namespace: 'travel' },
    specs: [
      { endpointSelector: {}, ingress: [{}] },
      { endpointSelector: {}, egress: [{}] },
    ],
  }),
  'p.json',
);
const [policy] = policies;
const labels = ['derived-from=CiliumNetworkPolicy', 'name=p', 'namespace=travel'].map(
  (label) => `k8s:io.cilium.k8s.policy.${label}`,
);

describe('a policy', () => {
  for (const [kind, type] of [
    ['policy-upsert', AgentEventType.POLICY_UPDATED],
    ['policy-delete', AgentEventType.POLICY_DELETED],
  ] as const) {
    it(`is told with its labels, its rules and the revision (${kind})`, () => {
      const [event] = policyEvents(
        [
          { kind, policy },
          { kind: 'problems', problems: [] },
        ],
        7,
      );
      assert.equal(event.type, type);
      assert.equal(event.notification.case, 'policyUpdate');
      const value = event.notification.value as { labels: string[]; revision: bigint; ruleCount: bigint };
      assert.deepEqual([value.labels, value.revision, value.ruleCount], [labels, 7n, 2n]);
    });
  }
});
