import { create } from '@bufbuild/protobuf';
import { keyPairs, keyWords } from '../../proto/flow/aggregate/key-names.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { parseKeys } from '../observe/aggregate-keys.ts';
import { allFilters, isEndless, isScreen } from '../observe/aggregate-observe.ts';
import { type AggregatePlan, planAggregation } from '../observe/aggregate-plan.ts';
import { runAggregation } from '../observe/aggregate-run.ts';
import type { FlowFilters } from '../../flags/observe/build-filters.ts';
import { filterFlags } from '../../flags/observe/filter-flags.ts';
import { rawFiltersText } from '../observe/raw-filters.ts';
import { parseTimeInput } from '../../flags/observe/time-input.ts';
import { loadSettings } from '../server/with-server.ts';
import { type TopPreset, topPresets } from './presets.ts';

/** The view that a word stands for: one by name, or one of the keys it lists. Throws UsageError. */
export function viewOf(word: string | undefined): TopPreset {
  if (word === undefined) return topPresets[0];
  const preset = topPresets.find(({ name }) => name === word);
  if (preset !== undefined) return preset;
  const words = word.split(',');
  const isKeys = words.length > 1 || keyWords.includes(word);
  if (!isKeys) {
    const names = topPresets.map(({ name }) => name);
    const guess = nearest(word, [...names, ...keyWords, ...keyPairs.keys()]);
    const hint = guess === undefined ? '' : `\nDid you mean ${guess}?`;
    throw new UsageError(
      `unknown view "${word}": expected one of ${names.join(', ')}, or keys such as source,server-port${hint}`,
    );
  }
  return { name: word, help: '', keys: words, filters: [] };
}

/** The flags of a view in front of those of the command line. */
export function usesOf({ filters }: TopPreset, uses: readonly FlagUse[]): FlagUse[] {
  const own = filters.map(([name, text]) => ({
    spec: filterFlags.find((spec) => spec.name === name)!,
    text,
  }));
  return [...own, ...uses];
}

/** What a command line asks for. Throws UsageError. */
export function planTop(
  view: TopPreset,
  uses: readonly FlagUse[],
  filters: FlowFilters,
  { isTerminal, nowMs }: { readonly isTerminal: boolean; readonly nowMs: number },
): AggregatePlan {
  const isOnce =
    parseBool('--once', lastText(uses, 'once') ?? 'false') || !isEndless(lastText(uses, 'input-file') ?? '');
  const since = lastText(uses, 'since') ?? '';
  const [ofOnce, ofRate] = view.isOfDrops === true ? ['dropped', 'drops/s'] : ['flows', 'flows/s'];
  return planAggregation({
    title: `sluice top ${view.name}`,
    uses,
    keys: parseKeys(view.keys, 'KEYS'),
    flows: create(GetFlowsRequestSchema, {
      follow: !isOnce,
      ...(since !== '' && { since: parseTimeInput('--since', since, nowMs) }),
      ...filters,
    }),
    defaultSort: isOnce ? ofOnce : ofRate,
    isTerminal,
  });
}

/** `sluice top`. */
export async function runTop({ uses, positionals }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const view = viewOf(positionals[0]);
  const filters = allFilters(usesOf(view, uses), settings);
  const plan = planTop(view, uses, filters, { isTerminal: isScreen(), nowMs: Date.now() });
  if (parseBool('--print-raw-filters', lastText(uses, 'print-raw-filters') ?? 'false')) {
    process.stdout.write(rawFiltersText(filters));
    return 0;
  }
  return runAggregation(settings, plan);
}
