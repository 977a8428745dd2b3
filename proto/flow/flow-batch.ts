/**
 * A run of flows as bytes, the form in which flows travel inside a process and on the wire alike.
 *
 * `bytes` holds `count` length-prefixed gRPC messages back to back, each a `GetFlowsResponse`:
 *
 *     0x00 | length (u32, big-endian) | message        ← frame i, from offsets[i] to offsets[i + 1]
 *
 * so that a batch, or any run of its frames, can be written to a gRPC stream as it stands. Batches are immutable once handed on.
 */
export interface FlowBatch {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** `count + 1` used entries: where each frame's 5-byte prefix starts; the last is where the batch ends. */
  readonly offsets: Uint32Array;
  /** `count` used entries: each frame's envelope time in whole microseconds since the Unix epoch, rounded down. */
  readonly timesUs: Float64Array;
}
