import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DropReason, TrafficDirection, Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { decidedBy, decisionsOf } from '../../../ui/table/decided-by.ts';
import { sampleFlow } from '../support/sample-flow.ts';

const policy = { name: 'lockdown', namespace: 'payments', kind: 'CiliumNetworkPolicy' };
const { DROPPED, AUDIT } = Verdict;

describe('what decided over a flow', () => {
  it('is said in few words', () => {
    assert.equal(decidedBy(sampleFlow()), '');
    assert.equal(decidedBy(sampleFlow({ egressAllowedBy: [policy] })), 'lockdown (CNP)');
    assert.equal(
      decidedBy(sampleFlow({ verdict: DROPPED, dropReasonDesc: DropReason.POLICY_DENIED })),
      'egress: default deny',
    );
    assert.equal(
      decidedBy(
        sampleFlow({ verdict: AUDIT, dropReasonDesc: DropReason.POLICY_DENY, egressDeniedBy: [policy] }),
      ),
      'would deny: lockdown (CNP)',
    );
    assert.equal(
      decidedBy(sampleFlow({ verdict: DROPPED, dropReasonDesc: DropReason.INVALID_SOURCE_IP })),
      '',
    );
  });

  it('is told for both sides, out of the flows that tell it', () => {
    const ingress = TrafficDirection.INGRESS;
    const decisions = decisionsOf([
      sampleFlow(),
      sampleFlow({ egressAllowedBy: [policy] }),
      sampleFlow({ trafficDirection: ingress, verdict: DROPPED, dropReasonDesc: DropReason.POLICY_DENIED }),
    ]);
    assert.deepEqual(
      decisions.map(({ side, outcome, policies }) => [side, outcome, policies.map(({ name }) => name)]),
      [
        ['egress', 'allowed', ['lockdown']],
        ['ingress', 'denied', []],
      ],
    );
    assert.equal(decisionsOf([])[0].outcome, 'not told');
    assert.equal(decisionsOf([sampleFlow({ verdict: AUDIT })])[0].outcome, 'would deny');
  });
});
