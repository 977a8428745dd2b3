import { parseCidr } from '../../cluster/address.ts';
import { isIdentityRelevant, POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { Peer, Policy } from '../model.ts';
import { cidrLabel } from './label.ts';
import { CIDR_SCOPE, REMOTE_NODE_SCOPE } from './reserved-identities.ts';
import { StableNumbers } from './stable-numbers.ts';

/** An identity that a node numbers for itself. */
export interface LocalIdentity {
  readonly id: number;
  readonly labels: readonly string[];
}

/**
 * Identities of the ranges that policies speak of, exceptions included. An address outside the cluster has the identity of its longest range here; one in none of them is
 * world-ipv4 or world-ipv6. A range of length 0 has no identity: it is the world.
 */
export class CidrIdentities {
  private readonly numbers = new StableNumbers(CIDR_SCOPE + 1, CIDR_SCOPE - 1);
  private readonly known = new Map<string, { identity: LocalIdentity; uses: number }>();
  private changes = 0;

  /** Another number whenever a range comes or goes. */
  get version(): number {
    return this.changes;
  }

  /** By range, canonical text: what the map of ranges has to hold. */
  *entries(): IterableIterator<readonly [cidr: string, identity: LocalIdentity]> {
    for (const [cidr, { identity }] of this.known) yield [cidr, identity];
  }

  /** Counts one more use of a range. Returns its identity if it is new. */
  acquire(cidr: string): LocalIdentity | null {
    if (cidr.endsWith('/0')) return null;
    const entry = this.known.get(cidr);
    if (entry !== undefined) {
      entry.uses++;
      return null;
    }
    const family = parseCidr(cidr)?.bytes.length === 4 ? 'ipv4' : 'ipv6';
    const identity = {
      id: this.numbers.claim(cidr),
      labels: [cidrLabel(cidr), `reserved:world-${family}`],
    };
    this.known.set(cidr, { identity, uses: 1 });
    this.changes++;
    return identity;
  }

  /** Takes a use back. Returns the range's identity if that was the last. */
  release(cidr: string): LocalIdentity | null {
    const entry = this.known.get(cidr);
    if (entry === undefined || --entry.uses > 0) return null;
    this.known.delete(cidr);
    this.changes++;
    this.numbers.release(cidr);
    return entry.identity;
  }
}

/** Identities of other nodes, by which `fromNodes` and `toNodes` tell them apart. */
export class NodeIdentities {
  private readonly numbers = new StableNumbers(REMOTE_NODE_SCOPE + 1, CIDR_SCOPE - 1);

  /** @param labels of the Node object, `key=value` */
  identityOf(cluster: string, node: string, labels: readonly string[]): LocalIdentity {
    return { id: this.numbers.claim(`${cluster}/${node}`), labels: remoteNodeLabels(cluster, labels) };
  }

  release(cluster: string, node: string): void {
    this.numbers.release(`${cluster}/${node}`);
  }
}

/**
 * Whether a policy speaks of other nodes in words that only an identity of their own can answer: `fromNodes`, `toNodes`, or a selector that names `reserved:remote-node` or
 * labels of nodes.
 */
export function tellsNodesApart(policy: Policy): boolean {
  return policy.ruleSets.some(({ ingress, egress }) =>
    [ingress, egress].some((rules) =>
      [...(rules?.allow ?? []), ...(rules?.deny ?? [])].some(
        ({ peers }) => peers !== 'any' && peers.some(tellsApart),
      ),
    ),
  );
}

function tellsApart(peer: Peer): boolean {
  if (peer.kind !== 'labels') return false;
  return peer.selector.requirements.some(
    ({ source, key }) => source === 'node' || (source === 'reserved' && key === 'remote-node'),
  );
}

function remoteNodeLabels(cluster: string, labels: readonly string[]): string[] {
  return [
    'reserved:remote-node',
    `k8s:${POLICY_CLUSTER_LABEL}=${cluster}`,
    ...relevantNodeLabels(labels).map((label) => `node:${label}`),
  ].sort();
}

/** Labels of a host endpoint, which `nodeSelector` picks by the labels of its Node object. */
export function hostLabels(labels: readonly string[]): string[] {
  return ['reserved:host', ...relevantNodeLabels(labels).map((label) => `k8s:${label}`)].sort();
}

/** Node labels pass the same filter as those of pods: `kubernetes.io/hostname` cannot be selected. */
function relevantNodeLabels(labels: readonly string[]): string[] {
  return labels.filter((label) => isIdentityRelevant(label.split('=', 1)[0]));
}
