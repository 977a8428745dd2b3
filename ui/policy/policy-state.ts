import { type Counts, type Policy, PolicyState } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { shortAge } from '../store/format.ts';

/** What is to be known of a policy before its figures. */
export interface PolicyMark {
  readonly text: string;
  /** Class that colours it. */
  readonly tone: '' | 'tone-dropped' | 'tone-audit';
  readonly title: string;
}

const states: Readonly<Partial<Record<PolicyState, string>>> = {
  [PolicyState.STALE]: 'stale',
  [PolicyState.INVALID]: 'invalid',
  [PolicyState.INCOMPLETE]: 'incomplete',
  [PolicyState.REMOVED]: 'removed',
};
const CHANGED_MS = 15 * 60_000;

const timeMs = (time: { readonly seconds: bigint } | undefined): number =>
  time === undefined ? 0 : Number(time.seconds) * 1000;

/** What stands behind a policy's name: that it is not in force as it stands, is not on all nodes, changed of late, or is of no use. The worst first. */
export function marksOf(policy: Policy, nowMs: number): PolicyMark[] {
  const marks: PolicyMark[] = [];
  const { problems, state, versions, nodesEnforced, nodesTotal, nodesBehind } = policy;
  const stateName = states[state];
  if (stateName !== undefined || problems.length > 0) {
    const title = problems.map(({ where, message }) => `${where}: ${message}`).join('\n');
    marks.push({
      text: stateName ?? `${problems.length} problem${problems.length > 1 ? 's' : ''}`,
      tone: 'tone-dropped',
      title,
    });
  }
  if (nodesEnforced < nodesTotal && state !== PolicyState.REMOVED) {
    const title = `in force on ${nodesEnforced} of ${nodesTotal} nodes${nodesBehind.length > 0 ? `, not on ${nodesBehind.join(', ')}` : ''}`;
    marks.push({ text: `${nodesEnforced}/${nodesTotal} nodes`, tone: 'tone-audit', title });
  }
  if (versions.length > 1) {
    marks.push({
      text: `${versions.length} versions`,
      tone: 'tone-audit',
      title: 'nodes have different versions',
    });
  }
  const changedMs = timeMs(policy.changed);
  const wasSeen = versions.length > 0 && !versions[0].wasReadAtStart;
  if (wasSeen && changedMs > 0 && nowMs - changedMs < CHANGED_MS) {
    marks.push({
      text: 'changed',
      tone: 'tone-dropped',
      title: `changed ${shortAge(nowMs - changedMs)} ago`,
    });
  }
  return marks;
}

/** How long no rule of a policy decided anything, in words; empty while one does, and for policies without rules. */
export function unusedText({ counts, ruleCount }: Policy, nowMs: number): string {
  if (ruleCount === 0 || counts === undefined) return '';
  const ms = unusedMs(counts, nowMs);
  return ms < 60_000 ? '' : `${counts.last === undefined ? '> ' : ''}${shortAge(ms)}`;
}

/** Since when nothing was decided, as far as anybody watched. */
export function unusedMs({ last, watchedSince }: Counts, nowMs: number): number {
  const fromMs = timeMs(last) || timeMs(watchedSince);
  return fromMs === 0 ? 0 : nowMs - fromMs;
}
