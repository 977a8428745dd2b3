import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { PolicySets } from '../../agent/policy/policy-sets.ts';
import { runProgram } from '../../agent/kernel/prog-test-run.ts';
import { addressBytes } from '../../bench/support/address-bytes.ts';
import { packStruct } from '../../bench/support/c-struct.ts';
import { constant, DatapathNode, mapsHeader } from '../../bench/support/datapath-node.ts';
import { lookUpPolicy, matchTypes, parsePolicies, PolicyState } from '../../policy/index.ts';
import { type End, evaluate, type Packet } from '../policy/support/evaluate.ts';
import { policies } from '../policy/support/policy-arbitrary.ts';
import {
  CLUSTER_ID,
  endpointsOf,
  identitiesOf,
  identityOf,
  protocolNumbers,
  type Universe,
  universe,
} from '../policy/support/universe.ts';
import { ethernet, ETHERTYPE, icmp, ipv4, ipv6, sctp, tcp, TCP_FLAG, udp } from './support/build-packet.ts';
import { VERDICT } from './support/one-node.ts';

/** More for a long run: npm run fuzz:policy; SLUICE_POLICY_SEED=2 for others */
const PAIRS = Number(process.env['SLUICE_POLICY_PAIRS'] ?? 100_000);
const SEED = Number(process.env['SLUICE_POLICY_SEED'] ?? 1);
const PAIRS_PER_SCENARIO = 500;

const datapath = new DatapathNode({ clusterId: CLUSTER_ID, maxEntries: { ct4: 65_536, ct6: 65_536 } });
after(() => datapath.close());
datapath.configure({ flags: constant('SETTING_POLICY') | constant('SETTING_NO_REDIRECT'), identityEpoch: 1 });

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const INTERFACE = u32(1);
/** An address that nobody had before, so that no connection is met twice. */
let addressesGiven = 0;
function freshAddress(isIpv6: boolean): string {
  const [high, low] = [addressesGiven >>> 16, addressesGiven++ & 0xffff];
  return isIpv6
    ? `fd00::${high.toString(16)}:${low.toString(16)}`
    : `11.${high & 255}.${low >> 8}.${low & 255}`;
}

/** A peer's address by its place in the universe; somebody outside has his own. */
function addressOf(end: End, place: number, isIpv6: boolean): string {
  if (end.address !== '') return end.address;
  return isIpv6 ? `fd77::${place + 1}` : `12.0.0.${place + 1}`;
}

function l4Of({ protocol, port }: Packet): Uint8Array {
  switch (protocol) {
    case 'TCP':
      return tcp({ to: port, flags: TCP_FLAG.syn });
    case 'UDP':
      return udp({ to: port });
    case 'SCTP':
      return sctp({ to: port, chunk: 1 });
    case 'GRE':
      return new Uint8Array(8);
    default:
      return icmp({ type: port });
  }
}

function frame(packet: Packet, isIpv6: boolean, source: string, destination: string): Uint8Array {
  const protocol = protocolNumbers[packet.protocol];
  const l4 = l4Of(packet);
  return isIpv6
    ? ethernet(ETHERTYPE.ipv6, ipv6({ next: protocol, source, destination }, l4))
    : ethernet(ETHERTYPE.ipv4, ipv4({ protocol, source, destination }, l4));
}

/** One universe with its policies in the kernel's maps. */
class Scenario {
  readonly state: PolicyState;
  readonly space: Universe;
  private readonly sets: PolicySets;
  private readonly ids = new Map<string, number>();

  constructor(space: Universe, objects: Parameters<typeof evaluate>[0]) {
    this.space = space;
    const { cluster, mode, hostFirewall, services } = space.world;
    this.state = new PolicyState({ clusterName: cluster, clusterId: CLUSTER_ID, mode, hostFirewall });
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    const { policies, problems } = parsePolicies(JSON.stringify(list), 'policies.json');
    assert.deepEqual(problems, []);
    this.state.update({
      policies,
      identities: identitiesOf(space),
      endpoints: endpointsOf(space) ?? [],
      services,
    });
    const { object } = datapath;
    this.sets = new PolicySets(object.map('policy'), object.map('endpoint_policies'));
    this.sets.apply(this.state.takeChanges(), 'policies');
    for (const [i, { name, isManaged }] of space.ends.entries()) {
      if (!isManaged) continue;
      const id = name === 'host' ? 0 : i + 1;
      this.ids.set(name, id);
      this.sets.assign(id, name, this.state.policyOf(name)!, false);
    }
    this.sets.finishInitial();
    for (const [place, end] of space.ends.entries()) {
      for (const isIpv6 of [false, true]) {
        if (end.address === '') datapath.addIpcache(addressOf(end, place, isIpv6), end.identity);
        else if (end.address.includes(':') === isIpv6)
          datapath.addIpcache(end.address, identityOf(end, this.state));
      }
    }
  }

