import { NodeState } from '../../proto/gen/relay/relay_pb.ts';

/** The state of every node that a stream has told of, and through which peer it is reached: what a client that joins later has to be told. */
export class NodeBoard {
  private readonly nodes = new Map<string, { readonly state: NodeState; readonly peer: string }>();

  /** Notes that a peer is, or tells of, nodes in this state. */
  set(peer: string, state: NodeState, names: readonly string[]): void {
    for (const name of names) {
      if (state === NodeState.NODE_GONE) this.nodes.delete(name);
      else this.nodes.set(name, { state, peer });
    }
  }

  /** Names of nodes in a state, in the order in which they were told of. */
  inState(state: NodeState): string[] {
    return [...this.nodes].filter(([, node]) => node.state === state).map(([name]) => name);
  }

  /** Names of the nodes that are reached through a peer. */
  through(peer: string): string[] {
    return [...this.nodes].filter(([, node]) => node.peer === peer).map(([name]) => name);
  }
}
