import { create, equals } from '@bufbuild/protobuf';
import {
  DropReason,
  type FlowFilter,
  FlowFilterSchema,
  TrafficDirection,
  Verdict,
  WorkloadSchema,
} from '../../proto/gen/flow/flow_pb.ts';

/** One filter in the words of the command line: `--not --port 53`. */
export interface FilterWord {
  /** Without the dashes. */
  readonly flag: string;
  readonly value: string;
  readonly isNot: boolean;
}

/** The filters of a request: what to show and what to hide. */
export interface FlowFilters {
  readonly whitelist: FlowFilter[];
  readonly blacklist: FlowFilter[];
}

/** Words that are no filter; the message is for the person who wrote them. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

type End = 'source' | 'destination';
type Put = (filter: FlowFilter, text: string) => void;

const oneEnd: Readonly<Record<string, (filter: FlowFilter, end: End, text: string) => void>> = {
  namespace: (f, end, text) => f[`${end}Pod`].push(`${text}/`),
  pod: (f, end, text) => f[`${end}Pod`].push(text),
  service: (f, end, text) => f[`${end}Service`].push(text),
  workload: (f, end, text) => f[`${end}Workload`].push(workloadOf(text)),
  label: (f, end, text) => f[`${end}Label`].push(text),
  cluster: (f, end, text) => f[`${end}ClusterName`].push(text),
  identity: (f, end, text) => f[`${end}Identity`].push(numberOf('identity', text)),
  ip: (f, end, text) => f[`${end}Ip`].push(text),
  fqdn: (f, end, text) => f[`${end}Fqdn`].push(text),
  port: (f, end, text) => f[`${end}Port`].push(text),
};

const wholeFlow: Readonly<Record<string, Put>> = {
  verdict: (f, text) => f.verdict.push(memberOf(Verdict, 'verdict', text)),
  'drop-reason-desc': (f, text) => f.dropReasonDesc.push(memberOf(DropReason, 'drop-reason-desc', text)),
  'traffic-direction': (f, text) =>
    f.trafficDirection.push(memberOf(TrafficDirection, 'traffic-direction', text)),
  protocol: (f, text) => f.protocol.push(text),
  'node-name': (f, text) => f.nodeName.push(text),
  'http-status': (f, text) => f.httpStatusCode.push(text),
  'http-method': (f, text) => f.httpMethod.push(text),
  'http-path': (f, text) => f.httpPath.push(text),
  'http-url': (f, text) => f.httpUrl.push(text),
};

const shortFlags: Readonly<Record<string, string>> = { n: 'namespace', l: 'label' };

/** Every flag that the filter bar knows, for completion. */
export const filterFlagNames: readonly string[] = [
  ...Object.keys(oneEnd).flatMap((name) => [name, `from-${name}`, `to-${name}`]),
  ...Object.keys(wholeFlow),
];

function workloadOf(text: string) {
  const slash = text.indexOf('/');
  return create(WorkloadSchema, { kind: slash < 0 ? '' : text.slice(0, slash), name: text.slice(slash + 1) });
}

function numberOf(flag: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new FilterError(`--${flag} ${text}: expected a number`);
}

function memberOf<T extends number>(values: Readonly<Record<string, T>>, flag: string, text: string): T {
  const value = values[text.toUpperCase()];
  if (value !== undefined) return value;
  throw new FilterError(
    `--${flag} ${text}: expected one of ${Object.keys(values).slice(1, 7).join(', ')}, …`,
  );
}

const MAX_TEXT = 4096;

/** Words of a text as a shell would cut them; a whole `sluice observe …` or `hubble observe …` line is taken, too. Throws FilterError. */
export function parseFilterWords(text: string): FilterWord[] {
  if (text.length > MAX_TEXT) {
    throw new FilterError(`a filter of ${text.length} characters, at most ${MAX_TEXT} allowed`);
  }
  const parts = cutWords(text.trim().replace(/^(?:\$\s*)?(?:\.\/)?(?:sluice|hubble)\s+observe\b/, ''));
  const words: FilterWord[] = [];
  let isNot = false;
  for (let i = 0; i < parts.length; i++) {
    const match = /^(?:--([a-z][a-z-]*)|-([a-z]))(?:=(.*))?$/s.exec(parts[i]);
    if (parts[i] === 'not' || match?.[1] === 'not') {
      isNot = true;
      continue;
    }
    if (parts[i] === '-f' || match?.[1] === 'follow') continue;
    const flag = match?.[1] ?? shortFlags[match?.[2] ?? ''];
    if (flag === undefined || !filterFlagNames.includes(flag)) {
      throw new FilterError(
        `${parts[i]} is no filter: expected such as --namespace, --verdict, --not --port`,
      );
    }
    const value = match?.[3] ?? parts[++i];
    if (value === undefined || value === '') throw new FilterError(`--${flag} needs a value`);
    words.push({ flag, value, isNot });
    isNot = false;
  }
  if (isNot) throw new FilterError('--not turns around the filter behind it: none is there');
  buildFilters(words);
  return words;
}

/** The words as one text, which `parseFilterWords` and a shell cut alike. */
export function filterText(words: readonly FilterWord[]): string {
  return words
    .map(({ flag, value, isNot }) => `${isNot ? '--not ' : ''}--${flag} ${quoteWord(value)}`)
    .join(' ');
}

/** A word as a shell needs it. */
export function quoteWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function cutWords(text: string): string[] {
  const words: string[] = [];
  const part = /'([^']*)'|"([^"]*)"|\\(.)|([^\s'"\\]+)|(\s+)/gs;
  let word: string | null = null;
  for (const [, single, double, escaped, plain, space] of text.matchAll(part)) {
    if (space !== undefined) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + (single ?? double ?? escaped ?? plain);
  }
  if (word !== null) words.push(word);
  return words;
}

/** The filters that words ask for, as `sluice observe` builds them. Throws FilterError. */
export function buildFilters(words: readonly FilterWord[]): FlowFilters {
  return {
    whitelist: filterPair(words.filter(({ isNot }) => !isNot)),
    blacklist: filterPair(words.filter(({ isNot }) => isNot)),
  };
}

/** What is asked of "one end" goes to the source in the first filter and to the destination in the second; everything else goes to both. */
function filterPair(words: readonly FilterWord[]): FlowFilter[] {
  if (words.length === 0) return [];
  const sides = (['source', 'destination'] as const).map((own) => {
    const filter = create(FlowFilterSchema);
    for (const { flag, value } of words) {
      const [, side, topic] = /^(?:(from|to)-)?(.*)$/.exec(flag)!;
      const end = side === undefined ? own : side === 'from' ? 'source' : 'destination';
      if (flag in wholeFlow) wholeFlow[flag](filter, value);
      else oneEnd[topic](filter, end, value);
    }
    for (const end of ['source', 'destination'] as const) joinNamespaces(filter, end);
    return filter;
  });
  return equals(FlowFilterSchema, sides[0], sides[1]) ? [sides[0]] : sides;
}

/** A pod and a namespace together mean the pod in that namespace. */
function joinNamespaces(filter: FlowFilter, end: End): void {
  const pods = filter[`${end}Pod`];
  const namespaces = pods.filter((pod) => pod.endsWith('/'));
  const names = pods.filter((pod) => !pod.endsWith('/'));
  if (namespaces.length === 0 || names.length === 0) return;
  const joined = names.flatMap((name) =>
    name.includes('/') ? [name] : namespaces.map((space) => `${space}${name}`),
  );
  pods.splice(0, pods.length, ...joined);
}