  /** What the programs did with a packet, in words. */
  ask(direction: 'ingress' | 'egress', subject: End, peer: End, packet: Packet): string {
    const place = this.space.ends.indexOf(peer);
    const isIpv6 = packet.protocol === 'ICMPv6' || peer.address.includes(':');
    const own = freshAddress(isIpv6);
    const other = addressOf(peer, place, isIpv6);
    const id = this.ids.get(subject.name)!;
    const bytes = addressBytes(own);
    const key = packStruct(mapsHeader, 'address_key', { family: isIpv6 ? 2 : 1, address: bytes });
    const local = datapath.object.map('local_addresses');
    let program: string;
    if (id === 0) {
      program = direction === 'ingress' ? 'from_netdev' : 'to_netdev';
      local.update(key, packStruct(mapsHeader, 'local_address', { identity: 1 }));
    } else {
      program = direction === 'ingress' ? 'to_container' : 'from_container';
      const info = { endpoint_id: id, identity: subject.identity, [isIpv6 ? 'ipv6' : 'ipv4']: bytes };
      datapath.object.map('endpoints').update(INTERFACE, packStruct(mapsHeader, 'endpoint_info', info));
    }
    const [source, destination] = direction === 'egress' ? [own, other] : [other, own];
    const { verdict } = runProgram(datapath.object.programFd(program), {
      packet: frame(packet, isIpv6, source, destination),
    });
    if (id === 0) local.delete(key);
    const told = datapath.drain().find(({ type }) => type === constant('EVENT_TYPE_POLICY_VERDICT'));
    const passed = verdict === VERDICT.drop ? 'drop' : 'pass';
    if (told === undefined) return `${passed} untold`;
    const matchType = (told.policy >> constant('VERDICT_MATCH_TYPE_SHIFT')) & 7;
    return `${passed} ${told.policy >> constant('VERDICT_REASON_SHIFT')} ${matchType} ${told.ruleCookie}`;
  }

  /** What they should have done, by the pure lookup. */
  expect(direction: 'ingress' | 'egress', subject: End, peer: End, packet: Packet): string {
    const { state } = this;
    const policy = state.policyOf(subject.name)!;
    const protocol = protocolNumbers[packet.protocol];
    const identity = identityOf(peer, state);
    const port = packet.protocol === 'GRE' ? 0 : packet.port;
    const found = lookUpPolicy(policy, direction, CLUSTER_ID, identity, protocol, port);
    if (!found.isPoliced) return 'pass untold';
    const reason = { allow: 0, deny: 181, 'default-deny': 133 }[found.verdict];
    // The node is silent about what it lets through without looking.
    if (reason === 0 && subject.name === 'host' && found.matchType === 'all') return 'pass untold';
    return `${reason === 0 ? 'pass' : 'drop'} ${reason} ${matchTypes[found.matchType]} ${found.cookie}`;
  }
}

const PORTS = [1, 53, 78, 79, 80, 81, 90, 91, 8080, 8081, 9000, 65_535];
const packetsOf: readonly (readonly [protocol: Packet['protocol'], ports: readonly number[]])[] = [
  ['TCP', PORTS],
  ['TCP', PORTS],
  ['UDP', PORTS],
  ['SCTP', PORTS],
  ['ICMP', [0, 3, 8, 11, 13]],
  ['ICMPv6', [128, 129]],
  ['GRE', [0]],
];

/** ICMPv6's error and control types are none of the node's policy's business; the rest has no IPv4 form. */
const isAskable = (subject: End, peer: End, { protocol }: Packet): boolean =>
  subject !== peer &&
  !(protocol === 'ICMPv6' && peer.address !== '' && !peer.address.includes(':')) &&
  !(protocol === 'ICMP' && peer.address.includes(':'));

describe('the programs', () => {
  it(`decide as the compiler's lookup and a plain reading of the policies do (${PAIRS} packets)`, () => {
    const tally = { pass: 0, drop: 0, untold: 0 };
    fc.assert(
      fc.property(universe, policies, fc.noShrink(fc.nat()), (space, objects, seed) => {
        const scenario = new Scenario(space, objects);
        let random = seed;
        const pick = <T>(values: readonly T[]): T => {
          random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
          return values[Math.floor((random / 2 ** 32) * values.length)];
        };
        const managed = space.ends.filter(({ isManaged }) => isManaged);
        for (let asked = 0; asked < PAIRS_PER_SCENARIO;) {
          const [protocol, ports] = pick(packetsOf);
          const packet = { protocol, port: pick(ports) };
          const [subject, peer] = [pick(managed), pick(space.ends)];
          const direction = pick(['ingress', 'egress'] as const);
          if (!isAskable(subject, peer, packet)) continue;
          asked++;
          const expected = scenario.expect(direction, subject, peer, packet);
          const question = `${direction} of ${subject.name}, peer ${peer.name}, ${protocol} ${packet.port}`;
          const actual = scenario.ask(direction, subject, peer, packet);
          assert.equal(actual, expected, question);
          const plain = evaluate(objects, space.world, direction, subject, peer, packet).verdict;
          const isDropped = plain === 'deny' || plain === 'default-deny';
          assert.equal(actual.startsWith('drop'), isDropped, `${question}: plainly ${plain}`);
          tally[actual.endsWith('untold') ? 'untold' : isDropped ? 'drop' : 'pass']++;
        }
      }),
      { numRuns: Math.max(1, Math.round(PAIRS / PAIRS_PER_SCENARIO)), seed: SEED },
    );
    // A universe in which everything passes, or nothing, would prove little.
    for (const [name, count] of Object.entries(tally)) assert.ok(count > PAIRS / 100, `${name}: ${count}`);
  });
});
