import {
  type Flow,
  FlowSchema,
  type LostEvent,
  LostEventSchema,
  LostEventSource,
} from '../../gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../gen/observer/observer_pb.ts';
import type { NodeStatusEvent } from '../../gen/relay/relay_pb.ts';
import { DICT_SEPARATOR, type DictEntry, dictText } from './dict.ts';
import { enumName } from './enum-name.ts';
import { hostsText, summaryText, typeText } from './flow-blocks.ts';
import { csvHeader, flowCsv, lostCsv } from './flow-csv.ts';
import { flowLine } from './flow-line.ts';
import { messageJson } from './json-text.ts';
import { isTrouble, nodeStatusEntries, nodeStatusSentence } from './node-status-text.ts';
import { type FlowPrintOptions, nothingPrinted, type PrintedText } from './print-options.ts';
import { formatTable } from './table.ts';
import { coloured, escapeTerminal, type Paint, plain } from './terminal.ts';
import { decidingRules, verdictText } from './verdict-text.ts';

/** Prints GetFlows responses one after the other. Table rows are kept until `end`. */
export class FlowPrinter {
  private readonly options: FlowPrintOptions;
  private readonly colour: boolean;
  private readonly paint: Paint;
  private readonly rows: string[][] = [];
  private printedRecords = 0;

  constructor(options: FlowPrintOptions) {
    this.options = options;
    this.colour = options.colour && (options.format === 'compact' || options.format === 'dict');
    this.paint = this.colour ? coloured : plain;
  }

  /** Prints one response. Throws RangeError in JSON for an impossible timestamp. */
  print(response: GetFlowsResponse): PrintedText {
    const { responseTypes } = response;
    switch (responseTypes.case) {
      case 'flow':
        return { out: this.flowText(response, responseTypes.value), err: '' };
      case 'lostEvents':
        return { out: this.lostText(response, responseTypes.value), err: '' };
      case 'nodeStatus': {
        const status = responseTypes.value;
        if (!isTrouble(status) && !this.options.allNodeStates) return nothingPrinted;
        return { out: '', err: this.nodeStatusText(response, status) };
      }
      default:
        return nothingPrinted;
    }
  }

  /** What is still to be printed when the stream has ended. */
  end(): string {
    if (this.rows.length === 0) return '';
    const node = this.options.nodeName ? ['NODE'] : [];
    const header = ['TIMESTAMP', ...node, 'SOURCE', 'DESTINATION', 'TYPE', 'VERDICT', 'SUMMARY'];
    return formatTable([header, ...this.rows]);
  }

  private flowText(response: GetFlowsResponse, flow: Flow): string {
    const { options, paint } = this;
    if (options.format === 'json') return `${messageJson(GetFlowsResponseSchema, response)}\n`;
    if (options.format === 'legacy-json') return `${messageJson(FlowSchema, flow)}\n`;
    if (options.format === 'csv') return this.csv(flowCsv(flow, options.time, options.names));
    const time = options.time(flow.time);
    if (options.format === 'compact') return this.safe(`${time}${flowLine(flow, options, paint)}\n`);
    const hosts = hostsText(flow, options.names, paint);
    const type = typeText(flow);
    const verdict = verdictText(flow, options.policyNames, paint);
    const summary = summaryText(flow, paint);
    if (options.format === 'table') {
      return this.addRow(time, flow.nodeName, hosts.source, hosts.destination, type, verdict, summary);
    }
    return this.dict([
      ['TIMESTAMP', time],
      ...this.nodeEntry(flow.nodeName),
      ['SOURCE', hosts.source],
      ['DESTINATION', hosts.destination],
      ['TYPE', type],
      ['VERDICT', verdict],
      ...this.rulesEntry(flow),
      ['SUMMARY', summary],
    ]);
  }

  private lostText(response: GetFlowsResponse, lost: LostEvent): string {
    const { options } = this;
    if (options.format === 'json') return `${messageJson(GetFlowsResponseSchema, response)}\n`;
    if (options.format === 'legacy-json') return `${messageJson(LostEventSchema, lost)}\n`;
    if (options.format === 'csv') return this.csv(lostCsv(response, lost, options.time));
    const time = options.time(response.time);
    const source = enumName(LostEventSource, lost.source);
    const cpu = `CPU(${lost.cpu ?? 0})`;
    const span =
      lost.first !== undefined && lost.last !== undefined
        ? ` (first: ${options.time(lost.first)}, last: ${options.time(lost.last)})`
        : '';
    if (options.format === 'compact') {
      return this.safe(`${time} EVENTS LOST: ${source} ${cpu} ${lost.numEventsLost}${span}\n`);
    }
    const node = response.nodeName === '' ? '-' : response.nodeName;
    const summary = `${cpu} - ${lost.numEventsLost}${span}`;
    if (options.format === 'table') return this.addRow(time, node, source, '-', 'EVENTS LOST', '-', summary);
    return this.dict([
      ['TIMESTAMP', time],
      ...this.nodeEntry(node),
      ['SOURCE', source],
      ['TYPE', 'EVENTS LOST'],
      ['VERDICT', '-'],
      ['SUMMARY', summary],
    ]);
  }

  private nodeStatusText(response: GetFlowsResponse, status: NodeStatusEvent): string {
    const { format } = this.options;
    if (format === 'json') return `${messageJson(GetFlowsResponseSchema, response)}\n`;
    if (format === 'legacy-json') return '';
    const time = this.options.time(response.time);
    if (format === 'dict') return this.dict([['TIMESTAMP', time], ...nodeStatusEntries(status)]);
    return this.safe(`${time} [${response.nodeName}]: ${nodeStatusSentence(status)}\n`);
  }

  private addRow(time: string, node: string, ...rest: string[]): string {
    const cells = this.options.nodeName ? [time, node, ...rest] : [time, ...rest];
    // Widths count what is printed, so cells are made safe before they are aligned.
    this.rows.push(cells.map((cell) => this.safe(cell)));
    return '';
  }

  private nodeEntry(name: string): DictEntry[] {
    return this.options.nodeName ? [['NODE', name]] : [];
  }

  private rulesEntry(flow: Flow): DictEntry[] {
    const rules = this.options.policyNames === 'always' ? decidingRules(flow) : '';
    return rules === '' ? [] : [['DECIDED BY', rules]];
  }

  private csv(line: string): string {
    const header = this.printedRecords++ > 0 ? '' : csvHeader;
    return header + this.safe(line);
  }

  private dict(entries: readonly DictEntry[]): string {
    const separator = this.printedRecords++ > 0 ? `${DICT_SEPARATOR}\n` : '';
    return separator + this.safe(dictText(entries));
  }

  private safe(text: string): string {
    return escapeTerminal(text, this.colour);
  }
}
