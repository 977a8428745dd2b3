import { formatTable } from '../../proto/flow/text/table.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import type { NodeReport } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { oneLine } from './one-line.ts';

const timeText = compileTimeFormat('StampMilli');
const mebibytes = (bytes: bigint): string => `${(Number(bytes) / 2 ** 20).toFixed(0)} MiB`;

const secondsOf = ({ flowStore }: NodeReport): number => Number(flowStore?.oldest?.seconds ?? 0n);

/** How far back flows on disk reach, in a line: the longest, and the shortest where they differ. Nothing where nothing is kept. */
export function historyLine(nodes: readonly NodeReport[]): string {
  const stores = nodes.filter((node) => secondsOf(node) > 0).sort((a, b) => secondsOf(a) - secondsOf(b));
  if (stores.length === 0) return '';
  const since = (node: NodeReport): string =>
    `${timeText(node.flowStore!.oldest)} (${oneLine(node.nodeName)})`;
  const [longest] = stores;
  const shortest = stores.at(-1)!;
  const rest = shortest === longest ? '' : `, the shortest since ${since(shortest)}`;
  return `History: on disk since ${since(longest)}${rest}\n`;
}

/** What each process keeps: in memory and on disk. */
export function historyText(nodes: readonly NodeReport[]): string {
  const kept = nodes.filter(
    ({ flowStore, ringOldest }) => flowStore !== undefined || ringOldest !== undefined,
  );
  if (kept.length === 0) return '';
  const rows = kept.map(({ nodeName, ringOldest, flowStore }) => [
    `  ${oneLine(nodeName)}`,
    ringOldest === undefined ? '-' : timeText(ringOldest),
    flowStore?.oldest === undefined ? '-' : timeText(flowStore.oldest),
    flowStore === undefined ? '-' : mebibytes(flowStore.bytes),
    flowStore === undefined ? '-' : mebibytes(flowStore.maxBytes),
    flowStore === undefined ? '-' : oneLine(flowStore.directory),
  ]);
  const heading = ['  NODE', 'IN MEMORY SINCE', 'ON DISK SINCE', 'SIZE', 'OF', 'DIRECTORY'];
  return `History:\n${formatTable([heading, ...rows])}`;
}
