import type { DescMessage, Message } from '@bufbuild/protobuf';
import { formatGoDuration } from '../../proto/flow/text/go-duration.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import { twoDecimals } from '../../proto/flow/text/number-text.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import {
  type Namespace,
  NamespaceSchema,
  type Node,
  NodeSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';

export type ListFormat = 'table' | 'wide' | 'json';

const stateNames: ReadonlyMap<number, string> = new Map([
  [NodeState.NODE_CONNECTED, 'Connected'],
  [NodeState.NODE_UNAVAILABLE, 'Unavailable'],
  [NodeState.NODE_GONE, 'Gone'],
  [NodeState.NODE_ERROR, 'Error'],
]);

function nodeRow(node: Node, isWide: boolean): string[] {
  const seconds = (node.uptimeNs + 500_000_000n) / 1_000_000_000n;
  const share = twoDecimals((Number(node.numFlows) / Number(node.maxFlows)) * 100).padStart(6);
  const row = [
    node.name,
    stateNames.get(node.state) ?? 'Unknown',
    seconds > 0n ? formatGoDuration(seconds * 1_000_000_000n) : 'N/A',
    seconds > 0n ? twoDecimals(Number(node.seenFlows) / Number(seconds)) : 'N/A',
    node.maxFlows > 0n ? `${node.numFlows}/${node.maxFlows} (${share}%)` : 'N/A',
  ];
  if (!isWide) return row;
  const tls = node.tls === undefined ? 'N/A' : node.tls.enabled ? 'Enabled' : 'Disabled';
  return [...row, node.version === '' ? 'N/A' : node.version, node.address, tls];
}

/** Nodes by name. */
export function nodesText(nodes: readonly Node[], format: ListFormat): string {
  const sorted = nodes.toSorted((a, b) => compareBytes(a.name, b.name));
  if (format === 'json') return jsonList(NodeSchema, sorted);
  const isWide = format === 'wide';
  const header = ['NAME', 'STATUS', 'AGE', 'FLOWS/S', 'CURRENT/MAX-FLOWS'];
  if (isWide) header.push('VERSION', 'ADDRESS', 'TLS');
  return safeTable([header, ...sorted.map((node) => nodeRow(node, isWide))]);
}

/** Namespaces in the server's order. A namespace of the default cluster has no cell for its cluster. */
export function namespacesText(namespaces: readonly Namespace[], format: ListFormat): string {
  if (format === 'json') return jsonList(NamespaceSchema, namespaces);
  if (format === 'table')
    return safeTable([['NAMESPACE'], ...namespaces.map(({ namespace }) => [namespace])]);
  const rows = namespaces.map(({ namespace, cluster }) =>
    cluster === '' ? [namespace] : [namespace, cluster],
  );
  return safeTable([['NAMESPACE', 'CLUSTER'], ...rows]);
}

function safeTable(rows: readonly (readonly string[])[]): string {
  return formatTable(rows.map((row) => row.map((cell) => escapeTerminal(cell, false))));
}

/** A JSON array, a member a line; `null` for an empty one. */
function jsonList(schema: DescMessage, messages: readonly Message[]): string {
  if (messages.length === 0) return 'null\n';
  const values = messages.map((message) => JSON.parse(messageJson(schema, message)) as unknown);
  return `${escapeJson(JSON.stringify(values, null, 2))}\n`;
}
