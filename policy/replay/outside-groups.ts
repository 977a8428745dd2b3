import type { Peer, Rule } from '../model.ts';
import { type PlainPeer, resolveCidrGroup, resolveServices } from '../select/resolve-named.ts';
import type { ProposedPolicies } from './cluster-policies.ts';
import { RangeTable } from './range-table.ts';

/** Names for groups of addresses outside that proposed policies cannot tell apart: a recorder that groups by them loses nothing that a replay would need. */
export function outsideGroups(proposed: ProposedPolicies): (address: string) => string {
  const ranges = new RangeTable(rangesOf(proposed));
  return (address) => ranges.longest(address) ?? (address.includes(':') ? '::/0' : '0.0.0.0/0');
}

/** Every range that policies speak of, exceptions included. */
function* rangesOf(proposed: ProposedPolicies): Generator<string> {
  for (const { ruleSets } of proposed.policies) {
    for (const { ingress, egress } of ruleSets) {
      for (const direction of [ingress, egress]) {
        if (direction === null) continue;
        for (const rule of [...direction.allow, ...direction.deny]) yield* rangesOfRule(rule, proposed);
      }
    }
  }
}

function* rangesOfRule({ peers }: Rule, proposed: ProposedPolicies): Generator<string> {
  if (peers === 'any') return;
  for (const peer of peers) {
    for (const plain of plainPeers(peer, proposed)) {
      if (plain.kind !== 'cidr') continue;
      yield plain.cidr;
      yield* plain.except;
    }
  }
}

function plainPeers(peer: Peer, { services = [], cidrGroups = [] }: ProposedPolicies): readonly PlainPeer[] {
  switch (peer.kind) {
    case 'cidr-group':
      return resolveCidrGroup(
        peer,
        cidrGroups.find(({ name }) => name === peer.name),
      );
    case 'service':
    case 'services':
      return resolveServices(peer, services);
    default:
      return [peer];
  }
}
