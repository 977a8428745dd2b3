import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { AgentEventType, DebugEventType } from '../../gen/flow/flow_pb.ts';
import {
  type GetAgentEventsResponse,
  GetAgentEventsResponseSchema,
  type GetDebugEventsResponse,
  GetDebugEventsResponseSchema,
} from '../../gen/observer/observer_pb.ts';
import { agentEventDetails } from './agent-event-text.ts';
import { cpuText, debugSourceText, markText } from './debug-event-text.ts';
import { DICT_SEPARATOR, type DictEntry, dictText } from './dict.ts';
import { enumName } from './enum-name.ts';
import { messageJson } from './json-text.ts';
import type { PrintOptions } from './print-options.ts';
import { formatTable } from './table.ts';
import { escapeTerminal } from './terminal.ts';

/** An event in every layout. */
interface EventText {
  readonly compact: string;
  readonly cells: readonly string[];
  readonly entries: readonly DictEntry[];
}

/** Prints agent or debug events one after the other, without colours. Table rows are kept until `end`. */
abstract class EventPrinter<T extends { readonly nodeName: string; readonly time?: Timestamp | undefined }> {
  protected readonly options: PrintOptions;
  protected abstract readonly headings: readonly string[];
  private readonly rows: string[][] = [];
  private printedDicts = 0;

  constructor(options: PrintOptions) {
    this.options = options;
  }

  protected abstract jsonOf(response: T): string;
  /** Null for a response without an event. */
  protected abstract textOf(response: T): EventText | null;

  /** Prints one response. Throws RangeError in JSON for an impossible timestamp. */
  print(response: T): string {
    const { format, nodeName } = this.options;
    if (format === 'json' || format === 'legacy-json') return `${this.jsonOf(response)}\n`;
    const text = this.textOf(response);
    if (text === null) return '';
    const time = this.options.time(response.time);
    switch (format) {
      case 'table':
        this.rows.push([time, ...(nodeName ? [response.nodeName] : []), ...text.cells].map(safe));
        return '';
      case 'dict': {
        const node: DictEntry[] = nodeName ? [['NODE', response.nodeName]] : [];
        // Without a line break of its own: the next record begins on the separator's line.
        const separator = this.printedDicts++ > 0 ? DICT_SEPARATOR : '';
        return separator + safe(dictText([['TIMESTAMP', time], ...node, ...text.entries]));
      }
      default:
        return safe(`${time}${nodeName ? ` [${response.nodeName}]` : ''}: ${text.compact}\n`);
    }
  }

  /** What is still to be printed when the stream has ended. */
  end(): string {
    if (this.rows.length === 0) return '';
    const node = this.options.nodeName ? ['NODE'] : [];
    return formatTable([['TIMESTAMP', ...node, ...this.headings], ...this.rows]);
  }
}

const safe = (text: string): string => escapeTerminal(text, false);

export class AgentEventPrinter extends EventPrinter<GetAgentEventsResponse> {
  protected override readonly headings = ['TYPE', 'DETAILS'];

  protected override jsonOf(response: GetAgentEventsResponse): string {
    return messageJson(GetAgentEventsResponseSchema, response);
  }

  protected override textOf({ agentEvent }: GetAgentEventsResponse): EventText | null {
    if (agentEvent === undefined) return null;
    const type = enumName(AgentEventType, agentEvent.type);
    const details = agentEventDetails(agentEvent, this.options.time);
    return {
      compact: `${type} (${details})`,
      cells: [type, details],
      entries: [
        ['TYPE', type],
        ['DETAILS', details],
      ],
    };
  }
}

export class DebugEventPrinter extends EventPrinter<GetDebugEventsResponse> {
  /** The second column is empty, heading and all. */
  protected override readonly headings = ['FROM', '', 'TYPE', 'CPU/MARK', 'MESSAGE'];

  protected override jsonOf(response: GetDebugEventsResponse): string {
    return messageJson(GetDebugEventsResponseSchema, response);
  }

  protected override textOf({ debugEvent }: GetDebugEventsResponse): EventText | null {
    if (debugEvent === undefined) return null;
    const type = enumName(DebugEventType, debugEvent.type);
    const from = debugSourceText(debugEvent);
    const mark = markText(debugEvent);
    const cpu = cpuText(debugEvent);
    const { message } = debugEvent;
    return {
      compact: `${from} ${type} MARK: ${mark} CPU: ${cpu} (${message})`,
      cells: [from, '', type, `${cpu} ${mark}`, message],
      entries: [
        ['TYPE', type],
        ['FROM', from],
        ['MARK', mark],
        ['CPU', cpu],
        ['MESSAGE', message],
      ],
    };
  }
}
