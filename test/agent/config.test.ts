import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentOptions, checkAgentOptions } from '../../agent/config.ts';
import { parseAddress } from '../../rpc/index.ts';

const sound: AgentOptions = {
  nodeName: 'node-1.example',
  clusterName: 'east',
  clusterId: 1,
  stateDir: '/etc/sluice/manifests',
  remoteClusters: [{ name: 'west', id: 2, stateDir: '/etc/sluice/west' }],
  listen: [parseAddress('unix:///run/sluice/agent.sock')],
  insecure: false,
  bpfObject: 'build/bpf/datapath.bpf.o',
  pinDir: '/sys/fs/bpf/sluice/node-1',
  aggregation: 'medium',
  aggregationIntervalMs: 5000,
  captureBytes: 0,
  noRedirect: false,
  ringBytesPerCpu: 4 * 1024 * 1024,
  historyFlows: 65_535,
  historyBytes: 64 * 1024 * 1024,
  unpinOnExit: false,
};

describe('checkAgentOptions', () => {
  it('finds nothing wrong with sound options', () => {
    assert.deepEqual(checkAgentOptions(sound), []);
    assert.deepEqual(
      checkAgentOptions({ ...sound, listen: [parseAddress(':4244')], insecure: true, maxQueuedBytes: 1 }),
      [],
    );
  });

  const faults: readonly (readonly [Partial<AgentOptions>, string])[] = [
    [{ nodeName: '' }, 'option nodeName is "", expected letters, digits, dots and dashes'],
    [{ nodeName: 'a/b' }, 'option nodeName is "a/b", expected letters, digits, dots and dashes'],
    [{ clusterName: '-x' }, 'option clusterName is "-x", expected letters, digits, dots and dashes'],
    [{ clusterId: 256 }, 'option clusterId is "256", expected a number from 0 to 255'],
    [
      { remoteClusters: [{ name: 'east', id: 2, stateDir: '/x' }] },
      'option remoteClusters[0].name is "east", expected a name of its own',
    ],
    [
      { remoteClusters: [{ name: 'west', id: 1, stateDir: '/x' }] },
      'option remoteClusters[0].id is "1", expected a number that no other cluster has',
    ],
    [
      { remoteClusters: [{ name: 'west', id: 0, stateDir: '/x' }] },
      'option remoteClusters[0].id is "0", expected a number from 1 to 255',
    ],
    [{ listen: [] }, 'option listen is "", expected at least one address'],
    [
      { listen: [parseAddress('10.0.0.1:4244')] },
      'option listen has 10.0.0.1:4244: give a certificate and key, or say insecure to serve it in plaintext',
    ],
    [
      { ringBytesPerCpu: 5000 },
      'option ringBytesPerCpu is "5000", expected a power of two from 4096 to 1073741824',
    ],
    [
      { ringBytesPerCpu: 2048 },
      'option ringBytesPerCpu is "2048", expected a power of two from 4096 to 1073741824',
    ],
    [{ captureBytes: 5000 }, 'option captureBytes is "5000", expected a number from 0 to 4096'],
    [{ aggregationIntervalMs: 10 }, 'option aggregationIntervalMs is "10", expected 1000 to 3600000 ms'],
    [{ historyFlows: 0 }, 'option historyFlows is "0", expected a whole number of 1 or more'],
    [{ historyBytes: 0.5 }, 'option historyBytes is "0.5", expected a whole number of 1 or more'],
    [{ maxQueuedBytes: 0 }, 'option maxQueuedBytes is "0", expected a whole number of 1 or more'],
  ];
  for (const [change, message] of faults) {
    it(`says: ${message}`, () => {
      assert.deepEqual(checkAgentOptions({ ...sound, ...change }), [message]);
    });
  }

  it('tells all faults at once', () => {
    assert.equal(checkAgentOptions({ ...sound, nodeName: '', historyFlows: 0 }).length, 2);
  });
});
