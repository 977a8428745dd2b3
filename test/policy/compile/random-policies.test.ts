import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { lookUpPolicy, parsePolicies, policyKey, PolicyState, type Policy } from '../../../policy/index.ts';
import { type End, evaluate, type Evaluation, type Packet } from '../support/evaluate.ts';
import { policies } from '../support/policy-arbitrary.ts';
import { PolicyMap } from '../support/policy-map.ts';
import type { PolicyYaml } from '../support/policy-yaml.ts';
import {
  CLUSTER_ID,
  endpointsOf,
  identitiesOf,
  identityOf,
  protocolNumbers,
  type Universe,
  universe,
} from '../support/universe.ts';

/** Scenarios and packets in each: 100,000 pairs of policies and packet. */
const SCENARIOS = 500;
const PACKETS = 200;

function parse(objects: readonly PolicyYaml[]): readonly Policy[] {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const { policies, problems } = parsePolicies(JSON.stringify(list), 'policies.json');
  assert.deepEqual(problems, []);
  return policies;
}

function newState({ world }: Universe): PolicyState {
  const { cluster, mode, hostFirewall } = world;
  return new PolicyState({ clusterName: cluster, clusterId: CLUSTER_ID, mode, hostFirewall });
}

/** Policy maps by endpoint, kept up by the changes that a state tells. */
class Maps {
  private readonly maps = new Map<number, PolicyMap>();
  private readonly state: PolicyState;

  constructor(state: PolicyState) {
    this.state = state;
  }

  takeChanges(): void {
    for (const change of this.state.takeChanges()) {
      const map = this.maps.get(change.policy.id) ?? new PolicyMap();
      map.apply(change);
      this.maps.set(change.policy.id, map);
    }
  }

  of(endpoint: string): PolicyMap {
    return this.maps.get(this.state.policyOf(endpoint)!.id)!;
  }
}

function compiled(space: Universe, list: readonly Policy[]): { state: PolicyState; maps: Maps } {
  const state = newState(space);
  const maps = new Maps(state);
  state.update({
    policies: list,
    identities: identitiesOf(space),
    endpoints: endpointsOf(space) ?? [],
    services: space.world.services,
  });
  maps.takeChanges();
  return { state, maps };
}

const PORTS = [1, 53, 78, 79, 80, 81, 90, 91, 8080, 8081, 9000, 65_535];
/** Packets by how often they are worth a question. */
const packetsOf: readonly (readonly [protocol: Packet['protocol'], ports: readonly number[]])[] = [
  ['TCP', PORTS],
  ['TCP', PORTS],
  ['UDP', PORTS],
  ['SCTP', PORTS],
  ['ICMP', [0, 3, 8, 11, 13]],
  ['ICMPv6', [2, 128, 129]],
  ['GRE', [0]],
];

/** Who sends what to whom: drawn here rather than by fast-check, whose failing cases then stay small. */
function* questions(space: Universe, seed: number): IterableIterator<{ from: End; to: End; packet: Packet }> {
  let state = seed;
  const pick = <T>(values: readonly T[]): T => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return values[Math.floor((state / 2 ** 32) * values.length)];
  };
  for (let i = 0; i < PACKETS; i++) {
    const [protocol, ports] = pick(packetsOf);
    const packet = { protocol, port: pick(ports) };
    yield { from: pick(space.ends), to: pick(space.ends), packet };
  }
}

