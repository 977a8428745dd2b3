import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PolicySets } from '../../../agent/policy/policy-sets.ts';
import { policyLayouts } from '../../../agent/policy/policy-layout.ts';
import { lookUpPolicy, parsePolicies, type Policy, policyKey, PolicyState } from '../../../policy/index.ts';
import { policies } from '../../policy/support/policy-arbitrary.ts';
import {
  CLUSTER_ID,
  endpointsOf,
  identitiesOf,
  identityOf,
  type Universe,
  universe,
} from '../../policy/support/universe.ts';
import { askMaps } from './support/ask-maps.ts';
import { FakePolicyMap } from './support/fake-policy-map.ts';

const { size: KEY_BYTES } = policyLayouts.policy_key;

function parse(objects: readonly object[]): readonly Policy[] {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const { policies, problems } = parsePolicies(JSON.stringify(list), 'policies.json');
  assert.deepEqual(problems, []);
  return policies;
}

interface Question {
  readonly endpointId: number;
  readonly key: string;
  readonly direction: 'ingress' | 'egress';
  readonly clusterId: number;
  readonly identity: number;
  readonly protocol: number;
  readonly port: number;
}

/** A few packets of each endpoint. */
function questionsOf(space: Universe, state: PolicyState, ids: ReadonlyMap<string, number>): Question[] {
  return [...ids].flatMap(([key, endpointId], i) =>
    (['ingress', 'egress'] as const).flatMap((direction) =>
      [0, 1, 2].map((j) => {
        const peer = space.ends[(i * 5 + j * 7) % space.ends.length];
        const port = [80, 8080, 53][(i + j) % 3];
        const protocol = port === 53 ? 17 : 6;
        const identity = identityOf(peer, state);
        return { endpointId, key, direction, clusterId: CLUSTER_ID, identity, protocol, port };
      }),
    ),
  );
}

function expected(state: PolicyState, { key, direction, identity, protocol, port }: Question): string {
  const found = lookUpPolicy(state.policyOf(key)!, direction, CLUSTER_ID, identity, protocol, port);
  return found.isPoliced ? found.verdict : 'open';
}

