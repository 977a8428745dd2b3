import { loadTopicReader, type TopicRange } from '../../exporter/index.ts';
import type { Topic } from './topic-flags.ts';
import type { PrintedText } from '../../proto/flow/text/print-options.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { createFlowPeek, peekFlow, timeUsOf } from '../../proto/flow/peek-flow.ts';
import type { GetFlowsRequest } from '../../proto/gen/observer/observer_pb.ts';
import { Output } from '../output.ts';
import { ResponseSelection } from './file/response-selection.ts';
import type { PrintedFile } from './print-file.ts';

const TICK_MS = 1000;
/** So many records are put in the order of their time before they are printed. */
const MAX_SORTED = 100_000;
const ALL = 2n ** 64n - 1n;

/** From where a topic is read for a request: where there are no filters and no times, its end is enough. */
function rangeOf({
  number,
  first,
  follow,
  since,
  until,
  whitelist,
  blacklist,
}: GetFlowsRequest): Pick<TopicRange, 'sinceMs' | 'last' | 'follow'> {
  if (since !== undefined)
    return { sinceMs: Number(since.seconds) * 1000 + Math.floor(since.nanos / 1e6), follow };
  const isPlain = until === undefined && whitelist.length === 0 && blacklist.length === 0;
  if (follow && number === 0n) return { last: 0, follow };
  return isPlain && !first && number !== ALL && number > 0n ? { last: Number(number), follow } : { follow };
}

/** `sluice observe --kafka`: prints what a request selects from a topic. An interrupt ends it, which is a success. */
export async function printTopic(
  place: Topic,
  { request, silent, print, tick, end }: PrintedFile,
): Promise<number> {
  const output = new Output();
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  output.closed.addEventListener('abort', () => stop.abort());
  let out = '';
  const flush = (): void | Promise<void> => {
    const text = out;
    out = '';
    return output.write(text, stop.signal);
  };
  const add = (printed: PrintedText): void => {
    if (printed.err !== '' && !silent) process.stderr.write(printed.err);
    out += printed.out;
  };
  const range = rangeOf(request);
  // What follows is selected as it comes: the last of what is there, and then all.
  const selected = range.follow && !request.first ? { ...request, number: 0n } : request;
  const selection = new ResponseSelection(selected, (message) => add(print(message)));
  const sorted = range.last !== undefined && range.last > 0 && !range.follow ? new Sorted() : null;
  const timer = setInterval(() => {
    add(tick());
    void flush();
  }, TICK_MS);
  let isWhole = false;
  try {
    const readTopic = await loadTopicReader();
    await readTopic(
      { ...place, ...range },
      {
        signal: stop.signal,
        take: (message) => sorted?.add(message) === true || selection.add(message, message.length),
        onMalformed: (where, reason) => {
          if (!silent) process.stderr.write(escapeTerminal(`${where}: ${reason}\n`, false));
        },
        afterBatch: flush,
      },
    );
    isWhole = true;
  } finally {
    clearInterval(timer);
    for (const message of sorted?.messages() ?? []) selection.add(message, message.length);
    selection.end();
    add(end(isWhole));
    await flush();
  }
  if (stop.signal.aborted) output.finish();
  return 0;
}

/** Messages in the order of their time. */
class Sorted {
  private readonly list: { readonly timeUs: number; readonly message: Uint8Array }[] = [];
  private readonly peek = createFlowPeek();

  /** False when there are too many. Throws WireError for what is no message. */
  add(message: Uint8Array): boolean {
    if (this.list.length >= MAX_SORTED) return false;
    peekFlow(message, 0, message.length, this.peek);
    this.list.push({ timeUs: timeUsOf(this.peek.seconds, this.peek.nanos), message });
    return true;
  }

  messages(): Uint8Array[] {
    return this.list.sort((a, b) => a.timeUs - b.timeUs).map(({ message }) => message);
  }
}
