import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressBytes } from '../../bench/support/address-bytes.ts';
import { constant, mapsHeader } from '../../bench/support/datapath-node.ts';
import { packStruct } from '../../bench/support/c-struct.ts';
import { mutatePacket, seededRandom } from './support/mutate-packet.ts';
import { kinds } from './support/packet-kinds.ts';
import { type IpReading, readPacket, type Reading, testRunRefuses } from './support/read-packet.ts';
import { CAST, nodeForFile, type Outcome, type Program, VERDICT } from './support/one-node.ts';

/** More for a long run: npm run fuzz:datapath; SLUICE_FUZZ_SEED=2 for others */
const RUNS = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 100_000);
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 1);

const node = nodeForFile();
// With DNS read as well, which looks at every packet of its port.
node.datapath.configure({ dnsBurst: 1 << 20 });
const corpus = Object.values(kinds);
let dnsMessages = 0;
const hex = (text: string): string => Buffer.from(addressBytes(text)).toString('hex');
const own = new Set([hex(CAST.pod.ipv4), hex(CAST.pod.ipv6)]);

function sourceIsOwn(reading: Reading): boolean {
  if (reading.kind === 'not-ip' || reading.source === null || own.has(reading.source)) return true;
  if (reading.kind === 'drop' || !reading.linkLocalOk) return false;
  return /^0+$/.test(reading.source) || (reading.ipv6 && /^fe[89ab]/.test(reading.source));
}

/** The drop reason's name, or null if the packet may pass. */
function expectedDrop(program: Program, reading: Reading): string | null {
  if (program === 'from_container' && !sourceIsOwn(reading)) return 'DROP_INVALID_SOURCE_IP';
  return reading.kind === 'drop' ? reading.reason : null;
}

/** The connection's key in conntrack, in the order that maps_shared.h describes. */
function conntrackKey(
  { ipv6, source, destination, protocol }: IpReading,
  ports: readonly [number, number],
): Uint8Array {
  const ends = [
    source + ports[0].toString(16).padStart(4, '0'),
    destination + ports[1].toString(16).padStart(4, '0'),
  ].sort();
  const [low, high] = ends.map((end) => Buffer.from(end, 'hex'));
  const bytes = ipv6 ? 16 : 4;
  return packStruct(mapsHeader, ipv6 ? 'ct6_key' : 'ct4_key', {
    low_address: low.subarray(0, bytes),
    high_address: high.subarray(0, bytes),
    low_port: low.readUInt16LE(bytes),
    high_port: high.readUInt16LE(bytes),
    proto: protocol,
  });
}

function checkPassed(outcome: Outcome, reading: IpReading): void {
  assert.ok(
    outcome.verdict === VERDICT.pass || outcome.verdict === VERDICT.redirect,
    `verdict ${outcome.verdict}`,
  );
  const [event] = outcome.events;
  assert.equal(event.type, constant('EVENT_TYPE_TRACE'));
  assert.equal(event.l3Offset, reading.l3Offset);
  assert.equal(event.l4Offset, reading.l4Offset);
  assert.equal(event.captured.length, reading.headerEnd);
  assert.equal((event.flags & constant('EVENT_FLAG_IPV6')) !== 0, reading.ipv6);
  assert.equal((event.flags & constant('EVENT_FLAG_VLAN')) !== 0, reading.vlan);
  assert.equal((event.flags & constant('EVENT_FLAG_FRAGMENT')) !== 0, reading.fragment === 'later');
  // A later IPv6 fragment learns its protocol from the first, if that was seen.
  if (reading.fragment !== 'later') assert.equal(event.protocol, reading.protocol);
  for (const { type, captured } of outcome.events) {
    if (type !== constant('EVENT_TYPE_L7')) continue;
    assert.ok(reading.ports?.includes(53) === true, 'a DNS message of other ports');
    assert.ok(captured.length > reading.headerEnd, 'a DNS message of no bytes');
    dnsMessages++;
  }
  if (reading.ports !== null) {
    const table = node.datapath.object.map(reading.ipv6 ? 'ct6' : 'ct4');
    assert.ok(table.lookup(conntrackKey(reading, reading.ports)), 'no conntrack entry');
  }
}

function check(program: Program, packet: Buffer): void {
  const outcome = node.run(program, packet);
  const reading = readPacket(packet);
  const reason = expectedDrop(program, reading);
  if (reading.kind === 'not-ip') {
    assert.equal(outcome.verdict, VERDICT.pass);
    assert.equal(outcome.events.length, 0);
  } else if (reason !== null) {
    assert.equal(outcome.verdict, VERDICT.drop);
    assert.equal(outcome.events.length, 1);
    assert.equal(outcome.events[0].type, constant('EVENT_TYPE_DROP'));
    assert.equal(outcome.events[0].subType, constant(reason));
  } else if (reading.kind === 'ip') {
    checkPassed(outcome, reading);
  }
}

describe('mutated packets', () => {
  it(`are passed, or dropped for the right reason, as an independent reading says (${RUNS} of seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const tally = { passed: 0, dropped: 0, notIp: 0 };
    for (let run = 0; run < RUNS; run++) {
      const packet = mutatePacket(corpus[random(corpus.length)], random);
      if (testRunRefuses(packet)) continue;
      const program = random(4) === 0 ? 'to_container' : 'from_container';
      try {
        check(program, packet);
      } catch (error) {
        throw new Error(`run ${run}, ${program} on ${packet.toString('hex')}`, { cause: error });
      }
      const { kind } = readPacket(packet);
      tally[kind === 'ip' ? 'passed' : kind === 'drop' ? 'dropped' : 'notIp']++;
    }
    // A mutator that breaks everything, or nothing, would prove little.
    for (const [name, count] of Object.entries(tally)) assert.ok(count > RUNS / 100, `${name}: ${count}`);
    assert.ok(dnsMessages > RUNS / 1000, `${dnsMessages} DNS messages`);
  });
});
