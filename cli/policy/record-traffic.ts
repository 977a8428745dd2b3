import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { parseTimeInput } from '../../flags/observe/time-input.ts';
import { recorderMask, type TrafficCounts, type TrafficRecorder } from '../../policy/index.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { createFlowPeek, ENVELOPE_NODE_STATUS, peekFlow } from '../../proto/flow/peek-flow.ts';
import { nothingPrinted } from '../../proto/flow/text/print-options.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { AggregateFlowsResponseSchema } from '../../proto/gen/sluice/v1/aggregation_pb.ts';
import { noticeText } from '../observe/aggregate-notices.ts';
import { allFilters } from '../observe/aggregate-observe.ts';
import { checkFileAlone } from '../observe/input-file-flag.ts';
import { printFile } from '../observe/print-file.ts';
import { printStream } from '../observe/print-stream.ts';
import { loadSettings } from '../server/with-server.ts';

const EVERYTHING = 2n ** 64n - 1n;

/**
 * Has a recorder take the flows that a command line asks for, of a server or a file; then prints what `report` gives. Nothing is reported of a source that failed midway: half a
 * record would be taken for a whole one.
 */
export async function recordTraffic(
  uses: readonly FlagUse[],
  recorder: TrafficRecorder,
  report: () => string,
): Promise<void> {
  const settings = await loadSettings(uses);
  const nowMs = Date.now();
  const time = (name: 'since' | 'until') => {
    const text = lastText(uses, name) ?? '';
    return text === '' ? {} : { [name]: parseTimeInput(`--${name}`, text, nowMs) };
  };
  const times = { ...time('since'), ...time('until') };
  const request = create(GetFlowsRequestSchema, {
    ...times,
    ...allFilters(uses, settings),
    number: Object.keys(times).length === 0 ? EVERYTHING : 0n,
    fieldMask: { paths: [...recorderMask] },
  });
  const peek = createFlowPeek();
  const take = (message: Uint8Array) => {
    peekFlow(message, 0, message.length, peek);
    if (peek.kind === ENVELOPE_NODE_STATUS) {
      // States of nodes have the same place in the responses of both services.
      const notice = noticeText(fromBinary(AggregateFlowsResponseSchema, message));
      return { out: '', err: notice === '' ? '' : `${notice}\n` };
    }
    recorder.add(message, 0, message.length);
    return nothingPrinted;
  };
  const end = (isWhole: boolean) =>
    isWhole ? { out: report(), err: lossNotes(recorder.counts) } : nothingPrinted;
  const file = lastText(uses, 'input-file') ?? '';
  checkFileAlone(file, settings);
  if (file !== '') {
    delete request.fieldMask; // nothing is saved by it here
    await printFile(file, { request, silent: false, print: take, tick: () => nothingPrinted, end });
    return;
  }
  await printStream(settings, {
    path: '/observer.Observer/GetFlows',
    request: toBinary(GetFlowsRequestSchema, request),
    silent: false,
    print: take,
    end,
  });
}

/** What is missing from a record, a line each. */
function lossNotes({ lost, beyond, malformed }: TrafficCounts): string {
  const lines = [
    ...(lost > 0n ? [`${groupDigits(lost)} events of that time were lost before they became flows`] : []),
    ...(beyond > 0
      ? [`${groupDigits(beyond)} flows were left out: there are more conversations than are told apart`]
      : []),
    ...(malformed > 0 ? [`${groupDigits(malformed)} messages could not be read`] : []),
  ];
  return lines.map((line) => `warning: ${line}\n`).join('');
}

/** What the flows were that nothing was said about; empty for none. */
export function skippedText({ skipped, recorded, flows }: TrafficCounts): string {
  const parts = (
    [
      [skipped.reply, 'replies'],
      [skipped.otherEvent, 'other kinds of events'],
      [skipped.exempt, 'never asked about'],
      [skipped.otherDrop, 'dropped for other reasons'],
      [skipped.noDirection, 'of unknown direction'],
      [skipped.noPorts, 'of unknown protocol or address'],
    ] as const
  ).filter(([count]) => count > 0);
  const rest =
    parts.length === 0
      ? ''
      : `; not ${parts.map(([count, what]) => `${groupDigits(count)} ${what}`).join(', ')}`;
  return `${groupDigits(recorded)} of ${groupDigits(flows)} flows were judged${rest}.\n`;
}
