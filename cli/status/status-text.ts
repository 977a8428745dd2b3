import { dictText } from '../../proto/flow/text/dict.ts';
import { formatGoDuration } from '../../proto/flow/text/go-duration.ts';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import { groupDigits, twoDecimals } from '../../proto/flow/text/number-text.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import {
  type ServerStatusResponse,
  ServerStatusResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import { compareBytes } from '../text/compare-bytes.ts';

const KEY_WIDTH = 19;

/** The lines of `-o compact` behind the health line. */
export function compactStatus(status: ServerStatusResponse): string {
  const { numFlows, maxFlows, numConnectedNodes: connected, numUnavailableNodes: unavailable } = status;
  const share = maxFlows > 0n ? ` (${twoDecimals((Number(numFlows) / Number(maxFlows)) * 100)}%)` : '';
  let text = `Current/Max Flows: ${groupDigits(numFlows)}/${groupDigits(maxFlows)}${share}\n`;
  text += `Flows/s: ${rateText(status)}\n`;
  if (connected !== undefined) {
    const total = unavailable === undefined ? '' : `/${connected + unavailable}`;
    text += `Connected Nodes: ${connected}${total}\n`;
  }
  if (unavailable !== undefined && unavailable > 0) {
    text += `Unavailable Nodes: ${unavailable}\n${unavailableNames(status.unavailableNodes, unavailable)}`;
  }
  return escapeTerminal(text, false);
}

function unavailableNames(names: readonly string[], count: number): string {
  const items = [...names].sort(compareBytes);
  if (items.length > 0 && items.length < count) items.push(`and ${count - items.length} more...`);
  return items.map((item) => `  - ${item}\n`).join('');
}

/** Flows a second: as the server measured it, else the average since its start. */
function rateText({ flowsRate, seenFlows, uptimeNs }: ServerStatusResponse): string {
  if (flowsRate > 0) return twoDecimals(flowsRate);
  // As Go's Duration.Seconds adds it up; what does not fit into a duration is negative there.
  const uptime = BigInt.asIntN(64, uptimeNs);
  const seconds = Number(uptime / 1_000_000_000n) + Number(uptime % 1_000_000_000n) / 1e9;
  return seconds > 0 ? twoDecimals(Number(seenFlows) / seconds) : 'N/A';
}

/** Heading and value of everything in the dict and table layouts. */
function fields(status: ServerStatusResponse): readonly (readonly [string, string])[] {
  const { flowsRate, uptimeNs } = status;
  const nodes = (count: number | undefined): string => (count === undefined ? 'N/A' : String(count));
  return [
    ['NUM FLOWS', groupDigits(status.numFlows)],
    ['MAX FLOWS', groupDigits(status.maxFlows)],
    ['SEEN FLOWS', groupDigits(status.seenFlows)],
    ['FLOWS PER SECOND', flowsRate === 0 ? 'N/A' : twoDecimals(flowsRate)],
    ['UPTIME', uptimeNs >= 2n ** 63n ? `${uptimeNs}ns` : formatGoDuration(uptimeNs)],
    ['NUM CONNECTED NODES', nodes(status.numConnectedNodes)],
    ['NUM UNAVAILABLE NODES', nodes(status.numUnavailableNodes)],
    ['VERSION', escapeTerminal(status.version, false)],
  ];
}

/** `-o dict`. */
export function dictStatus(status: ServerStatusResponse): string {
  const entries = fields(status).map(
    ([key, value]) => [key.replace('UNAVAILABLE', 'UNAVAIL.'), value] as const,
  );
  return dictText(entries, KEY_WIDTH);
}

/** `-o table`. */
export function tableStatus(status: ServerStatusResponse): string {
  const columns = fields(status);
  return formatTable([columns.map(([heading]) => heading), columns.map(([, value]) => value)]);
}

/** `-o json`. */
export function jsonStatus(status: ServerStatusResponse): string {
  return `${messageJson(ServerStatusResponseSchema, status)}\n`;
}
