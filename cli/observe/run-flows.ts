import { create, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import type { FlowPrintOptions } from '../../proto/flow/text/print-options.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Invocation } from '../command.ts';
import { type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { loadSettings } from '../server/with-server.ts';
import type { Settings } from '../settings/settings.ts';
import { buildFilters } from '../../flags/observe/build-filters.ts';
import { fieldMask } from './field-mask.ts';
import { checkFileAlone } from './input-file-flag.ts';
import { printStream } from './print-stream.ts';
import { topicOf } from './topic-flags.ts';
import { countingSink, printingSink, type SinkOptions } from './flow-sink.ts';
import {
  lossIntervalMs,
  outputFormat,
  policyNames,
  timeFormat,
  wantsColour,
  wantsGroups,
} from './print-settings.ts';
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
    time: timeFormat(uses, format),
    nodeName: isOn(uses, 'print-node-name'),
    policyNames: policyNames(uses),
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
  const file = lastText(uses, 'input-file') ?? '';
  const options: SinkOptions = {
    print,
    isGrouped: wantsGroups(uses, print.format),
    lossIntervalMs: lossIntervalMs(uses, print.format, request.follow && file === '' && process.stdout.isTTY),
  };
  checkFileAlone(file, settings);
  if (isOn(uses, 'print-raw-filters')) {
    process.stdout.write(rawFiltersText(request));
    return 0;
  }
  const isCounted = isOn(uses, 'count');
  // Nothing of the flows is looked at then, so that nothing of them has to come.
  if (isCounted) request.fieldMask = create(FieldMaskSchema, { paths: ['time'] });
  const sink = isCounted ? countingSink(options) : printingSink(options);
  const silent = isOn(uses, 'silent-errors');
  const topic = topicOf(uses);
  if (topic !== null) {
    const { printTopic } = await import('./print-topic.ts');
    return printTopic(topic, { request, silent, ...sink });
  }
  if (file !== '') {
    const { printFile } = await import('./print-file.ts');
    return printFile(file, { request, silent, ...sink });
  }
  return printStream(settings, {
    path: '/observer.Observer/GetFlows',
    request: toBinary(GetFlowsRequestSchema, request),
    silent,
    ...sink,
  });
}
