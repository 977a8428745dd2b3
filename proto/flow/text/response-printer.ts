import { type Timestamp } from '@bufbuild/protobuf/wkt';
import { type Flow, type LostEvent, LostEventSource } from '../../gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../gen/observer/observer_pb.ts';
import { NodeState, type NodeStatusEvent } from '../../gen/relay/relay_pb.ts';
import {
  endsText,
  identitiesText,
  summaryText,
  type TextOptions,
  typeText,
  verdictText,
} from './flow-blocks.ts';
import { goQuote } from './go-quote.ts';
import { messageJson } from './json-text.ts';
import { enumName } from './names.ts';
import { formatTable } from './table.ts';

export type OutputFormat = 'compact' | 'dict' | 'table' | 'json';

/** How responses are printed. */
export interface PrinterOptions extends TextOptions {
  readonly format: OutputFormat;
  readonly time: (time: Timestamp | undefined) => string;
  readonly nodeName: boolean;
  /** Show also that nodes are connected or gone, not only trouble. */
  readonly allNodeStates: boolean;
}

/** Text for the two output streams, line breaks included. */
export interface PrintedText {
  readonly out: string;
  readonly err: string;
}

const DICT_KEY_WIDTH = 11;
const DICT_SEPARATOR = `${'-'.repeat(12)}\n`;
const NODE_LIST_MAX_BYTES = 50;
const nothing: PrintedText = { out: '', err: '' };

/** Names joined by commas: always the first, then as many as fit, then how many more there are. */
function nodeListText(names: readonly string[]): string {
  let shown = 0;
  let bytes = 0;
  for (const name of names) {
    bytes += new TextEncoder().encode(name).length + 2;
    if (shown > 0 && bytes > NODE_LIST_MAX_BYTES) break;
    shown++;
  }
  const rest = names.length - shown;
  return names.slice(0, shown).join(', ') + (rest > 0 ? ` (and ${rest} more)` : '');
}

function nodeStateSentence({ stateChange, nodeNames, message }: NodeStatusEvent): string {
  const nodes = `${nodeNames.length} ${nodeNames.length === 1 ? 'node' : 'nodes'}: ${nodeListText(nodeNames)}`;
  switch (stateChange) {
    case NodeState.NODE_CONNECTED:
      return `Receiving flows from ${nodes}`;
    case NodeState.NODE_UNAVAILABLE:
      return `${nodeNames.length} ${nodeNames.length === 1 ? 'node is' : 'nodes are'} unavailable: ${nodeListText(nodeNames)}`;
    case NodeState.NODE_GONE:
      return `Left the cluster: ${nodes}`;
    case NodeState.NODE_ERROR:
      return `Error ${goQuote(message)} on ${nodes}`;
    default:
      return `State ${enumName(NodeState, stateChange)} of ${nodes}`;
  }
}

/** Prints GetFlows responses one after the other in one of the formats. Table rows are kept until `end`. */
export class ResponsePrinter {
  private readonly options: PrinterOptions;
  private readonly rows: string[][] = [];
  private printedDicts = 0;

  constructor(options: PrinterOptions) {
    this.options = options;
  }

  /** Prints one response. Throws Error in JSON for what JSON cannot hold. */
  print(response: GetFlowsResponse): PrintedText {
    const { case: kind, value } = response.responseTypes;
    if (kind === undefined) return nothing;
    if (kind === 'nodeStatus') return this.printNodeStatus(response, value);
    if (this.options.format === 'json') {
      return { out: `${messageJson(GetFlowsResponseSchema, response)}\n`, err: '' };
    }
    return { out: kind === 'flow' ? this.printFlow(value) : this.printLost(response, value), err: '' };
  }

