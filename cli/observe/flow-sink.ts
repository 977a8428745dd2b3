import { fromBinary } from '@bufbuild/protobuf';
import { logLine } from '../../rpc/log.ts';
import { JsonWriter } from '../../proto/flow/json/json-writer.ts';
import { createFlowPeek, ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { FlowPrinter } from '../../proto/flow/text/flow-printer.ts';
import { GroupPrinter } from '../../proto/flow/text/group-printer.ts';
import { LossTally } from '../../proto/flow/text/loss-tally.ts';
import {
  type FlowPrintOptions,
  nothingPrinted,
  type PrintedText,
} from '../../proto/flow/text/print-options.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';

/** Where responses go, be they of a server or of a file. */
export interface FlowSink {
  /** Takes one encoded response. Throws RangeError in JSON for an impossible timestamp. */
  readonly print: (message: Uint8Array) => PrintedText;
  /** Called about once a second: what has waited long enough. */
  readonly tick: () => PrintedText;
  /** What is left when there is nothing more to come; `isWhole`: no failure cut the stream short. */
  readonly end: (isWhole: boolean) => PrintedText;
}

/** How a sink differs from printing everything at once. */
export interface SinkOptions {
  readonly print: FlowPrintOptions;
  /** Flows in a row that look alike become one line. */
  readonly isGrouped: boolean;
  /** Losses are told in one line on stderr for each interval; 0: each where it stands in the stream. */
  readonly lossIntervalMs: number;
}

const TICK_MS = 1000;
/** A group of flows that goes on and on is shown this often. */
const MAX_GROUP_TICKS = 10;

/** Prints responses. */
export function printingSink({ print, isGrouped, lossIntervalMs }: SinkOptions): FlowSink {
  const group = isGrouped ? new GroupPrinter(print) : null;
  const printer = group ?? new FlowPrinter(print);
  const losses = lossIntervalMs > 0 ? new LossTally() : null;
  let sinceLossMs = 0;
  let isQuiet = true;
  let groupTicks = 0;
  const decode = (message: Uint8Array): GetFlowsResponse => fromBinary(GetFlowsResponseSchema, message);
  const directly = print.format === 'json' && group === null && losses === null ? jsonPrinter() : null;
  return {
    print: (message) => {
      isQuiet = false;
      const json = directly?.(message) ?? null;
      if (json !== null) return { out: json, err: '' };
      const response = decode(message);
      if (losses?.add(response) === true) return nothingPrinted;
      if (response.responseTypes.case === undefined && print.allNodeStates) {
        return {
          out: '',
          err: `${logLine('debug', 'a response without anything known in it is ignored')}\n`,
        };
      }
      return printer.print(response);
    },
    tick: () => {
      sinceLossMs += TICK_MS;
      let err = '';
      if (losses !== null && sinceLossMs >= lossIntervalMs) {
        err = losses.flush(print.time);
        sinceLossMs = 0;
      }
      // While flows keep coming, what they are may still go on.
      const isDue = isQuiet || ++groupTicks >= MAX_GROUP_TICKS;
      isQuiet = true;
      if (!isDue) return { out: '', err };
      groupTicks = 0;
      return { out: group?.flush() ?? '', err };
    },
    end: () => ({ out: printer.end(), err: losses?.flush(print.time) ?? '' }),
  };
}

/** Prints flows and losses as JSON without decoding them; null for other messages. */
function jsonPrinter(): (message: Uint8Array) => string | null {
  const peek = createFlowPeek();
  const writer = new JsonWriter(GetFlowsResponseSchema);
  return (message) => {
    try {
      peekFlow(message, 0, message.length, peek);
    } catch {
      return null; // a decoder tells what is wrong
    }
    if (peek.kind !== ENVELOPE_FLOW && peek.kind !== ENVELOPE_LOST_EVENTS) return null;
    return `${writer.text(message, 0, message.length)}\n`;
  };
}

/** Counts flows, and prints how many there were. Losses are told on stderr: without them the number is too small. */
export function countingSink({ print }: SinkOptions): FlowSink {
  const peek = createFlowPeek();
  const losses = new LossTally();
  const others = new FlowPrinter(print);
  let count = 0;
  return {
    print: (message) => {
      peekFlow(message, 0, message.length, peek);
      if (peek.kind === ENVELOPE_FLOW) {
        count++;
        return nothingPrinted;
      }
      const response = fromBinary(GetFlowsResponseSchema, message);
      return losses.add(response) ? nothingPrinted : others.print(response);
    },
    tick: () => nothingPrinted,
    // Half a count would be taken for a whole one.
    end: (isWhole) => ({ out: isWhole ? `${count}\n` : '', err: losses.flush(print.time) }),
  };
}
