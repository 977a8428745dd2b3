import { NodeState } from '../../proto/gen/relay/relay_pb.ts';

/** The state of every node that a stream has told of, and through which peer it is reached: what a client that joins later has to be told. */
export class NodeBoard {
  private readonly nodes = new Map<string, { readonly state: NodeState; readonly peer: string }>();
  /** Names by peer: in a fleet, going through all nodes for each that is lost would take seconds. */
  private readonly byPeer = new Map<string, Set<string>>();

  /** Notes that a peer is, or tells of, nodes in this state. */
  set(peer: string, state: NodeState, names: readonly string[]): void {
    for (const name of names) {
      const old = this.nodes.get(name);
      if (old !== undefined && old.peer !== peer) this.forgetPeerOf(name, old.peer);
      if (state === NodeState.NODE_GONE) {
        this.nodes.delete(name);
        this.forgetPeerOf(name, peer);
        continue;
      }
      this.nodes.set(name, { state, peer });
      const through = this.byPeer.get(peer);
      if (through === undefined) this.byPeer.set(peer, new Set([name]));
      else through.add(name);
    }
  }

  /** Names of nodes in a state, in the order in which they were told of. */
  inState(state: NodeState): string[] {
    return [...this.nodes].filter(([, node]) => node.state === state).map(([name]) => name);
  }

  /** Names of the nodes that are reached through a peer. */
  through(peer: string): string[] {
    return [...(this.byPeer.get(peer) ?? [])];
  }

  private forgetPeerOf(name: string, peer: string): void {
    const through = this.byPeer.get(peer);
    through?.delete(name);
    if (through?.size === 0) this.byPeer.delete(peer);
  }
}