  /** What is still to be printed when the stream has ended. */
  end(): string {
    if (this.rows.length === 0) return '';
    const header = ['TIMESTAMP', 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'];
    if (this.options.nodeName) header.splice(1, 0, 'NODE');
    return formatTable([header, ...this.rows]);
  }

  private printFlow(flow: Flow): string {
    const { options } = this;
    const ends = endsText(flow, options);
    const time = options.time(flow.time);
    const type = typeText(flow);
    const verdict = verdictText(flow, options);
    const summary = summaryText(flow, options);
    if (options.format === 'table') {
      this.addRow(time, flow.nodeName, ends.source, ends.destination, type, verdict, summary);
      return '';
    }
    if (options.format === 'dict') {
      return this.dict([
        ['TIMESTAMP', time],
        ...(options.nodeName ? ([['NODE', flow.nodeName]] as const) : []),
        ['SOURCE', ends.source],
        ['DESTINATION', ends.destination],
        ['TYPE', type],
        ['VERDICT', verdict],
        ['SUMMARY', summary],
      ]);
    }
    const ids = identitiesText(flow, options);
    const node = options.nodeName ? ` [${flow.nodeName}]` : '';
    const source = `${ends.source} ${ids.source}`;
    const destination = `${ends.destination} ${ids.destination}`;
    const [left, arrow, right] =
      flow.isReply === undefined
        ? [source, '<>', destination]
        : flow.isReply
          ? [destination, '<-', source]
          : [source, '->', destination];
    return `${time}${node}: ${left} ${arrow} ${right} ${type} ${verdict} (${summary})\n`;
  }

  private printLost(response: GetFlowsResponse, lost: LostEvent): string {
    const { options } = this;
    const time = options.time(response.time);
    const source = enumName(LostEventSource, lost.source);
    const cpu = lost.cpu ?? 0;
    const count = lost.numEventsLost;
    const span =
      lost.first !== undefined && lost.last !== undefined
        ? ` (first: ${options.time(lost.first)}, last: ${options.time(lost.last)})`
        : '';
    const node = response.nodeName === '' ? '-' : response.nodeName;
    const summary = `CPU(${cpu}) - ${count}${span}`;
    switch (options.format) {
      case 'table':
        this.addRow(time, node, source, '-', 'EVENTS LOST', '-', summary);
        return '';
      case 'dict':
        return this.dict([
          ['TIMESTAMP', time],
          ...(options.nodeName ? ([['NODE', node]] as const) : []),
          ['SOURCE', source],
          ['TYPE', 'EVENTS LOST'],
          ['VERDICT', '-'],
          ['SUMMARY', summary],
        ]);
      default:
        return `${time} EVENTS LOST: ${source} CPU(${cpu}) ${count}${span}\n`;
    }
  }

  private printNodeStatus(response: GetFlowsResponse, status: NodeStatusEvent): PrintedText {
    const isTrouble =
      status.stateChange === NodeState.NODE_ERROR || status.stateChange === NodeState.NODE_UNAVAILABLE;
    if (!isTrouble && !this.options.allNodeStates) return nothing;
    const time = this.options.time(response.time);
    switch (this.options.format) {
      case 'json':
        return { out: '', err: `${messageJson(GetFlowsResponseSchema, response)}\n` };
      case 'dict': {
        const text = dictLines([
          ['TIMESTAMP', time],
          ['STATE', enumName(NodeState, status.stateChange)],
          ['NODES', nodeListText(status.nodeNames)],
          ['MESSAGE', status.message === '' ? 'N/A' : goQuote(status.message)],
        ]);
        const separator = this.printedDicts++ > 0 ? DICT_SEPARATOR : '';
        return { out: '', err: separator + text };
      }
      default:
        return { out: '', err: `${time} [${response.nodeName}]: ${nodeStateSentence(status)}\n` };
    }
  }

  private addRow(time: string, node: string, ...rest: string[]): void {
    this.rows.push(this.options.nodeName ? [time, node, ...rest] : [time, ...rest]);
  }

  private dict(entries: readonly (readonly [string, string])[]): string {
    const separator = this.printedDicts++ > 0 ? DICT_SEPARATOR : '';
    return separator + dictLines(entries);
  }
}

function dictLines(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([key, value]) => `${key.padStart(DICT_KEY_WIDTH)}: ${value}\n`).join('');
}
