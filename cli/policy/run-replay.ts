import { allTexts, invalidValue, lastText, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseBool } from '../../flags/parse-value.ts';
import {
  type EnforcementMode,
  outsideGroups,
  type ReplayChange,
  replayChanges,
  replayPolicies,
  type ReplayResult,
  TrafficRecorder,
} from '../../policy/index.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { Invocation } from '../command.ts';
import { readPolicyFiles } from './policy-files.ts';
import { readProposal } from './proposal.ts';
import { recordTraffic, skippedText } from './record-traffic.ts';
import { replayCsv, replayJson, replayTable } from './replay-text.ts';

/** What `--fail-on` takes, and the changes that it means. */
const failures: Readonly<Record<string, readonly ReplayChange[]>> = {
  none: [],
  denied: ['newly-denied'],
  allowed: ['newly-allowed'],
  changed: ['newly-denied', 'newly-allowed'],
};

/** `sluice policy replay`. */
export async function replayRecorded({ uses, positionals }: Invocation): Promise<number> {
  if (positionals.length === 0) throw new UsageError('no policy is named: give files or directories');
  const failOn = failures[lastText(uses, 'fail-on') ?? 'none'];
  const shown = shownChanges(allTexts(uses, 'show'));
  const stateDir = lastText(uses, 'state-dir');
  const proposal = readProposal(
    stateDir === undefined ? [] : readPolicyFiles([stateDir]),
    readPolicyFiles(positionals),
    {
      mode: (lastText(uses, 'mode') ?? 'default') as EnforcementMode,
      hostFirewall: parseBool('--host-firewall', lastText(uses, 'host-firewall') ?? 'false'),
    },
  );
  if ('problems' in proposal) {
    const lines = proposal.problems.map((problem) => `error: ${problem}\n`);
    process.stderr.write(escapeTerminal(lines.join(''), false));
    return 1;
  }
  const recorder = new TrafficRecorder({ groupOutside: outsideGroups(proposal) });
  const format = lastText(uses, 'output') ?? 'table';
  let status = 1;
  await recordTraffic(uses, recorder, () => {
    const result = replayPolicies(proposal, recorder.conversations(), lastText(uses, 'cluster-name'));
    const hasFailed = failOn.some((change) => result.flows[change] > 0);
    status = hasFailed ? 2 : 0;
    const judged = recorder.counts.recorded - result.unjudged;
    if (judged === 0 && failOn.length > 0) {
      status = 1;
      process.stderr.write(
        'error: no flow could be judged: is there traffic in that time, and do filters let it through?\n',
      );
    }
    const rows = result.rows.filter(({ change }) => shown.has(change));
    if (format === 'json') return replayJson(rows);
    if (format === 'csv') return replayCsv(rows);
    return `${rows.length === 0 ? '' : `${replayTable(rows)}\n`}${summary(result)}${skippedText(recorder.counts)}`;
  });
  return status;
}

function summary({ flows, unjudged }: ReplayResult): string {
  const told = (change: ReplayChange): string =>
    `${groupDigits(flows[change])} flows ${change.replace('-', ' ')}`;
  const rest = unjudged === 0 ? '' : `; ${groupDigits(unjudged)} of pods whose labels are not known`;
  return `${replayChanges.map(told).join(', ')}${rest}.\n`;
}

function shownChanges(texts: readonly string[]): ReadonlySet<ReplayChange> {
  if (texts.length === 0) return new Set(['newly-denied', 'newly-allowed']);
  if (texts.includes('all')) return new Set(replayChanges);
  return new Set(
    texts.map((text) => {
      const change = replayChanges.find((one) => one === text);
      if (change === undefined) {
        throw invalidValue('--show', text, `all, ${replayChanges.join(', ')}`, nearest(text, replayChanges));
      }
      return change;
    }),
  );
}
