import { messageJson } from '../../proto/flow/text/json-text.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import {
  type GetStatusResponse,
  GetStatusResponseSchema,
  type LossCounter,
  LossCause,
  type NodeReport,
} from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';
import { countersText, shortcomingsText } from './counters-text.ts';
import { historyLine, historyText } from './history-text.ts';
import { lossAdvice } from './loss-remedies.ts';
import { oneLine } from './one-line.ts';

const timeText = compileTimeFormat('StampMilli');

interface NodeLoss {
  readonly node: string;
  readonly counter: LossCounter;
}

/** Losses by cause and node with what to do about them, and what is wrong now; `isVerbose`: all that is counted, too. */
export function diagnosticsText({ nodes }: GetStatusResponse, isVerbose: boolean): string {
  const text =
    eventsLine(nodes) + historyLine(nodes) + lossText(nodes) + shortcomingsText(nodes) + problemText(nodes);
  return isVerbose ? text + historyText(nodes) + countersText(nodes) : text;
}

/** The same as one JSON object on a line. */
export function diagnosticsJson(answer: GetStatusResponse): string {
  return `${messageJson(GetStatusResponseSchema, answer)}\n`;
}

function eventsLine(nodes: readonly NodeReport[]): string {
  const agents = nodes.filter(({ component }) => component === 'agent');
  if (agents.length === 0) return '';
  const emitted = agents.reduce((sum, { flowsEmitted }) => sum + flowsEmitted, 0n);
  const delivered = agents.reduce((sum, { flowsDelivered }) => sum + flowsDelivered, 0n);
  return `Events: ${groupDigits(emitted)} emitted, ${groupDigits(delivered)} delivered\n`;
}

function lossText(nodes: readonly NodeReport[]): string {
  const losses = nodes.flatMap(({ nodeName, losses }) =>
    losses.map((counter): NodeLoss => ({ node: nodeName, counter })),
  );
  if (losses.length === 0) return 'Losses: none\n';
  const causes = [...new Set(losses.map(({ counter }) => counter.cause))].sort((a, b) => a - b);
  const rows = causes.flatMap((cause) =>
    losses
      .filter(({ counter }) => counter.cause === cause)
      .sort((a, b) => compareBytes(a.node, b.node))
      .map(lossRow),
  );
  const advice = causes.map((cause) => {
    const { name, meaning, remedy } = lossAdvice(cause);
    return `  ${name}: ${meaning}. To do: ${remedy}.\n`;
  });
  return `Losses:\n${formatTable([['  CAUSE', 'NODE', 'EVENTS', 'LAST', 'WHERE'], ...rows])}${advice.join('')}`;
}

function lossRow({ node, counter }: NodeLoss): string[] {
  const isCounted = counter.cause !== LossCause.PEER_UNAVAILABLE || counter.events > 0n;
  return [
    `  ${lossAdvice(counter.cause).name}`,
    node,
    isCounted ? groupDigits(counter.events) : '?',
    timeText(counter.last ?? counter.first),
    counter.detail === '' ? '-' : counter.detail,
  ].map(oneLine);
}

function problemText(nodes: readonly NodeReport[]): string {
  const problems = nodes.flatMap(({ nodeName, problems }) =>
    problems.map(({ where, message, since }) => {
      const at = since === undefined ? '' : ` (since ${timeText(since)})`;
      return `  - ${oneLine(nodeName)}: ${oneLine(where)}: ${oneLine(message)}${at}\n`;
    }),
  );
  return problems.length === 0 ? '' : `Problems:\n${problems.join('')}`;
}
