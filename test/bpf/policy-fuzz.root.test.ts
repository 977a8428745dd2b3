import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { constant } from '../../bench/support/datapath-node.ts';
import { addressBytes } from '../../bench/support/address-bytes.ts';
import { PROTO } from './support/build-packet.ts';
import { mutatePacket, seededRandom } from './support/mutate-packet.ts';
import { CAST, VERDICT } from './support/one-node.ts';
import { kinds } from './support/packet-kinds.ts';
import { PolicyNode } from './support/policy-node.ts';
import { type IpReading, readPacket, testRunRefuses } from './support/read-packet.ts';

/** More for a long run: npm run fuzz:datapath; SLUICE_FUZZ_SEED=2 for others */
const RUNS = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 100_000);
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 1);

const node = new PolicyNode();
after(() => node.close());
node.enforce({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'nothing', namespace: 'shop' },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
});

const ofNode = [CAST.node.ipv4, CAST.node.ipv6].map((text) =>
  Buffer.from(addressBytes(text)).toString('hex'),
);

/** The node reaches its own pods whatever no rule allows, also from an address of a link. */
function isFromNode({ ipv6, source }: IpReading): boolean {
  return ofNode.includes(source) || (ipv6 && /^fe[89ab]/.test(source));
}

/** What no policy is asked about: who speaks to himself, neighbour discovery and listener messages on their link, and "fragmentation needed". */
function isExempt(packet: Uint8Array, reading: IpReading): boolean {
  const { ipv6, protocol, l3Offset, l4Offset, fragment, source, destination } = reading;
  if (source === destination) return true;
  if (l4Offset === 0) return false;
  const [type, code] = [packet[l4Offset], packet[l4Offset + 1]];
  if (!ipv6) return protocol === PROTO.icmp && fragment !== 'later' && type === 3 && code === 4;
  if (protocol !== PROTO.icmpv6 || fragment !== 'no') return false;
  return (type >= 130 && type <= 136) || type === 143
    ? packet[l3Offset + 7] === 255 || packet[l3Offset + 7] === 1
    : false;
}

describe('mutated packets under policies that allow nothing', () => {
  it(`never pass, but for what no policy is asked about and what the node sends (${RUNS} of seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const corpus = Object.values(kinds);
    const tally = { dropped: 0, exempt: 0, notIp: 0 };
    for (let run = 0; run < RUNS; run++) {
      const packet = mutatePacket(corpus[random(corpus.length)], random);
      if (testRunRefuses(packet)) continue;
      const program = random(2) === 0 ? 'to_container' : 'from_container';
      const { verdict, events } = node.run(program, packet);
      const reading = readPacket(packet);
      if (reading.kind === 'not-ip') {
        tally.notIp++;
        continue;
      }
      if (verdict === VERDICT.drop) {
        tally.dropped++;
        assert.ok(
          events.some(({ type }) => type === constant('EVENT_TYPE_DROP')),
          `run ${run}: a drop of which nothing tells`,
        );
        continue;
      }
      assert.ok(
        reading.kind === 'ip' &&
          (isExempt(packet, reading) || (program === 'to_container' && isFromNode(reading))),
        `run ${run}, ${program} lets pass ${packet.toString('hex')}`,
      );
      tally.exempt++;
    }
    assert.ok(tally.dropped > RUNS / 2 && tally.notIp > 0 && tally.exempt > 0, JSON.stringify(tally));
  });
});
