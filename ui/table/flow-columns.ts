import { type Flow, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { portsOf } from '../../proto/flow/text/host-text.ts';
import { clockTime } from '../store/format.ts';
import { decidedBy } from './decided-by.ts';
import {
  addressText,
  type CellWord,
  directionName,
  dropReasonName,
  type EndName,
  endTitle,
  eventTypeName,
  ipVersionName,
  layer7Text,
  protocolText,
  reservedName,
  tcpFlagsText,
  verdictName,
} from './flow-words.ts';

/** Colours of the page that stand for verdicts. */
export type Tone = 'forwarded' | 'dropped' | 'audit' | 'redirected' | 'error';

/** What a cell shows, and the filter that it stands for. */
export interface FlowCell {
  readonly text: string;
  /** In faint letters in front of the text. */
  readonly scope?: string;
  readonly tone?: Tone;
  /** A sign in front of the text, which tells what the tone tells. */
  readonly glyph?: string;
  readonly word?: CellWord | null;
}

export interface FlowColumn {
  readonly id: string;
  readonly title: string;
  /** Pixels. */
  readonly width: number;
  readonly isMono?: boolean;
  /** Takes what room is left. */
  readonly isWide?: boolean;
  readonly cell: (flow: Flow) => FlowCell;
  /** What rows are sorted by; the cell's text when absent. */
  readonly order?: (flow: Flow) => number;
}

/** Tone and sign of a verdict: what colour tells is told by the sign too. */
export const verdictMarks: Readonly<Record<number, { readonly tone: Tone; readonly glyph: string }>> = {
  [Verdict.FORWARDED]: { tone: 'forwarded', glyph: '→' },
  [Verdict.DROPPED]: { tone: 'dropped', glyph: '✕' },
  [Verdict.AUDIT]: { tone: 'audit', glyph: '◑' },
  [Verdict.REDIRECTED]: { tone: 'redirected', glyph: '↷' },
  [Verdict.ERROR]: { tone: 'error', glyph: '!' },
};

export function flowTimeMs({ time }: Flow): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

const wordIf = (flag: string, value: string): CellWord | null => (value === '' ? null : { flag, value });
const plain = (flag: string, text: string): FlowCell => ({ text, word: wordIf(flag, text) });

function endCell(end: EndName): (flow: Flow) => FlowCell {
  return (flow) => {
    const { scope, name, word } = endTitle(flow, end);
    return { text: name, scope: scope === '' ? '' : `${scope}/`, word };
  };
}

function portCell(flow: Flow, end: EndName): FlowCell {
  const port = portsOf(flow)[end === 'source' ? 0 : 1];
  return plain(end === 'source' ? 'from-port' : 'to-port', port === 0 ? '' : String(port));
}

function identityCell(flow: Flow, end: EndName): FlowCell {
  const identity = flow[end]?.identity ?? 0;
  const text = identity === 0 ? '' : reservedName(identity) || String(identity);
  return plain(end === 'source' ? 'from-identity' : 'to-identity', text);
}

function workloadCell(flow: Flow, end: EndName): FlowCell {
  const [workload] = flow[end]?.workloads ?? [];
  if (workload === undefined) return { text: '' };
  const { kind, name } = workload;
  const value = kind === '' ? name : `${kind}/${name}`;
  return { text: name, word: { flag: end === 'source' ? 'from-workload' : 'to-workload', value } };
}

function sideWord(flow: Flow): CellWord | null {
  const [, port] = portsOf(flow);
  return port === 0 ? null : { flag: 'to-port', value: String(port) };
}

/** Every column there is. Those of `usualColumns` are shown unless others are chosen. */
export const flowColumns: readonly FlowColumn[] = [
  {
    id: 'time',
    title: 'Time',
    width: 86,
    isMono: true,
    cell: (flow) => ({ text: clockTime(flowTimeMs(flow)) }),
    order: flowTimeMs,
  },
  {
    id: 'verdict',
    title: 'Verdict',
    width: 100,
    cell: (flow) => ({
      ...plain('verdict', verdictName(flow)),
      ...verdictMarks[flow.verdict],
    }),
  },
  { id: 'source', title: 'Source', width: 150, isWide: true, cell: endCell('source') },
  { id: 'destination', title: 'Destination', width: 150, isWide: true, cell: endCell('destination') },
  {
    id: 'address',
    title: 'Dst addr',
    width: 140,
    isMono: true,
    cell: (flow) => ({ text: addressText(flow, 'destination'), word: sideWord(flow) }),
  },
  {
    id: 'protocol',
    title: 'Proto',
    width: 62,
    cell: (flow) => plain('protocol', protocolText(flow)),
  },
  {
    id: 'reason',
    title: 'Drop reason',
    width: 118,
    cell: (flow) => ({
      ...plain('drop-reason-desc', dropReasonName(flow)),
      ...verdictMarks[flow.verdict],
      glyph: '',
    }),
  },
  {
    id: 'l7',
    title: 'L7',
    width: 120,
    isMono: true,
    isWide: true,
    cell: (flow) => {
      const record = flow.l7?.record;
      const word = record?.case === 'http' ? wordIf('http-method', record.value.method) : null;
      return { text: layer7Text(flow), word };
    },
  },
  {
    id: 'decided',
    title: 'Decided by',
    width: 150,
    isWide: true,
    cell: (flow) => {
      const isDenial = flow.verdict === Verdict.DROPPED || flow.verdict === Verdict.AUDIT;
      return { text: decidedBy(flow), ...(isDenial && { ...verdictMarks[flow.verdict], glyph: '' }) };
    },
  },
  {
    id: 'flags',
    title: 'TCP flags',
    width: 84,
    isMono: true,
    cell: (flow) => plain('tcp-flags', tcpFlagsText(flow)),
  },
  { id: 'type', title: 'Event', width: 130, cell: (flow) => plain('type', eventTypeName(flow)) },
  {
    id: 'direction',
    title: 'Direction',
    width: 80,
    cell: (flow) => plain('traffic-direction', directionName(flow)),
  },
  {
    id: 'reply',
    title: 'Reply',
    width: 64,
    cell: ({ isReply }) =>
      isReply === undefined
        ? { text: '' }
        : { text: isReply ? 'reply' : 'request', word: { flag: isReply ? 'reply' : 'not-reply', value: '' } },
  },
  { id: 'node', title: 'Node', width: 110, cell: (flow) => plain('node-name', flow.nodeName) },
  {
    id: 'interface',
    title: 'Interface',
    width: 100,
    isMono: true,
    cell: (flow) => plain('interface', flow.interface?.name ?? ''),
  },
  {
    id: 'source-cluster',
    title: 'Src cluster',
    width: 84,
    cell: ({ source }) => plain('from-cluster', source?.clusterName ?? ''),
  },
  {
    id: 'destination-cluster',
    title: 'Dst cluster',
    width: 84,
    cell: ({ destination }) => plain('to-cluster', destination?.clusterName ?? ''),
  },
  {
    id: 'source-workload',
    title: 'Src workload',
    width: 120,
    cell: (flow) => workloadCell(flow, 'source'),
  },
  {
    id: 'destination-workload',
    title: 'Dst workload',
    width: 120,
    cell: (flow) => workloadCell(flow, 'destination'),
  },
  {
    id: 'source-identity',
    title: 'Src identity',
    width: 90,
    isMono: true,
    cell: (flow) => identityCell(flow, 'source'),
    order: ({ source }) => source?.identity ?? 0,
  },
  {
    id: 'destination-identity',
    title: 'Dst identity',
    width: 90,
    isMono: true,
    cell: (flow) => identityCell(flow, 'destination'),
    order: ({ destination }) => destination?.identity ?? 0,
  },
  {
    id: 'source-ip',
    title: 'Src address',
    width: 124,
    isMono: true,
    cell: ({ IP }) => plain('from-ip', IP?.source ?? ''),
  },
  {
    id: 'destination-ip',
    title: 'Dst address',
    width: 124,
    isMono: true,
    cell: ({ IP }) => plain('to-ip', IP?.destination ?? ''),
  },
  {
    id: 'source-port',
    title: 'Src port',
    width: 70,
    isMono: true,
    cell: (flow) => portCell(flow, 'source'),
    order: (flow) => portsOf(flow)[0],
  },
  {
    id: 'destination-port',
    title: 'Dst port',
    width: 70,
    isMono: true,
    cell: (flow) => portCell(flow, 'destination'),
    order: (flow) => portsOf(flow)[1],
  },
  {
    id: 'ip-version',
    title: 'IP',
    width: 44,
    cell: (flow) => plain('ip-version', ipVersionName(flow)),
  },
  { id: 'uuid', title: 'UUID', width: 260, isMono: true, cell: ({ uuid }) => plain('uuid', uuid) },
];

export const usualColumns: readonly string[] = [
  'time',
  'verdict',
  'source',
  'destination',
  'address',
  'protocol',
  'reason',
  'l7',
  'decided',
];

const byId = new Map(flowColumns.map((column) => [column.id, column]));
const KEY = 'sluice.columns';

/** The columns of a list of ids, such as `time,verdict`, in its order; the usual ones when none of them is known. */
export function parseColumns(text: string | null): readonly FlowColumn[] {
  const wanted = [...new Set((text ?? '').split(','))].flatMap((id) => byId.get(id) ?? []);
  return wanted.length > 0 ? wanted : usualColumns.map((id) => byId.get(id)!);
}

/** The columns chosen in this browser. */
export function storedColumns(storage: Pick<Storage, 'getItem'>): readonly FlowColumn[] {
  return parseColumns(storage.getItem(KEY));
}

export function storeColumns(storage: Pick<Storage, 'setItem'>, columns: readonly FlowColumn[]): void {
  storage.setItem(KEY, columns.map(({ id }) => id).join(','));
}

/** The columns with one put in or taken out; the last one stays. New ones take the place that they have in the list of all. */
export function toggleColumn(columns: readonly FlowColumn[], id: string): readonly FlowColumn[] {
  if (columns.some((column) => column.id === id)) {
    return columns.length === 1 ? columns : columns.filter((column) => column.id !== id);
  }
  const chosen = new Set([...columns.map((column) => column.id), id]);
  return flowColumns.filter((column) => chosen.has(column.id));
}

/** Compares flows by a column: numbers by value, texts as people sort them. */
export function compareBy({ cell, order }: FlowColumn): (a: Flow, b: Flow) => number {
  if (order !== undefined) return (a, b) => order(a) - order(b);
  const collator = new Intl.Collator('en', { numeric: true });
  const text = (flow: Flow): string => {
    const { scope = '', text } = cell(flow);
    return scope + text;
  };
  return (a, b) => collator.compare(text(a), text(b));
}
