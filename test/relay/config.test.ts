import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RelayOptions, runRelay } from '../../relay/index.ts';
import { checkRelayOptions } from '../../relay/config.ts';
import { parseAddress } from '../../rpc/index.ts';

const good: RelayOptions = {
  name: 'r',
  listen: [parseAddress('unix:///run/relay.sock')],
  insecure: false,
  peers: [parseAddress('unix:///run/agent.sock')],
  mergeDelayMs: 300,
  maxBufferedBytes: 64 * 1024 * 1024,
  liveBufferFlows: 262_144,
  liveBufferBytes: 128 * 1024 * 1024,
};

describe('checkRelayOptions()', () => {
  it('accepts the defaults, and a Peer service instead of peers', () => {
    checkRelayOptions(good);
    checkRelayOptions({ ...good, peers: [], peerService: parseAddress('unix:///run/agent.sock') });
  });

  const faults: [Partial<RelayOptions>, string][] = [
    [{ name: '' }, 'relay name is empty: expected a name'],
    [{ listen: [] }, 'relay has nowhere to listen: expected an address'],
    [{ peers: [] }, 'relay has no peers: expected a Peer service or peer addresses'],
    [{ peers: good.listen }, 'relay cannot follow itself: unix:///run/relay.sock is its own address'],
    [{ mergeDelayMs: -1 }, 'merge delay of -1 ms: expected 0 to 60000'],
    [{ mergeDelayMs: Number.NaN }, 'merge delay of NaN ms: expected 0 to 60000'],
    [{ maxBufferedBytes: 4096 }, 'merge buffer of 4096 bytes: expected 1048576 or more'],
    [{ liveBufferFlows: 0 }, 'live buffer of 0 flows: expected 1 or more'],
    [{ liveBufferBytes: 0 }, 'live buffer of 0 bytes: expected 1 or more'],
    [{ maxStreams: 0 }, 'most streams of 0 calls: expected 1 or more'],
  ];
  for (const [change, message] of faults) {
    it(`refuses: ${message}`, () => {
      assert.throws(() => checkRelayOptions({ ...good, ...change }), { name: 'RangeError', message });
    });
  }

  it('makes a relay end with status 1 and its words in the log', async () => {
    const logs: string[] = [];
    const io = { signal: new AbortController().signal, log: (line: string): number => logs.push(line) };
    assert.equal(await runRelay({ ...good, mergeDelayMs: 1e6 }, io), 1);
    assert.match(logs.join('\n'), /level=error msg="merge delay of 1000000 ms: expected 0 to 60000"$/);
  });
});
