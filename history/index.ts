export { type AggregateQuery, parseAggregateRequest } from './aggregate/aggregate-request.ts';
export { addStoredRows, aggregateHistory } from './aggregate/aggregate-history.ts';
export { countFrames } from './aggregate/count-frames.ts';
export { RowStream, SIGN_OF_LIFE_MS } from './aggregate/row-stream.ts';
export {
  type FlowSelection,
  type FrameSink,
  readFlows,
  type ReaderContext,
  type TimePoint,
} from './flow-reader.ts';
export { type History, readHistory, readHistoryParts, type StoredPart } from './read-history.ts';
export { DamageTally } from './store/damage-tally.ts';
export { FlowStore, type FlowStoreOptions, type StoreLog, type StoreState } from './store/flow-store.ts';
export { RingFeed } from './store/ring-feed.ts';
export { type StoreBounds } from './store/write/store-writer.ts';
export { storeReport } from './store/store-report.ts';
export { parseFlowsRequest, timePoint } from './flow-request.ts';
export { FlowRing, type FlowRingOptions, type RingRun } from './flow-ring.ts';
export { LossLedger, lostEventSource } from './loss-ledger.ts';
export { lostEventBatch, lostEventFrame, type LossNotice } from './lost-event-frame.ts';
