import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Flow } from '../../gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../gen/observer/observer_pb.ts';
import { flowLine } from './flow-line.ts';
import { FlowPrinter } from './flow-printer.ts';
import type { FlowPrintOptions, PrintedText } from './print-options.ts';
import { coloured, escapeTerminal, plain } from './terminal.ts';

/** Flows in a row that look alike. */
interface Group {
  /** The line behind its time. */
  readonly line: string;
  readonly first: Timestamp | undefined;
  last: Timestamp | undefined;
  count: number;
}

/**
 * Prints flows in compact lines, those in a row that differ in nothing but their time and the client's port as one line: that of the first, without that port, and with how
 * many there were and until when. A line is printed when another one comes, or by `flush`.
 */
export class GroupPrinter {
  private readonly options: FlowPrintOptions;
  private readonly others: FlowPrinter;
  private group: Group | null = null;

  constructor(options: FlowPrintOptions) {
    this.options = options;
    this.others = new FlowPrinter(options);
  }

  print(response: GetFlowsResponse): PrintedText {
    const { responseTypes } = response;
    if (responseTypes.case !== 'flow') {
      // What goes to stderr, or nowhere, does not come between flows.
      const { out, err } = this.others.print(response);
      return { out: out === '' ? '' : this.flush() + out, err };
    }
    const flow = responseTypes.value;
    const line = flowLine(withoutClientPort(flow), this.options, this.options.colour ? coloured : plain);
    if (this.group?.line === line) {
      this.group.count++;
      this.group.last = flow.time;
      return { out: '', err: '' };
    }
    const out = this.flush();
    this.group = { line, first: flow.time, last: flow.time, count: 1 };
    return { out, err: '' };
  }

  /** The line of the flows that came last; empty for none. */
  flush(): string {
    const { group, options } = this;
    if (group === null) return '';
    this.group = null;
    const times = group.count === 1 ? '' : ` x${group.count} until ${options.time(group.last)}`;
    return escapeTerminal(`${options.time(group.first)}${group.line}${times}\n`, options.colour);
  }

  end(): string {
    return this.flush();
  }
}

/** The flow without the port that its client chose at random, when it is known which end that is. */
function withoutClientPort(flow: Flow): Flow {
  const protocol = flow.l4?.protocol;
  const { isReply, l4 } = flow;
  if (l4 === undefined || isReply === undefined) return flow;
  const none = isReply ? { destinationPort: 0 } : { sourcePort: 0 };
  switch (protocol?.case) {
    case 'TCP':
      return { ...flow, l4: { ...l4, protocol: { case: 'TCP', value: { ...protocol.value, ...none } } } };
    case 'UDP':
      return { ...flow, l4: { ...l4, protocol: { case: 'UDP', value: { ...protocol.value, ...none } } } };
    case 'SCTP':
      return { ...flow, l4: { ...l4, protocol: { case: 'SCTP', value: { ...protocol.value, ...none } } } };
    default:
      return flow;
  }
}
