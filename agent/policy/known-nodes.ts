import type { ClusterChange, ClusterNode } from '../../cluster/index.ts';
import {
  IDENTITY_HOST,
  IDENTITY_REMOTE_NODE,
  type LocalIdentity,
  NodeIdentities,
  type Policy,
  policyKey,
  tellsNodesApart,
} from '../../policy/index.ts';

/** Addresses of a node that lost its identity are another's by then; a connection under way is judged anew before. */
const RETIRE_MS = 2000;

interface Given {
  readonly node: ClusterNode;
  readonly identity: LocalIdentity;
  /** Null while it is in use. */
  unusedSinceMs: number | null;
}

/** What changes came to. */
export interface NodeChanges {
  /** Identities that are new, or have other labels. To be known to policies before addresses carry them. */
  readonly identities: readonly LocalIdentity[];
  /** Nodes whose addresses are another identity's than before, for that reason alone. */
  readonly renumbered: readonly ClusterNode[];
}

/**
 * The other nodes of all clusters. All of them are `reserved:remote-node` (6), until a policy tells nodes apart by their labels: then each has an identity of its own, for as
 * long as there is such a policy. Only those who ask pay for it, and flows go on showing the number that everybody knows.
 */
export class KnownNodes {
  private readonly own: { readonly clusterName: string; readonly nodeName: string };
  private readonly numbers = new NodeIdentities();
  private readonly nodes = new Map<string, ClusterNode>();
  /** Policies that tell nodes apart. */
  private readonly askers = new Set<string>();
  /** By node: what it has, or had until a moment ago. */
  private readonly given = new Map<string, Given>();
  private isAsked = false;

  constructor(own: { readonly clusterName: string; readonly nodeName: string }) {
    this.own = own;
  }

  /** Identity of a node's addresses. */
  identityOf(node: { readonly cluster: string; readonly name: string }): number {
    if (this.isOwn(node)) return IDENTITY_HOST;
    const given = this.isAsked ? this.given.get(textOf(node)) : undefined;
    return given?.identity.id ?? IDENTITY_REMOTE_NODE;
  }

  apply(changes: readonly ClusterChange[]): NodeChanges {
    const touched = new Map<string, ClusterNode>();
    for (const change of changes) {
      if (change.kind === 'policy-upsert')
        this.ask(change.policy as Policy, tellsNodesApart(change.policy as Policy));
      else if (change.kind === 'policy-delete') this.ask(change.policy as Policy, false);
      else if (change.kind === 'node-delete') this.nodes.delete(textOf(change.node));
      else if (change.kind === 'node-upsert' && !this.isOwn(change.node)) {
        this.nodes.set(textOf(change.node), change.node);
        touched.set(textOf(change.node), change.node);
      }
    }
    const isAsked = this.askers.size > 0;
    const renumbered = isAsked === this.isAsked ? [] : [...this.nodes.values()];
    this.isAsked = isAsked;
    this.dropUnused();
    const needed = !isAsked ? [] : renumbered.length > 0 ? renumbered : [...touched.values()];
    return {
      identities: needed.map((node) => this.give(node)),
      renumbered: renumbered.filter((node) => !touched.has(textOf(node))),
    };
  }

  /** Whether some identity is there that no node has any more. */
  get hasUnused(): boolean {
    for (const { unusedSinceMs } of this.given.values()) if (unusedSinceMs !== null) return true;
    return false;
  }

  /** Forgets identities that no node has had for a while, and returns them. */
  retire(nowMs: number): number[] {
    const gone: number[] = [];
    for (const [text, { node, identity, unusedSinceMs }] of this.given) {
      if (unusedSinceMs === null || nowMs - unusedSinceMs < RETIRE_MS) continue;
      this.given.delete(text);
      this.numbers.release(node.cluster, node.name);
      gone.push(identity.id);
    }
    return gone;
  }

  private give(node: ClusterNode): LocalIdentity {
    const text = textOf(node);
    const identity = this.numbers.identityOf(node.cluster, node.name, node.labels);
    this.given.set(text, { node, identity, unusedSinceMs: null });
    return identity;
  }

  private dropUnused(): void {
    for (const [text, one] of this.given)
      if (one.unusedSinceMs === null && !(this.isAsked && this.nodes.has(text)))
        one.unusedSinceMs = performance.now();
  }

  private ask(policy: Policy, asks: boolean): void {
    const key = policyKey(policy);
    if (asks) this.askers.add(key);
    else this.askers.delete(key);
  }

  private isOwn({ cluster, name }: { readonly cluster: string; readonly name: string }): boolean {
    return cluster === this.own.clusterName && name === this.own.nodeName;
  }
}

function textOf({ cluster, name }: { readonly cluster: string; readonly name: string }): string {
  return `${cluster}/${name}`;
}
