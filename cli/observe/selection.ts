import { create } from '@bufbuild/protobuf';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { lastText } from '../command.ts';
import { type FlagSpec, type FlagUse, UsageError } from '../flags/flag-spec.ts';
import { parseBool, parseUint } from '../flags/parse-value.ts';
import { buildFilters } from './build-filters.ts';
import { parseTimeInput } from './time-input.ts';

const group = 'Which flows';

/** Flags that say which part of the stream is wanted. */
export const selectionFlags: readonly FlagSpec[] = [
  {
    name: 'last',
    kind: 'uint',
    value: 'N',
    group,
    help: 'The newest N flows (of each node, behind a relay); 20 when nothing else is asked.',
  },
  { name: 'first', kind: 'uint', value: 'N', group, help: 'The oldest N flows that are kept.' },
  { name: 'all', kind: 'bool', group, help: 'Everything that is kept.' },
  { name: 'follow', short: 'f', kind: 'bool', group, help: 'Go on with new flows as they come.' },
  {
    name: 'since',
    kind: 'string',
    value: 'TIME',
    group,
    help: 'From this time on: a duration back from now (5m) or a date (2026-03-04T09:15:22Z).',
  },
  {
    name: 'until',
    kind: 'string',
    value: 'TIME',
    group,
    help: 'Up to this time; not looked at with --follow.',
  },
];

const DEFAULT_LAST = 20n;
const ALL = 2n ** 64n - 1n;

/** The request that a command line asks for. Throws UsageError. */
export function buildRequest(uses: readonly FlagUse[], nowMs: number): GetFlowsRequest {
  const count = (name: string): bigint => {
    const text = lastText(uses, name);
    return text === undefined ? 0n : parseUint(`--${name}`, text);
  };
  const given = (name: string): boolean => {
    const text = lastText(uses, name);
    return text !== undefined && parseBool(`--${name}`, text);
  };
  const last = count('last');
  const first = count('first');
  const all = given('all');
  const follow = given('follow');
  const clash = (a: string, b: string): UsageError =>
    new UsageError(`--${a} and --${b} cannot be used together`);
  if (first > 0n && last > 0n) throw clash('first', 'last');
  if (first > 0n && all) throw clash('first', 'all');
  if (first > 0n && follow) throw clash('first', 'follow');
  if (last > 0n && all) throw clash('last', 'all');
  const since = lastText(uses, 'since');
  const until = follow ? undefined : lastText(uses, 'until');
  const nothingAsked =
    last === 0n && first === 0n && !all && !follow && since === undefined && until === undefined;
  return create(GetFlowsRequestSchema, {
    number: all ? ALL : first > 0n ? first : nothingAsked ? DEFAULT_LAST : last,
    first: first > 0n,
    follow,
    ...(since !== undefined && { since: parseTimeInput('--since', since, nowMs) }),
    ...(until !== undefined && { until: parseTimeInput('--until', until, nowMs) }),
    ...buildFilters(uses),
  });
}
