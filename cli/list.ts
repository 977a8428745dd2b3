import { toJson } from '@bufbuild/protobuf';
import { escapeJson } from '../proto/flow/text/json-text.ts';
import { formatTable } from '../proto/flow/text/table.ts';
import { escapeTerminal } from '../proto/flow/text/terminal.ts';
import { type Node, NodeSchema, Observer } from '../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../proto/gen/relay/relay_pb.ts';
import { callUnary } from '../rpc/index.ts';
import { type Command, type Invocation, lastText } from './command.ts';
import { type FlagSpec, UsageError } from './flags/flag-spec.ts';
import { formatGoDuration } from './flags/go-duration.ts';
import { connectServer, requestTimeoutMs } from './server-flags.ts';
import { groupDigits } from './status.ts';

const outputFlag: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'string',
  value: 'FORMAT',
  help: 'table, wide or json.',
  default: 'table',
};

type ListFormat = 'table' | 'wide' | 'json';

function listFormat({ uses }: Invocation): ListFormat {
  const format = lastText(uses, 'output') ?? 'table';
  if (format !== 'table' && format !== 'wide' && format !== 'json') {
    throw new UsageError(`invalid value "${format}" for --output: expected table, wide or json`);
  }
  return format;
}

const stateNames: Readonly<Record<number, string>> = {
  [NodeState.NODE_CONNECTED]: 'Connected',
  [NodeState.NODE_UNAVAILABLE]: 'Unavailable',
  [NodeState.NODE_GONE]: 'Gone',
  [NodeState.NODE_ERROR]: 'Error',
};

/** A table row of a node. */
export function nodeRow(node: Node, wide: boolean): string[] {
  const seconds = (node.uptimeNs + 500_000_000n) / 1_000_000_000n;
  const share = ((Number(node.numFlows) / Number(node.maxFlows)) * 100).toFixed(2).padStart(6);
  const row = [
    node.name,
    stateNames[node.state] ?? 'Unknown',
    seconds > 0n ? formatGoDuration(seconds * 1_000_000_000n) : 'N/A',
    seconds > 0n ? (Number(node.seenFlows) / Number(seconds)).toFixed(2) : 'N/A',
    node.maxFlows > 0n ? `${groupDigits(node.numFlows)}/${groupDigits(node.maxFlows)} (${share}%)` : 'N/A',
  ];
  if (!wide) return row;
  const tls = node.tls === undefined ? 'N/A' : node.tls.enabled ? 'Enabled' : 'Disabled';
  return [...row, node.version === '' ? 'N/A' : node.version, node.address, tls];
}

async function listNodes(invocation: Invocation): Promise<number> {
  const format = listFormat(invocation);
  const connection = connectServer(invocation.uses);
  try {
    const timeoutMs = requestTimeoutMs(invocation.uses);
    const { nodes } = await callUnary(connection, Observer.method.getNodes, {}, { timeoutMs });
    nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (format === 'json') {
      const json = nodes.map((node) => toJson(NodeSchema, node, { useProtoFieldName: true }));
      process.stdout.write(`${escapeJson(JSON.stringify(nodes.length === 0 ? null : json, null, 2))}\n`);
      return 0;
    }
    const wide = format === 'wide';
    const header = [
      'NAME',
      'STATUS',
      'AGE',
      'FLOWS/S',
      'CURRENT/MAX-FLOWS',
      ...(wide ? ['VERSION', 'ADDRESS', 'TLS'] : []),
    ];
    process.stdout.write(
      escapeTerminal(formatTable([header, ...nodes.map((node) => nodeRow(node, wide))]), false),
    );
    return 0;
  } finally {
    connection.close();
  }
}

async function listNamespaces(invocation: Invocation): Promise<number> {
  const format = listFormat(invocation);
  const connection = connectServer(invocation.uses);
  try {
    const timeoutMs = requestTimeoutMs(invocation.uses);
    const { namespaces } = await callUnary(connection, Observer.method.getNamespaces, {}, { timeoutMs });
    if (format === 'json') {
      const json = namespaces.map(({ cluster, namespace }) => ({
        ...(cluster !== '' && { cluster }),
        ...(namespace !== '' && { namespace }),
      }));
      process.stdout.write(`${escapeJson(JSON.stringify(namespaces.length === 0 ? null : json, null, 2))}\n`);
      return 0;
    }
    const wide = format === 'wide';
    const rows = namespaces.map(({ cluster, namespace }) =>
      wide && cluster !== '' ? [namespace, cluster] : [namespace],
    );
    process.stdout.write(
      escapeTerminal(formatTable([wide ? ['NAMESPACE', 'CLUSTER'] : ['NAMESPACE'], ...rows]), false),
    );
    return 0;
  } finally {
    connection.close();
  }
}

export const listCommand: Command = {
  name: 'list',
  summary: 'List nodes or namespaces',
  subcommands: [
    {
      name: 'nodes',
      aliases: ['node'],
      summary: 'List the nodes behind a relay',
      examples: '  sluice list nodes\n  sluice list nodes -o wide',
      flags: [outputFlag],
      maxPositionals: 0,
      run: listNodes,
    },
    {
      name: 'namespaces',
      summary: 'List the namespaces seen in flows of the last hour',
      examples: '  sluice list namespaces -o wide',
      flags: [outputFlag],
      maxPositionals: 0,
      run: listNamespaces,
    },
  ],
};
