import { create, toBinary, fromBinary } from '@bufbuild/protobuf';
import { messageJson } from '../proto/flow/text/json-text.ts';
import { formatTable } from '../proto/flow/text/table.ts';
import { enumName } from '../proto/flow/text/names.ts';
import { escapeTerminal } from '../proto/flow/text/terminal.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
} from '../proto/gen/grpc/health/v1/health_pb.ts';
import {
  Observer,
  type ServerStatusResponse,
  ServerStatusResponseSchema,
} from '../proto/gen/observer/observer_pb.ts';
import { Diagnostics, type GetStatusResponse, LossCause } from '../proto/gen/sluice/v1/diagnostics_pb.ts';
import { callUnary, type RpcConnection, RpcError } from '../rpc/index.ts';
import { type Command, type Invocation, lastText } from './command.ts';
import { UsageError } from './flags/flag-spec.ts';
import { formatGoDuration } from './flags/go-duration.ts';
import { connectServer, requestTimeoutMs, serverTarget } from './server-flags.ts';

const HEALTH_SERVICE = 'hubble.server.Observer';

/** A whole number with commas between its thousands. */
export function groupDigits(value: bigint | number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function compactText(target: string, status: ServerStatusResponse): string {
  const { numFlows, maxFlows, numConnectedNodes, numUnavailableNodes } = status;
  const share = maxFlows > 0n ? ` (${((Number(numFlows) / Number(maxFlows)) * 100).toFixed(2)}%)` : '';
  let text = `Healthcheck (via ${target}): Ok\n`;
  text += `Current/Max Flows: ${groupDigits(numFlows)}/${groupDigits(maxFlows)}${share}\n`;
  text += `Flows/s: ${rateText(status)}\n`;
  if (numConnectedNodes !== undefined) {
    const total = numUnavailableNodes === undefined ? '' : `/${numConnectedNodes + numUnavailableNodes}`;
    text += `Connected Nodes: ${numConnectedNodes}${total}\n`;
  }
  if (numUnavailableNodes !== undefined && numUnavailableNodes > 0) {
    text += `Unavailable Nodes: ${numUnavailableNodes}\n`;
    const names = [...status.unavailableNodes].sort();
    for (const name of names) text += `  - ${name}\n`;
    if (names.length > 0 && names.length < numUnavailableNodes) {
      text += `  - and ${numUnavailableNodes - names.length} more...\n`;
    }
  }
  return text;
}

function rateText({ flowsRate, seenFlows, uptimeNs }: ServerStatusResponse): string {
  if (flowsRate > 0) return flowsRate.toFixed(2);
  return uptimeNs > 0n ? (Number(seenFlows) / (Number(uptimeNs) / 1e9)).toFixed(2) : 'N/A';
}

function fields(status: ServerStatusResponse): readonly (readonly [string, string])[] {
  const nodes = (count: number | undefined): string => (count === undefined ? 'N/A' : groupDigits(count));
  const uptime = status.uptimeNs >= 2n ** 63n ? `${status.uptimeNs}ns` : formatGoDuration(status.uptimeNs);
  return [
    ['NUM FLOWS', groupDigits(status.numFlows)],
    ['MAX FLOWS', groupDigits(status.maxFlows)],
    ['SEEN FLOWS', groupDigits(status.seenFlows)],
    ['FLOWS PER SECOND', status.flowsRate === 0 ? 'N/A' : status.flowsRate.toFixed(2)],
    ['UPTIME', uptime],
    ['NUM CONNECTED NODES', nodes(status.numConnectedNodes)],
    ['NUM UNAVAIL. NODES', nodes(status.numUnavailableNodes)],
    ['VERSION', status.version],
  ];
}

/** What a person can do about a loss. */
const remedies: Readonly<Record<number, string>> = {
  [LossCause.BPF_OUTPUT_FAILED]: 'the agent was not there to read: see why it was down',
  [LossCause.PERF_RING_FULL]: 'give the agent CPU, a larger --ring-bytes-per-cpu or a coarser --aggregation',
  [LossCause.RECORD_MALFORMED]: 'programs and agent are of different versions: restart the agent',
  [LossCause.WORKER_QUEUE_FULL]: 'give the agent CPU',
  [LossCause.HISTORY_OVERWRITTEN]: 'keep more with --history-flows, or ask for less at once',
  [LossCause.SUBSCRIBER_SLOW]: 'a client reads too slowly: narrow its filter',
  [LossCause.RELAY_BUFFER_FULL]: 'a client of the relay reads too slowly: narrow its filter',
  [LossCause.RELAY_LATE]: 'delivered, but out of order: see the clock of that peer, or raise --merge-delay',
  [LossCause.PEER_UNAVAILABLE]: 'flows of that node are missing while it was away',
};

function diagnosticsText({ nodes }: GetStatusResponse): string {
  let text = '';
  const losses = nodes.flatMap(({ nodeName, losses: counters }) =>
    counters.map((counter) => ({ nodeName, counter })),
  );
  const emitted = nodes.filter(({ component }) => component === 'agent');
  if (emitted.length > 0) {
    const sum = (pick: (node: (typeof nodes)[number]) => bigint): bigint =>
      emitted.reduce((total, node) => total + pick(node), 0n);
    text += `Events: ${groupDigits(sum((node) => node.flowsEmitted))} emitted, ${groupDigits(sum((node) => node.flowsDelivered))} delivered\n`;
  }
  if (losses.length === 0) text += 'Losses: none\n';
  else {
    const rows = losses.map(({ nodeName, counter }) => [
      `  ${nodeName}`,
      enumName(LossCause, counter.cause),
      groupDigits(counter.events),
      counter.detail === '' ? '-' : counter.detail,
      remedies[counter.cause] ?? '-',
    ]);
    text += `Losses:\n${formatTable([['  NODE', 'CAUSE', 'EVENTS', 'WHERE', 'WHAT TO DO'], ...rows])}`;
  }
  const problems = nodes.flatMap((node) => node.problems.map((problem) => ({ node, problem })));
  if (problems.length > 0) {
    text += 'Problems:\n';
    for (const { node, problem } of problems)
      text += `  - ${node.nodeName}: ${problem.where}: ${problem.message}\n`;
  }
  return text;
}

async function checkHealth(connection: RpcConnection, timeoutMs: number): Promise<ServingStatus> {
  const request = toBinary(
    HealthCheckRequestSchema,
    create(HealthCheckRequestSchema, { service: HEALTH_SERVICE }),
  );
  const answer = await connection.unary('/grpc.health.v1.Health/Check', request, { timeoutMs });
  return fromBinary(HealthCheckResponseSchema, answer).status;
}

/** Losses and problems, or nothing from servers that are not Sluice. */
async function diagnostics(connection: RpcConnection, timeoutMs: number): Promise<string> {
  try {
    return diagnosticsText(await callUnary(connection, Diagnostics.method.getStatus, {}, { timeoutMs }));
  } catch (error) {
    if (error instanceof RpcError) return '';
    throw error;
  }
}

async function status({ uses }: Invocation): Promise<number> {
  const format = lastText(uses, 'output') ?? 'compact';
  if (!['compact', 'dict', 'json', 'JSON', 'jsonpb', 'table', 'tab'].includes(format)) {
    throw new UsageError(`invalid value "${format}" for --output: expected compact, dict, table or json`);
  }
  const timeoutMs = requestTimeoutMs(uses);
  const target = serverTarget(uses);
  const connection = connectServer(uses);
  try {
    const health = await checkHealth(connection, timeoutMs);
    if (health !== ServingStatus.SERVING) {
      const name = enumName(ServingStatus, health);
      if (format === 'compact') process.stdout.write(`Healthcheck (via ${target}): Unavailable: ${name}\n`);
      throw new Error(`${target} is not healthy: ${name}`);
    }
    const answer = await callUnary(connection, Observer.method.serverStatus, {}, { timeoutMs });
    process.stdout.write(
      escapeTerminal(await statusText(format, target, answer, connection, timeoutMs), false),
    );
    return 0;
  } finally {
    connection.close();
  }
}

async function statusText(
  format: string,
  target: string,
  answer: ServerStatusResponse,
  connection: RpcConnection,
  timeoutMs: number,
): Promise<string> {
  switch (format) {
    case 'dict':
      return fields(answer)
        .map(([key, value]) => `${key.padStart(19)}: ${value}\n`)
        .join('');
    case 'table':
    case 'tab': {
      const columns = fields(answer).map(
        ([key, value]) => [key.replace('UNAVAIL.', 'UNAVAILABLE'), value] as const,
      );
      return formatTable([columns.map(([key]) => key), columns.map(([, value]) => value)]);
    }
    case 'compact':
      return compactText(target, answer) + (await diagnostics(connection, timeoutMs));
    default:
      return `${messageJson(ServerStatusResponseSchema, answer)}\n`;
  }
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show the health of a relay or agent, and every loss by cause',
  details: 'Exit status: 0 when the server is healthy, 1 otherwise.',
  examples: `  sluice status
  sluice status --server unix:///var/run/sluice/agent.sock -o json`,
  flags: [
    {
      name: 'output',
      short: 'o',
      kind: 'string',
      value: 'FORMAT',
      help: 'compact, dict, table or json.',
      default: 'compact',
    },
  ],
  maxPositionals: 0,
  run: status,
};
