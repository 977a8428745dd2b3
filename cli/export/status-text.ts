import type { ExportReport, SinkReport } from '../../exporter/index.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { formatTable } from '../../proto/flow/text/table.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';

/** What a count of a sink means where it is a loss, and what to do about it. */
const advice: Readonly<Record<string, string>> = {
  spool_full:
    'given up for newer ones, the spool being full: see what holds the sink up; a larger spool.maxBytes bridges more',
  spool_damaged: 'damaged on disk: check the disk of the spool',
  rejected_malformed: 'no protobuf: see the dead letters',
};
const REJECTED = 'the store will never take them: see the dead letters for its reason';

/** Whether flows come, every sink gets on, and the configuration file can be used. */
export function isWell({ config, source, spool, sinks }: ExportReport): boolean {
  return (
    config.problem === '' &&
    source.state === 'following' &&
    !spool.isHeld &&
    sinks.every(({ problem }) => problem === '')
  );
}

/** A report for a person. */
export function statusText(report: ExportReport): string {
  return escapeTerminal(
    configText(report) + sourceText(report) + spoolText(report) + sinkTable(report) + problemText(report),
    false,
  );
}

function configText({ config: { problem, needsRestart } }: ExportReport): string {
  if (problem !== '') return `Configuration: changed, and not in force: ${problem}\n`;
  return needsRestart.length === 0
    ? ''
    : `Configuration: in force but for ${needsRestart.join(', ')}, which needs a restart\n`;
}

function sourceText({ source }: ExportReport): string {
  const { state, address, reason, counts, breaks, gaps } = source;
  const lines = [
    state === 'following' ? `Source: following ${address}` : `Source: not connected to ${address}: ${reason}`,
    `Received: ${groupDigits(counts.flows)} flows, ${groupDigits(counts.duplicates)} again after ${breaks} breaks`,
  ];
  if (counts.lostEvents > 0) {
    lines.push(`Lost before: ${groupDigits(counts.lostEvents)} events, see 'sluice status' for causes`);
  }
  if (gaps > 0)
    lines.push(`Gaps: ${gaps}, the source had nothing left of before: a larger history at the agents`);
  return `${lines.join('\n')}\n`;
}

function spoolText({ spool }: ExportReport): string {
  const share = ((100 * spool.bytes) / spool.maxBytes).toFixed(1);
  const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  const held = spool.isHeld ? ', full: the source is held back' : '';
  const dropped =
    spool.droppedNewest === 0
      ? ''
      : `Not taken: ${groupDigits(spool.droppedNewest)} messages, the spool being full\n`;
  return `Spool: ${mib(spool.bytes)} of ${mib(spool.maxBytes)} (${share}%)${held}\n${dropped}`;
}

function sinkTable({ sinks }: ExportReport): string {
  const rows = sinks.map(({ name, kind, counts, waiting, lagSeconds, retries }) => [
    `  ${name}`,
    kind,
    groupDigits(counts['delivered'] ?? 0),
    groupDigits((counts['filtered'] ?? 0) + (counts['sampled_out'] ?? 0)),
    groupDigits(waiting),
    `${lagSeconds.toFixed(1)}s`,
    String(Object.values(retries).reduce((sum, count) => sum + count, 0)),
    groupDigits(lossesOf(counts).reduce((sum, [, count]) => sum + count, 0)),
  ]);
  const headings = ['  SINK', 'KIND', 'DELIVERED', 'LEFT OUT', 'WAITING', 'LAG', 'RETRIES', 'LOST'];
  return `Sinks:\n${formatTable([headings, ...rows])}`;
}

function problemText({ sinks }: ExportReport): string {
  return sinks.flatMap((sink) => [...lossLines(sink), ...failureLines(sink)]).join('');
}

function lossLines({ name, counts }: SinkReport): string[] {
  return lossesOf(counts).map(
    ([cause, count]) => `Lost by ${name}: ${groupDigits(count)} ${cause}: ${advice[cause] ?? REJECTED}\n`,
  );
}

function failureLines({ name, problem }: SinkReport): string[] {
  return problem === '' ? [] : [`Failing: ${name}: ${problem}; it is tried again until it works\n`];
}

function lossesOf(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).filter(
    ([cause, count]) => count > 0 && (cause.startsWith('rejected_') || cause.startsWith('spool_')),
  );
}
