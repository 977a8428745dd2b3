import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentServerName, peerServiceServerName } from '../../rpc/hubble-names.ts';

describe('agentServerName()', () => {
  for (const [cluster, node, name] of [
    ['east', 'node1', 'node1.east.hubble-grpc.cilium.io'],
    ['', 'node1', 'node1.default.hubble-grpc.cilium.io'],
    ['eu.east', 'ip-10-0-0-1.ec2.internal', 'ip-10-0-0-1-ec2-internal.eu-east.hubble-grpc.cilium.io'],
    ['east', '', ''],
    ['east', '*', '*.east.hubble-grpc.cilium.io'],
  ] as const) {
    it(`makes "${name}" of node "${node}" in cluster "${cluster}"`, () => {
      assert.equal(agentServerName(cluster, node), name);
    });
  }

  it('has a name for whichever agent answers for the Peer service', () => {
    assert.equal(peerServiceServerName('east'), 'hubble-peer.east.hubble-grpc.cilium.io');
  });
});
