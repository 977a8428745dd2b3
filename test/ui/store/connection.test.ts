import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionFilters } from '../../../ui/store/connection.ts';
import { matches } from '../../support/match-flow.ts';
import { sampleFlow } from '../support/sample-flow.ts';

const tcp = (sourcePort: number, destinationPort: number) => ({
  protocol: { case: 'TCP' as const, value: { sourcePort, destinationPort } },
});

describe('the connection of a flow', () => {
  const { whitelist } = connectionFilters(sampleFlow())!;

  it('has the flows of both directions', () => {
    assert.ok(matches(sampleFlow(), whitelist));
    const reply = sampleFlow({ IP: { source: '10.0.1.2', destination: '10.0.0.1' }, l4: tcp(8443, 41_882) });
    assert.ok(matches(reply, whitelist));
  });

  it('has no others', () => {
    assert.ok(!matches(sampleFlow({ l4: tcp(41_883, 8443) }), whitelist));
    assert.ok(!matches(sampleFlow({ IP: { source: '10.0.0.9', destination: '10.0.1.2' } }), whitelist));
    const udp = { protocol: { case: 'UDP' as const, value: { sourcePort: 41_882, destinationPort: 8443 } } };
    assert.ok(!matches(sampleFlow({ l4: udp }), whitelist));
    const crossed = sampleFlow({ l4: tcp(8443, 41_882) });
    assert.ok(!matches(crossed, whitelist));
  });

  it('is known without ports, and not without addresses', () => {
    const ping = sampleFlow({ l4: { protocol: { case: 'ICMPv4', value: { type: 8 } } } });
    assert.ok(matches(ping, connectionFilters(ping)!.whitelist));
    assert.equal(connectionFilters(sampleFlow({ IP: { source: '' } })), null);
  });
});
