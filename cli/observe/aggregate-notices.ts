import { enumName } from '../../proto/flow/text/enum-name.ts';
import { isTrouble, nodeStatusSentence } from '../../proto/flow/text/node-status-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import type { AggregateFlowsResponse } from '../../proto/gen/sluice/v1/aggregation_pb.ts';

/** What a message that is no row tells, in a line; empty for what is not worth one: nodes that are well. */
export function noticeText({ responseTypes, nodeName }: AggregateFlowsResponse): string {
  const { case: kind, value } = responseTypes;
  if (kind === 'nodeStatus' && isTrouble(value)) {
    return escapeTerminal(`[${nodeName}]: ${nodeStatusSentence(value)}`, false);
  }
  if (kind === 'lostEvents') {
    const source = enumName(LostEventSource, value.source);
    return escapeTerminal(`[${nodeName}]: ${value.numEventsLost} events lost (${source})`, false);
  }
  return '';
}

/** Nodes that are in trouble now. */
export class NodeTroubles {
  private readonly nodes = new Map<string, string>();

  note({ responseTypes: { case: kind, value } }: AggregateFlowsResponse): void {
    if (kind !== 'nodeStatus') return;
    for (const name of value.nodeNames) {
      if (!isTrouble(value)) this.nodes.delete(name);
      else this.nodes.set(name, value.stateChange === NodeState.NODE_ERROR ? value.message : 'unavailable');
    }
  }

  /** In a line; empty when all is well. */
  get text(): string {
    const [first, ...more] = [...this.nodes].map(([name, what]) => `${name}: ${what}`);
    if (first === undefined) return '';
    return escapeTerminal(first + (more.length > 0 ? ` (and ${more.length} more)` : ''), false);
  }
}
