import { create } from '@bufbuild/protobuf';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { allTexts, type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { loadSettings } from '../server/with-server.ts';
import type { Settings } from '../settings/settings.ts';
import { parseKeys } from './aggregate-keys.ts';
import { type AggregatePlan, planAggregation, type PlanInput } from './aggregate-plan.ts';
import { runAggregation } from './aggregate-run.ts';
import { buildFilters, type FlowFilters } from '../../flags/observe/build-filters.ts';
import { parseRawFilters, rawFiltersText } from './raw-filters.ts';
import { flowSelection } from './selection.ts';
import { topicOf } from './topic-flags.ts';

const EVERYTHING = 2n ** 64n - 1n;

/** The filters of a command line and of the settings, as they go into a request. Throws UsageError. */
export function allFilters(uses: readonly FlagUse[], settings: Settings): FlowFilters {
  const { whitelist, blacklist } = buildFilters(uses);
  whitelist.push(...parseRawFilters('allowlist', settings.list('allowlist')));
  blacklist.push(...parseRawFilters('denylist', settings.list('denylist')));
  return { whitelist, blacklist };
}

/** What a command line with `--aggregate-by` asks for. Throws UsageError. */
export function planObserve(
  uses: readonly FlagUse[],
  filters: FlowFilters,
  { isTerminal, nowMs }: { readonly isTerminal: boolean; readonly nowMs: number },
): AggregatePlan {
  const file = lastText(uses, 'input-file') ?? '';
  const asked = flowSelection(uses, nowMs, file !== '');
  // A file has an end.
  const selection = { ...asked, follow: asked.follow && isEndless(file) };
  // To show the newest 20 makes sense; to count them does not: without a word about it, everything is counted.
  const isChosen = ['last', 'first', 'since', 'until', 'all'].some((name) => isGiven(uses, name));
  const number = isChosen || selection.follow ? selection.number : EVERYTHING;
  const input: PlanInput = {
    title: 'sluice observe',
    uses,
    keys: parseKeys(allTexts(uses, 'aggregate-by')),
    flows: create(GetFlowsRequestSchema, { ...selection, number, ...filters }),
    defaultSort: 'flows',
    isTerminal,
  };
  return planAggregation(input);
}

/** Whether flows may keep coming from where they are read: a server, for no file, and stdin. */
export function isEndless(file: string): boolean {
  return file === '' || file === '-';
}

function isGiven(uses: readonly FlagUse[], name: string): boolean {
  const text = lastText(uses, name) ?? '';
  return text !== '' && text !== '0' && text !== 'false';
}

/** `sluice observe --aggregate-by`. */
export async function observeRows({ uses }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const filters = allFilters(uses, settings);
  if (topicOf(uses) !== null) throw new UsageError('--kafka and --aggregate-by cannot be used together');
  const plan = planObserve(uses, filters, { isTerminal: isScreen(), nowMs: Date.now() });
  if (parseBool('--print-raw-filters', lastText(uses, 'print-raw-filters') ?? 'false')) {
    process.stdout.write(rawFiltersText(filters));
    return 0;
  }
  return runAggregation(settings, plan);
}

/** Whether stdout is a terminal on which the cursor can be moved. */
export function isScreen(): boolean {
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}
