import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FlowPrinter, type FlowPrintOptions } from '../../proto/flow/text/flow-printer.ts';
import type { PrintedText } from '../../proto/flow/text/print-options.ts';
import { compileTimeFormat } from '../../proto/flow/text/time-text.ts';
import {
  type GetFlowsRequest,
  GetFlowsRequestSchema,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { allTexts, type FlagUse, lastText } from '../flags/flag-spec.ts';
import { parseBool } from '../flags/parse-value.ts';
import { loadSettings } from '../server/with-server.ts';
import type { Settings } from '../settings/settings.ts';
import { buildFilters } from './build-filters.ts';
import { fieldMask } from './field-mask.ts';
import { printStream } from './print-stream.ts';
import { outputFormat, wantsColour } from './print-settings.ts';
import { parseRawFilters, rawFiltersText } from './raw-filters.ts';
import { flowSelection } from './selection.ts';

function isOn(uses: readonly FlagUse[], name: string, fallback = 'false'): boolean {
  return parseBool(`--${name}`, lastText(uses, name) ?? fallback);
}

/** The request that a command line and the settings ask for, and the layout of its answers. Throws UsageError for everything that can be wrong without a server. */
export function flowsRequest(
  uses: readonly FlagUse[],
  settings: Settings,
  nowMs: number,
): { request: GetFlowsRequest; print: FlowPrintOptions } {
  const isFile = (lastText(uses, 'input-file') ?? '') !== '';
  const selection = flowSelection(uses, nowMs, isFile);
  const { whitelist, blacklist } = buildFilters(uses);
  // Raw filters widen what the flags ask for: they stand behind, and filters of one list are alternatives.
  whitelist.push(...parseRawFilters('allowlist', settings.list('allowlist')));
  blacklist.push(...parseRawFilters('denylist', settings.list('denylist')));
  const format = outputFormat(uses, selection.follow);
  const paths = [...fieldMask(uses, format)];
  const request = create(GetFlowsRequestSchema, {
    ...selection,
    whitelist,
    blacklist,
    ...(paths.length > 0 && { fieldMask: { paths } }),
  });
  const print: FlowPrintOptions = {
    format,
    time: compileTimeFormat(lastText(uses, 'time-format') ?? 'StampMilli'),
    nodeName: isOn(uses, 'print-node-name'),
    policyNames: isOn(uses, 'print-policy-names'),
    names: isOn(uses, 'ip-translation', 'true') && !isOn(uses, 'numeric'),
    colour: wantsColour(uses, process.stdout.isTTY),
    allNodeStates: settings.bool('debug'),
  };
  return { request, print };
}

/** `sluice observe` and `sluice observe flows`. */
export async function observeFlows({ uses }: Invocation): Promise<number> {
  const settings = await loadSettings(uses);
  const { request, print } = flowsRequest(uses, settings, Date.now());
  if (isOn(uses, 'print-raw-filters')) {
    process.stdout.write(rawFiltersText(request));
    return 0;
  }
  const printer = new FlowPrinter(print);
  const silent = isOn(uses, 'silent-errors');
  const printMessage = (message: Uint8Array): PrintedText =>
    printer.print(fromBinary(GetFlowsResponseSchema, message));
  const file = allTexts(uses, 'input-file').at(-1) ?? '';
  if (file !== '') {
    const { printFile } = await import('./print-file.ts');
    return printFile(file, {
      request,
      silent,
      print: printMessage,
      end: () => ({ out: printer.end(), err: '' }),
    });
  }
  return printStream(settings, {
    path: '/observer.Observer/GetFlows',
    request: toBinary(GetFlowsRequestSchema, request),
    silent,
    print: printMessage,
    end: () => printer.end(),
  });
}
