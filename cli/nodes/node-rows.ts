import type { NodeAnswer } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';
import { requireNodes, tellSilentNodes } from './silent-nodes.ts';

/** A row, and the node that has it. */
export interface NodeRow<T> {
  readonly node: string;
  readonly row: T;
}

/** Rows of many nodes as a stream brings them. */
export class NodeRows<T> {
  private readonly rows: NodeRow<T>[] = [];
  private readonly nodes: NodeAnswer[] = [];
  private isCut = false;

  add(
    message: { readonly nodeName: string; readonly node?: NodeAnswer | undefined; readonly isCut: boolean },
    rows: readonly T[],
  ): void {
    for (const row of rows) this.rows.push({ node: message.nodeName, row });
    if (message.node !== undefined) this.nodes.push(message.node);
    this.isCut ||= message.isCut;
  }

  /** Node by node, each node's rows as it told them. */
  sorted(): readonly NodeRow<T>[] {
    return this.rows.toSorted((a, b) => compareBytes(a.node, b.node));
  }

  /** Says on stderr what is missing. Throws when nobody is called as the patterns say. */
  tellProblems(patterns: readonly string[]): void {
    requireNodes(this.nodes, patterns);
    tellSilentNodes(this.nodes);
    if (!this.isCut) return;
    process.stderr.write(`warning: these are the first ${this.rows.length} rows: --limit has more shown\n`);
  }
}
