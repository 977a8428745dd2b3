import { NodeState, type NodeStatusEvent } from '../../gen/relay/relay_pb.ts';
import type { DictEntry } from './dict.ts';
import { enumName } from './enum-name.ts';
import { goQuote } from './go-quote.ts';

const NODE_LIST_MAX_BYTES = 50;
const utf8 = new TextEncoder();

/** Whether a state is trouble, and so told without being asked. */
export function isTrouble({ stateChange }: NodeStatusEvent): boolean {
  return stateChange === NodeState.NODE_ERROR || stateChange === NodeState.NODE_UNAVAILABLE;
}

/** Names joined by commas: always the first, then as many as fit into 50 bytes, then how many more there are. */
export function nodeListText(names: readonly string[]): string {
  let shown = 0;
  let bytes = 0;
  for (const name of names) {
    bytes += utf8.encode(name).length + 2;
    if (shown > 0 && bytes > NODE_LIST_MAX_BYTES) break;
    shown++;
  }
  const rest = names.length - shown;
  return names.slice(0, shown).join(', ') + (rest > 0 ? ` (and ${rest} more)` : '');
}

/** What happened to which nodes, in a sentence. */
export function nodeStatusSentence({ stateChange, nodeNames, message }: NodeStatusEvent): string {
  const count = nodeNames.length;
  const nodes = `${count} ${count === 1 ? 'node' : 'nodes'}`;
  const list = nodeListText(nodeNames);
  switch (stateChange) {
    case NodeState.NODE_CONNECTED:
      return `Receiving flows from ${nodes}: ${list}`;
    case NodeState.NODE_UNAVAILABLE:
      return `${nodes} unavailable: ${list}`;
    case NodeState.NODE_GONE:
      return `${nodes} gone: ${list}`;
    case NodeState.NODE_ERROR:
      return `Error ${goQuote(message)} on ${nodes}: ${list}`;
    default:
      return `State ${enumName(NodeState, stateChange)} of ${nodes}: ${list}`;
  }
}

/** The same as a record, without its time. */
export function nodeStatusEntries({ stateChange, nodeNames, message }: NodeStatusEvent): DictEntry[] {
  return [
    ['STATE', enumName(NodeState, stateChange)],
    ['NODES', nodeListText(nodeNames)],
    ['MESSAGE', message === '' ? 'N/A' : goQuote(message)],
  ];
}