describe('policies in the maps', () => {
  it('say before, while and after every change what the policies before or after it say', () => {
    let checks = 0;
    const steps = fc.array(
      fc.record({ what: fc.constantFrom('policy', 'identity'), which: fc.nat(), isThere: fc.boolean() }),
      {
        minLength: 3,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(universe, policies, steps, (space, objects, steps) => {
        let check = (): void => {};
        const entries = new FakePolicyMap(KEY_BYTES, 1_000_000, () => check());
        const headers = new FakePolicyMap(4, 1_000_000, () => check());
        const sets = new PolicySets(entries, headers);
        const { cluster, mode, hostFirewall, services } = space.world;
        const state = new PolicyState({ clusterName: cluster, clusterId: CLUSTER_ID, mode, hostFirewall });
        const list = parse(objects);
        const identities = identitiesOf(space);
        const endpoints = endpointsOf(space) ?? [];
        state.update({ policies: list, identities, endpoints, services });
        sets.apply(state.takeChanges(), 'policies');
        const ids = new Map(endpoints.map(({ key }, i) => [key, i + 1]));
        for (const [key, id] of ids) sets.assign(id, key, state.policyOf(key)!, false);
        const here = new Set(identities.map(({ id }) => id));
        for (const { what, which, isThere } of steps) {
          const identity = identities[which % identities.length];
          const policy = list[which % list.length];
          if (what === 'identity' && here.has(identity.id) === isThere) continue;
          const questions = questionsOf(space, state, ids);
          const before = questions.map((question) => expected(state, question));
          if (what === 'policy') {
            state.update(isThere ? { policies: [policy] } : { removedPolicies: [policyKey(policy)] });
          } else if (isThere) {
            state.update({ identities: [identity] });
            here.add(identity.id);
          } else {
            state.update({ removedIdentities: [identity.id] });
            here.delete(identity.id);
          }
          const after = questions.map((question) => expected(state, question));
          check = () => {
            checks++;
            for (const [i, question] of questions.entries()) {
              // Nobody has an identity while its entries come or go.
              if (what === 'identity' && question.identity === identity.id) continue;
              const said = askMaps(headers, entries, question);
              assert.ok(said === before[i] || said === after[i], `${JSON.stringify(question)}: ${said}`);
            }
          };
          sets.apply(
            state.takeChanges(),
            what === 'policy' ? 'policies' : isThere ? 'identities-added' : 'identities-removed',
          );
          check = () => {};
          for (const [i, question] of questions.entries()) {
            assert.equal(askMaps(headers, entries, question), after[i], JSON.stringify(question));
          }
        }
        // Nothing is left behind of what was replaced.
        assert.equal(entries.content.size, sets.entryCount);
      }),
      { numRuns: 30 },
    );
    assert.ok(checks > 100, `${checks} checks`);
  });

  const app = (name: string): string[] => [
    `k8s:app=${name}`,
    'k8s:io.cilium.k8s.policy.cluster=east',
    'k8s:io.kubernetes.pod.namespace=a',
  ];
  const policy = (name: string, ports: number): object => ({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name, namespace: 'a' },
    spec: {
      endpointSelector: { matchLabels: { app: 'web' } },
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { app: 'db' } }],
          toPorts: [
            {
              ports: Array.from({ length: ports }, (_, i) => ({ port: String(2 * i + 1), protocol: 'TCP' })),
            },
          ],
        },
      ],
    },
  });

  function small(entries: FakePolicyMap, headers = new FakePolicyMap(4)) {
    const state = new PolicyState({ clusterName: 'east', clusterId: 0 });
    state.update({
      identities: [{ id: 300, labels: app('db') }],
      endpoints: [{ key: 'web', labels: app('web') }],
    });
    const sets = new PolicySets(entries, headers);
    const enforce = (...objects: object[]): void => {
      const list = parse(objects);
      state.update({ policies: list });
      sets.apply(state.takeChanges(), 'policies');
    };
    sets.apply(state.takeChanges(), 'policies');
    const ask = (port: number): string =>
      askMaps(headers, entries, {
        endpointId: 7,
        direction: 'ingress',
        clusterId: 0,
        identity: 300,
        protocol: 6,
        port,
      });
    return { state, sets, headers, enforce, ask };
  }

  it('stay in force in their old version when the new one does not fit, and say so until it does', () => {
    const entries = new FakePolicyMap(KEY_BYTES, 20);
    const { sets, enforce, ask, state } = small(entries);
    sets.assign(7, 'pod a/web', state.policyOf('web')!, false);
    enforce(policy('p', 4));
    assert.deepEqual([ask(7), ask(31), sets.problems.length], ['allow', 'default-deny', 0]);
    enforce(policy('p', 30));
    assert.deepEqual([ask(7), ask(31)], ['allow', 'default-deny']);
    assert.deepEqual(
      sets.problems.map(({ where, message }) => [
        where,
        /the map is full.*earlier policy stays in force/.test(message),
      ]),
      [['policy of pod a/web', true]],
    );
    entries.maxEntries = 100;
    sets.retry();
    assert.deepEqual([ask(7), ask(31), sets.problems.length], ['allow', 'allow', 0]);
    assert.equal(entries.content.size, sets.entryCount);
  });

  it('deny a new endpoint everything while its policy does not fit', () => {
    const entries = new FakePolicyMap(KEY_BYTES, 3);
    const { sets, enforce, ask, state, headers } = small(entries);
    enforce(policy('p', 30));
    sets.assign(7, 'pod a/web', state.policyOf('web')!, false);
    assert.equal(ask(1), 'default-deny');
    const egress = {
      endpointId: 7,
      direction: 'egress',
      clusterId: 0,
      identity: 300,
      protocol: 6,
      port: 1,
    } as const;
    assert.equal(askMaps(headers, entries, egress), 'default-deny');
    assert.match(sets.problems[0].message, /everything is denied to it/);
    assert.ok(sets.isEnforcing);
    entries.maxEntries = 100;
    sets.retry();
    assert.deepEqual([ask(1), askMaps(headers, entries, egress)], ['allow', 'open']);
  });

  it('of an earlier agent stay in force until they are assigned anew, then nothing of them is left', () => {
    const entries = new FakePolicyMap(KEY_BYTES);
    const first = small(entries);
    first.sets.assign(7, 'pod a/web', first.state.policyOf('web')!, false);
    first.sets.assign(8, 'pod a/gone', first.state.policyOf('web')!, false);
    first.enforce(policy('p', 4));
    const second = small(entries, first.headers);
    assert.ok(second.sets.isEnforcing);
    second.enforce(policy('p', 2));
    assert.equal(second.ask(7), 'allow');
    second.sets.assign(7, 'pod a/web', second.state.policyOf('web')!, false);
    assert.deepEqual([second.ask(7), second.ask(3)], ['default-deny', 'allow']);
    second.sets.finishInitial();
    assert.equal(entries.content.size, second.sets.entryCount);
    assert.equal(first.headers.content.size, 1);
  });

  it('are not asked for at all while nothing is enforced', () => {
    const { sets, state, enforce } = small(new FakePolicyMap(KEY_BYTES));
    sets.assign(7, 'pod a/web', state.policyOf('web')!, false);
    assert.equal(sets.isEnforcing, false);
    enforce(policy('p', 1));
    assert.equal(sets.isEnforcing, true);
    state.update({ removedPolicies: ['CiliumNetworkPolicy/a/p'] });
    sets.apply(state.takeChanges(), 'policies');
    assert.equal(sets.isEnforcing, false);
  });
});
