import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AgentEventPrinter, DebugEventPrinter } from '../../proto/flow/text/event-printer.ts';
import type { PrintOptions } from '../../proto/flow/text/print-options.ts';
import {
  GetAgentEventsRequestSchema,
  GetAgentEventsResponseSchema,
  GetDebugEventsRequestSchema,
  GetDebugEventsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { type FlagUse, invalidValue, lastText } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { loadSettings } from '../server/with-server.ts';
import { printStream } from './print-stream.ts';
import { outputFormat, timeFormat } from './print-settings.ts';
import { eventSelection, type Selection } from './selection.ts';

function printOptions(uses: readonly FlagUse[], { follow }: Selection): PrintOptions {
  const format = outputFormat(uses, follow);
  if (format === 'csv') throw invalidValue('-o, --output', 'csv', 'compact, dict, table or json');
  return {
    format,
    time: timeFormat(uses, format),
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
