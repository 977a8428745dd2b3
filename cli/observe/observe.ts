import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { type OutputFormat, ResponsePrinter } from '../../proto/flow/text/response-printer.ts';
import { coloured, escapeTerminal, plain } from '../../proto/flow/text/terminal.ts';
import { compileTimeFormat, timeFormatNames } from '../../proto/flow/text/time-text.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { RpcCode, RpcError } from '../../rpc/index.ts';
import { type Command, type Invocation, lastText } from '../command.ts';
import { type FlagSpec, type FlagUse, UsageError } from '../flags/flag-spec.ts';
import { parseBool } from '../flags/parse-value.ts';
import { Output } from '../output.ts';
import { connectServer, isDebug } from '../server-flags.ts';
import { filterFlags } from './filter-flags.ts';
import { buildRequest, selectionFlags } from './selection.ts';

const group = 'Output';
const formatFlags: readonly FlagSpec[] = [
  {
    name: 'output',
    short: 'o',
    kind: 'string',
    value: 'FORMAT',
    group,
    help: 'compact: a line each; dict: a line per field; table (or tab): aligned, at the end; json (or jsonpb): an object a line.',
    default: 'compact',
  },
  {
    name: 'time-format',
    kind: 'string',
    value: 'FORMAT',
    group,
    help: `${timeFormatNames.join(', ')}.`,
    default: 'StampMilli',
  },
  { name: 'print-node-name', kind: 'bool', group, help: 'Show the node that saw the flow.' },
  { name: 'print-policy-names', kind: 'bool', group, help: 'Show the policies behind a policy verdict.' },
  { name: 'ip-translation', kind: 'bool', group, help: 'Names instead of addresses.', default: 'true' },
  { name: 'numeric', kind: 'bool', group, help: 'Addresses instead of names.' },
  { name: 'color', kind: 'string', value: 'WHEN', group, help: 'auto, always or never.', default: 'auto' },
  { name: 'silent-errors', short: 's', kind: 'bool', group, help: 'Keep quiet about nodes in trouble.' },
];

const formats: Readonly<Record<string, OutputFormat>> = {
  compact: 'compact',
  dict: 'dict',
  table: 'table',
  tab: 'table',
  json: 'json',
  JSON: 'json',
  jsonpb: 'json',
};

function isSet(uses: readonly FlagUse[], name: string, fallback = false): boolean {
  const text = lastText(uses, name);
  return text === undefined ? fallback : parseBool(`--${name}`, text);
}

function wantsColour(uses: readonly FlagUse[], format: OutputFormat): boolean {
  if (format !== 'compact' && format !== 'dict') return false;
  switch ((lastText(uses, 'color') ?? 'auto').toLowerCase()) {
    case 'always':
      return true;
    case 'never':
      return false;
    default:
      return process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  }
}

async function observe({ uses }: Invocation): Promise<number> {
  const request = buildRequest(uses, Date.now());
  const formatText = lastText(uses, 'output') ?? 'compact';
  const format = Object.hasOwn(formats, formatText) ? formats[formatText] : undefined;
  if (format === undefined) {
    throw new UsageError(
      `invalid value "${formatText}" for --output: expected compact, dict, table, json or jsonpb`,
    );
  }
  if (format === 'table' && request.follow) {
    throw new UsageError(
      '--output table and --follow cannot be used together: a table is aligned at its end',
    );
  }
  const colour = wantsColour(uses, format);
  const silent = isSet(uses, 'silent-errors');
  const printer = new ResponsePrinter({
    format,
    time: compileTimeFormat(lastText(uses, 'time-format') ?? 'StampMilli'),
    nodeName: isSet(uses, 'print-node-name'),
    policyNames: isSet(uses, 'print-policy-names'),
    names: isSet(uses, 'ip-translation', true) && !isSet(uses, 'numeric'),
    paint: colour ? coloured : plain,
    allNodeStates: isDebug(uses),
  });
  const safe = (text: string): string => (format === 'json' ? text : escapeTerminal(text, colour));
  const output = new Output();
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  const connection = connectServer(uses);
  const onRun = (run: FrameRun): void | Promise<void> => {
    let out = '';
    for (let i = 0; i < run.count; i++) {
      const message = run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]);
      const printed = printer.print(fromBinary(GetFlowsResponseSchema, message));
      out += printed.out;
      if (printed.err !== '' && !silent) process.stderr.write(safe(printed.err));
    }
    if (output.isClosed) abort.abort();
    return output.write(safe(out));
  };
  try {
    const body = toBinary(GetFlowsRequestSchema, request);
    await connection.stream('/observer.Observer/GetFlows', body, { signal: abort.signal }, onRun);
  } catch (error) {
    const ended = error instanceof RpcError && error.code === RpcCode.Cancelled;
    if (!ended) throw error;
  } finally {
    await output.write(safe(printer.end()));
    connection.close();
  }
  return 0;
}

export const observeCommand: Command = {
  name: 'observe',
  summary: 'Show flows: who talks to whom, and what became of it',
  details: `
Without flags: the newest 20 flows. Filters of different kinds must all match; the same filter given again widens it. A filter about "one end" matches either end.
Exit status: 0 at the end of the stream or after Ctrl-C, 1 for any error.`,
  examples: `  # Follow everything, as it happens
  sluice observe -f

  # What was dropped in the last five minutes, and on which node
  sluice observe --since 5m --verdict DROPPED --print-node-name

  # Traffic of one namespace, except DNS
  sluice observe -f -n booking --not --port 53

  # From the search pods to port 8080, as JSON
  sluice observe --from-pod travel/search --to-port 8080 --last 100 -o json

  # An agent instead of the relay
  sluice observe --server unix:///var/run/sluice/agent.sock --all`,
  flags: [...selectionFlags, ...formatFlags, ...filterFlags],
  run: observe,
};
