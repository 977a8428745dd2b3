import { clone, create, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { encodeRows } from '../../proto/flow/aggregate/encode-rows.ts';
import { FlowAggregator, maskOfKeys } from '../../proto/flow/aggregate/flow-aggregator.ts';
import { FLOWS } from '../../proto/flow/aggregate/row-measures.ts';
import { RowTable } from '../../proto/flow/aggregate/row-table.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import { nothingPrinted, type PrintedText } from '../../proto/flow/text/print-options.ts';
import { GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import type { Settings } from '../settings/settings.ts';
import type { AggregatePlan } from './aggregate-plan.ts';
import type { RowView } from './aggregate-printer.ts';
import { printFile } from './print-file.ts';
import { printStream } from './print-stream.ts';

const MAX_ROWS = 65_536;
const DEFAULT_INTERVAL_MS = 1000;

/** Counts flows as a server does, and gives the rows to a view. */
interface Counter {
  /** Takes an encoded GetFlowsResponse. */
  readonly print: (message: Uint8Array) => PrintedText;
  /** Ends an interval: what the view makes of what was counted since the last one. */
  readonly answer: () => string;
}

function createCounter({ request: { keys } }: AggregatePlan, view: RowView): Counter {
  const table = new RowTable({ keyCount: keys.length, maxRows: MAX_ROWS, rankBy: FLOWS });
  const aggregator = new FlowAggregator(keys, table);
  const peek = createFlowPeek();
  let answeredMs = performance.now();
  return {
    answer: () => {
      const nowMs = performance.now();
      const elapsedUs = Math.round((nowMs - answeredMs) * 1000);
      answeredMs = nowMs;
      const frames = encodeRows({ table, maxRows: MAX_ROWS, elapsedUs });
      table.clear();
      return frames.map((frame) => view.print(frame.subarray(FRAME_PREFIX_BYTES)).out).join('');
    },
    print: (message) => {
      peekFlow(message, 0, message.length, peek);
      // Losses and states of nodes have the same place in both services' responses.
      if (peek.kind !== ENVELOPE_FLOW) return view.print(message);
      aggregator.add(message, 0, message.length);
      return nothingPrinted;
    },
  };
}

/** Calls a function after each interval of a plan that follows; returns what ends that. */
function everyInterval(plan: AggregatePlan, work: () => void): () => void {
  if (!plan.isFollowing) return () => {};
  const timer = setInterval(work, plan.request.intervalMs || DEFAULT_INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Counts the flows of a server that does not (one of Hubble's), and gives the rows to the view as a server would. */
export async function countHere(settings: Settings, plan: AggregatePlan, view: RowView): Promise<number> {
  const { print, answer } = createCounter(plan, view);
  const request = clone(GetFlowsRequestSchema, plan.flows);
  request.fieldMask = create(FieldMaskSchema, { paths: maskOfKeys(plan.request.keys) });
  const stop = everyInterval(plan, () => process.stdout.write(answer()));
  return printStream(settings, {
    path: '/observer.Observer/GetFlows',
    request: toBinary(GetFlowsRequestSchema, request),
    silent: plan.isSilent,
    print,
    end: () => {
      stop();
      return answer() + view.end();
    },
  });
}

/** Counts the flows of a file, or of stdin. Nothing is told of a file that could not be read to its end: half a count would be taken for a whole one. */
export async function countFile(plan: AggregatePlan, view: RowView): Promise<number> {
  const { print, answer } = createCounter(plan, view);
  const stop = everyInterval(plan, () => process.stdout.write(answer()));
  return printFile(plan.inputFile, {
    request: plan.flows,
    silent: plan.isSilent,
    print,
    tick: () => nothingPrinted,
    end: (isWhole) => {
      stop();
      return { out: isWhole || plan.isFollowing ? answer() + view.end() : '', err: '' };
    },
  });
}
