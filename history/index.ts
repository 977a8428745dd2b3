export {
  type FlowSelection,
  type FrameSink,
  readFlows,
  type ReaderContext,
  type TimePoint,
} from './flow-reader.ts';
export { parseFlowsRequest } from './flow-request.ts';
export { FlowRing, type FlowRingOptions, type RingRun } from './flow-ring.ts';
export { LossLedger, lostEventSource } from './loss-ledger.ts';
export { lostEventBatch, lostEventFrame, type LossNotice } from './lost-event-frame.ts';
