export { type AggregateQuery, parseAggregateRequest } from './aggregate/aggregate-request.ts';
export { countFrames } from './aggregate/count-frames.ts';
export { RowStream, SIGN_OF_LIFE_MS } from './aggregate/row-stream.ts';
export {
  type FlowSelection,
  type FrameSink,
  readFlows,
  type ReaderContext,
  type TimePoint,
} from './flow-reader.ts';
export { parseFlowsRequest, timePoint } from './flow-request.ts';
export { FlowRing, type FlowRingOptions, type RingRun } from './flow-ring.ts';
export { LossLedger, lostEventSource } from './loss-ledger.ts';
export { lostEventBatch, lostEventFrame, type LossNotice } from './lost-event-frame.ts';