function compare(
  { state, maps }: ReturnType<typeof compiled>,
  direction: 'ingress' | 'egress',
  subject: End,
  peer: End,
  packet: Packet,
  expected: Evaluation,
): void {
  const identity = identityOf(peer, state);
  const protocol = protocolNumbers[packet.protocol];
  const policy = state.policyOf(subject.name)!;
  const found = lookUpPolicy(policy, direction, CLUSTER_ID, identity, protocol, packet.port);
  const asked = `${direction} of ${subject.name}, peer ${peer.name} (${identity}), ${packet.protocol} ${packet.port}`;
  assert.equal(found.isPoliced ? found.verdict : 'open', expected.verdict, asked);
  if (!found.isPoliced) return;

  const entry = maps.of(subject.name).lookUp(direction, CLUSTER_ID, identity, protocol, packet.port);
  assert.equal(entry?.verdict ?? 'default-deny', found.verdict, `map: ${asked}`);
  assert.equal(entry?.cookie ?? 0, found.cookie, `cookie: ${asked}`);
  assert.equal(entry?.matchType ?? 'none', found.matchType, `match type: ${asked}`);

  // The entry that decides was made by rules that match the packet; where no rule decided, by none.
  const rules = state.rules.rulesOf(found.cookie).filter(({ kind }) => kind !== '');
  for (const { name, path } of rules) {
    assert.ok(expected.rules.includes(`${name} ${path}`), `${asked} is not decided by ${name} ${path}`);
  }
  assert.equal(rules.length > 0, expected.rules.length > 0, `rules: ${asked}`);
}

describe('random policies, compiled', () => {
  it('decide every packet as a plain reading of them does, and name only rules that match', () => {
    let denied = 0;
    let allowed = 0;
    fc.assert(
      fc.property(universe, policies, fc.noShrink(fc.nat()), (space, objects, seed) => {
        const both = compiled(space, parse(objects));
        for (const { from: source, to: destination, packet } of questions(space, seed)) {
          if (source.isManaged) {
            const expected = evaluate(objects, space.world, 'egress', source, destination, packet);
            compare(both, 'egress', source, destination, packet, expected);
          }
          if (destination.isManaged) {
            const expected = evaluate(objects, space.world, 'ingress', destination, source, packet);
            compare(both, 'ingress', destination, source, packet, expected);
            if (expected.verdict === 'allow') allowed++;
            else if (expected.verdict !== 'open') denied++;
          }
        }
      }),
      { numRuns: SCENARIOS },
    );
    // A universe in which everything passes, or nothing, would prove little.
    assert.ok(
      Math.min(allowed, denied) > (SCENARIOS * PACKETS) / 100,
      `${allowed} allowed, ${denied} denied`,
    );
  });

  it('come to the same entries in whatever order policies and identities come and go', () => {
    const steps = fc.array(
      fc.record({
        what: fc.constantFrom('policy', 'identity', 'endpoint', 'service'),
        which: fc.nat(),
        isThere: fc.boolean(),
      }),
      { minLength: 5, maxLength: 40 },
    );
    fc.assert(
      fc.property(universe, policies, steps, (space, objects, steps) => {
        const list = parse(objects);
        const all = {
          policies: list,
          identities: identitiesOf(space),
          endpoints: endpointsOf(space) ?? [],
          services: space.world.services,
        };
        const state = newState(space);
        const maps = new Maps(state);
        for (const { what, which, isThere } of steps) {
          const policy = list[which % list.length];
          const identity = all.identities[which % all.identities.length];
          const endpoint = all.endpoints[which % all.endpoints.length];
          const service = all.services[which % all.services.length];
          if (what === 'policy')
            state.update(isThere ? { policies: [policy] } : { removedPolicies: [policyKey(policy)] });
          else if (what === 'identity')
            state.update(isThere ? { identities: [identity] } : { removedIdentities: [identity.id] });
          else if (what === 'endpoint')
            state.update(isThere ? { endpoints: [endpoint] } : { removedEndpoints: [endpoint.key] });
          else if (isThere) state.update({ services: [service] });
          else state.update({ removedServices: [`${service.namespace}/${service.name}`] });
          maps.takeChanges();
        }
        state.update(all);
        maps.takeChanges();
        const fresh = compiled(space, list);
        for (const { key } of all.endpoints) {
          assert.deepEqual(maps.of(key).dump(), fresh.maps.of(key).dump(), key);
        }
      }),
      { numRuns: 150 },
    );
  });
});
