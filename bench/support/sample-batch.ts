import { FlowEncoder } from '../../proto/flow/encode-flow.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FrameSplitter } from '../../proto/flow/frame.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';
import { sampleEndpoint, sampleRecord } from './sample-flows.ts';

const PODS = 512;
/** Room for the largest sample flow. */
const MAX_FRAME_BYTES = 4096;

/** Flows of a fleet's usual kind, encoded by the agent's encoder, as one batch. */
export function sampleBatch(count: number): FlowBatch {
  const endpoints = Array.from({ length: PODS }, (_, i) => sampleEndpoint(i));
  const encoder = new FlowEncoder({
    nodeName: 'east/node1',
    nodeLabels: ['kubernetes.io/os=linux'],
    emitter: { name: 'Sluice', version: '0.1.0' },
    seed: Uint32Array.of(1, 2, 3, 4),
  });
  const out = new Uint8Array(MAX_FRAME_BYTES);
  const frames = Array.from({ length: count }, (_, i) => {
    const record = sampleRecord(i);
    record.source = endpoints[i % PODS];
    record.destination = endpoints[(i * 7 + 1) % PODS];
    return out.slice(0, encoder.encode(record, out, 0));
  });
  const run = new FrameSplitter().push(Buffer.concat(frames));
  if (run === null) throw new Error('a batch of no flows');
  return withTimes(run);
}
