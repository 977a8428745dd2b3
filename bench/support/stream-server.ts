/**
 * Run as a child process: serves the same flows without end, by our server and by grpc-js, each on a Unix socket in the directory given. Tells its parent when it is
 * ready, and its CPU seconds when asked.
 */
import * as grpc from '@grpc/grpc-js';
import { FlowRing, LossLedger, parseFlowsRequest, readFlows } from '../../history/index.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createRpcServer, type RawCall } from '../../rpc/index.ts';
import { cpuSeconds } from '../report.ts';
import { sampleBatch } from './sample-batch.ts';

const directory = process.argv[2];
const batch = sampleBatch(4096);
const identity = {
  serialize: (bytes: Buffer): Buffer => bytes,
  deserialize: (bytes: Buffer): Buffer => bytes,
};

/** From history, round and round: each call reads a ring from start to end, again and again. */
async function getFlows(call: RawCall): Promise<void> {
  const ring = new FlowRing({ capacity: batch.count, maxBytes: 1 << 30 });
  ring.append(batch);
  const { selection } = parseFlowsRequest(call.request);
  const context = { nodeName: 'bench', ledger: new LossLedger() };
  while (!call.signal.aborted) await readFlows(ring, selection, call, context);
}

/** As gRPC libraries do it: message by message. */
function getFlowsByLibrary(call: grpc.ServerWritableStream<Buffer, Buffer>): void {
  const messages = Array.from({ length: batch.count }, (_, i) =>
    Buffer.from(batch.bytes.subarray(batch.offsets[i] + FRAME_PREFIX_BYTES, batch.offsets[i + 1])),
  );
  let next = 0;
  const writeOn = (): void => {
    while (!call.cancelled && call.write(messages[next++ % messages.length]));
    if (!call.cancelled) call.once('drain', writeOn);
  };
  writeOn();
}

await createRpcServer({
  listen: [{ kind: 'unix', path: `${directory}/ours.sock` }],
  rawStreams: new Map([['/observer.Observer/GetFlows', getFlows]]),
});
const library = new grpc.Server();
library.addService(
  {
    getFlows: {
      path: '/observer.Observer/GetFlows',
      requestStream: false,
      responseStream: true,
      requestSerialize: identity.serialize,
      requestDeserialize: identity.deserialize,
      responseSerialize: identity.serialize,
      responseDeserialize: identity.deserialize,
    },
  },
  { getFlows: getFlowsByLibrary },
);
library.bindAsync(`unix://${directory}/library.sock`, grpc.ServerCredentials.createInsecure(), () => {
  process.send?.('ready');
});
process.on('message', () => process.send?.(cpuSeconds()));
process.on('disconnect', () => process.exit());
