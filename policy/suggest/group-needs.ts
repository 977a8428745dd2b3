import { l4Needs, type L4Needs } from './port-items.ts';
import type { Need, SuggestedPeer } from './needs.ts';

/** Peers that need the same ports: what one rule says. */
export interface RuleNeeds {
  /** Of one kind; `world` stands by itself. */
  readonly kind: SuggestedPeer['kind'];
  readonly peers: readonly SuggestedPeer[];
  readonly l4: L4Needs;
  /** Each peer's names and flows. */
  readonly notes: readonly { readonly name: string; readonly flows: number }[];
}

const WORLD: SuggestedPeer = { kind: 'entity', entity: 'world' };

/** The fewest rules that let just these through: addresses that share ports, ports that share peers. Sorted, so that the same traffic comes to the same rules. */
export function groupNeeds(needs: Iterable<Need>, maxAddresses: number): RuleNeeds[] {
  const sorted = [...widenOutside([...needs], maxAddresses)].sort((a, b) =>
    compare(sortKey(a.peer), sortKey(b.peer)),
  );
  const groups = Map.groupBy(sorted, ({ peer, l4 }) =>
    JSON.stringify([isWorld(peer) ? 'world' : peer.kind, [...l4.keys()].sort((a, b) => a - b)]),
  );
  return [...groups.values()].map((members) => ({
    kind: members[0].peer.kind,
    peers: members.map(({ peer }) => peer),
    l4: l4Needs(members[0].l4.keys()),
    notes: members.map(({ peer, names, l4 }) => ({
      name: peer.kind === 'address' ? addressNote(peer.address, names) : [...names].sort().join(', '),
      flows: [...l4.values()].reduce((sum, flows) => sum + flows, 0),
    })),
  }));
}

/** Ports that more addresses need than a rule should list are opened to the world; each address keeps the rest. */
function* widenOutside(needs: readonly Need[], maxAddresses: number): Generator<Need> {
  const outside = needs.filter(({ peer }) => peer.kind === 'address' || isWorld(peer));
  const users = new Map<number, number>();
  for (const { peer, l4 } of outside) {
    for (const one of l4.keys()) users.set(one, (users.get(one) ?? 0) + (isWorld(peer) ? Infinity : 1));
  }
  const world: Need = { peer: WORLD, names: new Set(), l4: new Map() };
  let addresses = 0;
  for (const need of needs) {
    if (!outside.includes(need)) {
      yield need;
      continue;
    }
    const own = new Map<number, number>();
    let isWide = false;
    for (const [one, flows] of need.l4) {
      if (users.get(one)! <= maxAddresses) own.set(one, flows);
      else {
        world.l4.set(one, (world.l4.get(one) ?? 0) + flows);
        isWide = true;
      }
    }
    if (isWide) addresses++;
    if (own.size > 0) yield { ...need, l4: own };
  }
  if (world.l4.size > 0) yield { ...world, names: new Set([`world, ${addresses} addresses or more`]) };
}

export function isWorld(peer: SuggestedPeer): boolean {
  return peer.kind === 'entity' && peer.entity === 'world';
}

function addressNote(address: string, names: ReadonlySet<string>): string {
  const known = [...names].filter((name) => name !== address).sort();
  return known.length === 0 ? address : `${address} ${known.join(', ')}`;
}

/** Pods first, then nodes and the like, then addresses; each by name. */
function sortKey(peer: SuggestedPeer): string {
  if (peer.kind === 'entity') return `2 ${peer.entity}`;
  if (peer.kind === 'pods') {
    const { selector, cluster } = peer;
    return `1 ${selector.namespace} ${JSON.stringify(selector.labels)} ${cluster}`;
  }
  const padded = peer.address.replace(/\d+/g, (digits) => digits.padStart(3, '0'));
  return `3 ${peer.address.includes(':') ? 6 : 4} ${padded}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
