import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FrameSink, lostEventFrame } from '../../../history/index.ts';
import type { FlowBatch } from '../../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES, frameMessage, FrameSplitter } from '../../../proto/flow/frame.ts';
import { withTimes } from '../../../proto/flow/peek-flow.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';

/** Tests' times count from here, in nanoseconds. */
const BASE_NS = 1_700_000_000_000_000_000n;

/** A point in time so many nanoseconds behind the base. */
export function pointAt(ns: number): { seconds: number; nanos: number } {
  const at = BASE_NS + BigInt(ns);
  return { seconds: Number(at / 1_000_000_000n), nanos: Number(at % 1_000_000_000n) };
}

/** An entry of a history: a flow with a number, or a notice of five lost events. */
export interface TestEntry {
  readonly number: number;
  readonly ns: number;
  readonly isLost: boolean;
}

function entryFrame({ number, ns, isLost }: TestEntry): Uint8Array {
  if (isLost) {
    // Its time is of no importance, which an absurd one shows.
    return lostEventFrame({ source: 1, events: 5, nodeName: 'n', firstMs: 0, lastMs: 0 }, 86_400_000);
  }
  const { seconds, nanos } = pointAt(ns);
  const message = create(GetFlowsResponseSchema, {
    responseTypes: { case: 'flow', value: { uuid: String(number), verdict: number % 2 === 0 ? 1 : 2 } },
    time: { seconds: BigInt(seconds), nanos },
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, message));
}

/** Entries as one batch. */
export function batchOf(entries: readonly TestEntry[]): FlowBatch {
  const run = new FrameSplitter().push(Buffer.concat(entries.map(entryFrame)));
  if (run === null) throw new Error('a batch of no entries');
  return withTimes(run);
}

/** Flows with the numbers from `from` on, each as many nanoseconds behind the base as its number says. */
export function flows(from: number, count: number): FlowBatch {
  return batchOf(
    Array.from({ length: count }, (_, i) => ({ number: from + i, ns: (from + i) * 1000, isLost: false })),
  );
}

/** Filter of flows with an even number. */
export function isEven(bytes: Uint8Array, start: number, end: number): boolean {
  const { value } = fromBinary(GetFlowsResponseSchema, bytes.subarray(start, end)).responseTypes;
  return (value as { verdict: number }).verdict === 1;
}

/** What a sink got: `'12'` for flow 12, `'lost 5'` for a notice of five lost events. */
export function textsOf(chunks: readonly Uint8Array[]): string[] {
  const run = new FrameSplitter().push(Buffer.concat(chunks));
  if (run === null) return [];
  const texts: string[] = [];
  for (let i = 0; i < run.count; i++) {
    const message = run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]);
    const { case: kind, value } = fromBinary(GetFlowsResponseSchema, message).responseTypes;
    if (kind === 'flow') texts.push(value.uuid);
    else texts.push(kind === 'lostEvents' ? `lost ${value.numEventsLost}` : String(kind));
  }
  return texts;
}

/** A sink that keeps copies of what it gets, and of which the test says when it takes more. */
export interface TestSink extends FrameSink {
  readonly chunks: Uint8Array[];
  readonly abort: AbortController;
  /** Whether writes are answered with "no more for now". */
  isFull: boolean;
  /** Takes more: lets a waiting writer go on. */
  take(): void;
}

export function createTestSink(): TestSink {
  const abort = new AbortController();
  let waiting = (): void => {};
  const sink: TestSink = {
    chunks: [],
    abort,
    isFull: false,
    signal: abort.signal,
    write: (frames) => {
      sink.chunks.push(frames.slice());
      return !sink.isFull;
    },
    drained: () =>
      new Promise((resolve) => {
        waiting = resolve;
        abort.signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    flush: () => {},
    take: () => {
      waiting();
      waiting = () => {};
    },
  };
  return sink;
}

/** Lets everything that is due in this turn of the event loop happen. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
