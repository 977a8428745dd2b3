import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import { ethernet, ETHERTYPE, icmp, ipv4, ipv6, PROTO, udp } from './support/build-packet.ts';
import { CAST, nodeForFile, type Program } from './support/one-node.ts';

const node = nodeForFile();

function packet(family: 'ipv4' | 'ipv6', source: string, destination: string): Uint8Array {
  return family === 'ipv4'
    ? ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp, source, destination }, udp({})))
    : ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.udp, source, destination }, udp({})));
}

const identityOf = ({ identity, endpointId }: (typeof CAST)[keyof typeof CAST]): object => ({
  identity,
  endpointId,
});

describe('both ends of a packet are named', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [name, other] of Object.entries(CAST)) {
      if (other === CAST.pod) continue;

      it(`from an endpoint to ${name} over ${family}`, () => {
        for (const event of node.run('from_container', packet(family, CAST.pod[family], other[family]))
          .events) {
          assert.deepEqual(event.source, identityOf(CAST.pod));
          assert.deepEqual(event.destination, identityOf(other));
        }
      });

      it(`from ${name} to an endpoint over ${family}`, () => {
        const { events } = node.run('to_container', packet(family, other[family], CAST.pod[family]));
        assert.equal(events.length, 1);
        assert.equal(events[0].subType, constant('TRACE_TO_ENDPOINT'));
        assert.deepEqual(events[0].source, identityOf(other));
        assert.deepEqual(events[0].destination, identityOf(CAST.pod));
      });
    }

    for (const remote of ['remotePod', 'remoteNode', 'range', 'world'] as const) {
      const points: readonly (readonly [Program, keyof typeof CAST, keyof typeof CAST, string])[] = [
        ['from_netdev', remote, 'pod', 'TRACE_FROM_NETWORK'],
        ['from_netdev', remote, 'node', 'TRACE_FROM_NETWORK'],
        ['to_netdev', 'pod', remote, 'TRACE_TO_NETWORK'],
        ['to_netdev', 'node', remote, 'TRACE_TO_NETWORK'],
      ];
      for (const [program, source, destination, point] of points) {
        it(`from ${source} to ${destination} over ${family}, at ${program}`, () => {
          const { events } = node.run(
            program,
            packet(family, CAST[source][family], CAST[destination][family]),
          );
          assert.equal(events[0].subType, constant(point));
          assert.deepEqual(events[0].source, identityOf(CAST[source]));
          assert.deepEqual(events[0].destination, identityOf(CAST[destination]));
        });
      }
    }
  }

  it("the node for a link-local address on an endpoint's link", () => {
    const solicitation = (source: string, destination: string): Uint8Array =>
      ethernet(
        ETHERTYPE.ipv6,
        ipv6({ next: PROTO.icmpv6, source, destination }, icmp({ type: 135 }, new Uint8Array(16))),
      );
    const [toNode] = node.run('from_container', solicitation(CAST.pod.ipv6, 'fe80::1')).events;
    assert.deepEqual(toNode.destination, identityOf(CAST.node));
    const [fromNode] = node.run('to_container', solicitation('fe80::1', CAST.pod.ipv6)).events;
    assert.deepEqual(fromNode.source, identityOf(CAST.node));
  });

  it('an exact address before the range it lies in', () => {
    node.datapath.addRange('10.1.0.0', 16, 777);
    const [exact] = node.run('from_container', packet('ipv4', CAST.pod.ipv4, CAST.remotePod.ipv4)).events;
    assert.equal(exact.destination.identity, CAST.remotePod.identity);
    const [inRange] = node.run('from_container', packet('ipv4', CAST.pod.ipv4, '10.1.0.9')).events;
    assert.equal(inRange.destination.identity, 777);
  });

  it('the longest of nested ranges', () => {
    node.datapath.addRange('172.16.3.0', 24, 888);
    const [event] = node.run('from_container', packet('ipv4', CAST.pod.ipv4, CAST.range.ipv4)).events;
    assert.equal(event.destination.identity, 888);
  });

  it('no IPv4 address by an IPv6 range of the same bytes', () => {
    node.datapath.addRange('808::', 16, 999);
    const [event] = node.run('from_container', packet('ipv4', CAST.pod.ipv4, CAST.world.ipv4)).events;
    assert.equal(event.destination.identity, CAST.world.identity);
  });
});
