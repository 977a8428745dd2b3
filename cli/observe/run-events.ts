import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AgentEventPrinter, DebugEventPrinter } from '../../proto/flow/text/event-printer.ts';
import type { PrintOptions } from '../../proto/flow/text/print-options.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import {
  GetAgentEventsRequestSchema,
  GetAgentEventsResponseSchema,
  GetDebugEventsRequestSchema,
  GetDebugEventsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { type FlagUse, lastText } from '../flags/flag-spec.ts';
import { parseBool } from '../flags/parse-value.ts';
import { loadSettings } from '../server/with-server.ts';
import { printStream } from './print-stream.ts';
import { outputFormat } from './print-settings.ts';
import { eventSelection, type Selection } from './selection.ts';

function printOptions(uses: readonly FlagUse[], { follow }: Selection): PrintOptions {
  return {
    format: outputFormat(uses, follow),
    time: compileTimeFormat(lastText(uses, 'time-format') ?? 'StampMilli'),
    nodeName: parseBool('--print-node-name', lastText(uses, 'print-node-name') ?? 'false'),
  };
}

/** `sluice observe agent-events`. */
export async function observeAgentEvents({ uses }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const selection = eventSelection(uses, Date.now());
  const printer = new AgentEventPrinter(printOptions(uses, selection));
  const request = create(GetAgentEventsRequestSchema, { ...selection });
  return printStream(settings, {
    path: '/observer.Observer/GetAgentEvents',
    request: toBinary(GetAgentEventsRequestSchema, request),
    silent: false,
    print: (message) => ({ out: printer.print(fromBinary(GetAgentEventsResponseSchema, message)), err: '' }),
    end: () => printer.end(),
  });
}

/** `sluice observe debug-events`. */
export async function observeDebugEvents({ uses }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const selection = eventSelection(uses, Date.now());
  const printer = new DebugEventPrinter(printOptions(uses, selection));
  const request = create(GetDebugEventsRequestSchema, { ...selection });
  return printStream(settings, {
    path: '/observer.Observer/GetDebugEvents',
    request: toBinary(GetDebugEventsRequestSchema, request),
    silent: false,
    print: (message) => ({ out: printer.print(fromBinary(GetDebugEventsResponseSchema, message)), err: '' }),
    end: () => printer.end(),
  });
}
