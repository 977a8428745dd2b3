/**
 * Run as a child process: serves so many flows over GetFlows, as fast as they are taken, to every call, and then none.
 *   usage: node flow-source.ts SOCKET FLOWS [unique]     unique: no two flows have the same uuid
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { frameMessage } from '../../proto/flow/frame.ts';
import { createRpcServer, type RawCall } from '../../rpc/index.ts';
import { mixedFlows } from './mixed-flows.ts';
import { uniqueFlows } from './unique-flows.ts';

const [socket, flowsText, unique] = process.argv.slice(2);
const flows = Number(flowsText);
const DISTINCT = 20_000;
/** Of a cluster of some hundred nodes. */
const PODS = 3000;
const CHUNK_FLOWS = 100;

const frames = mixedFlows(DISTINCT, PODS).map(frameMessage);
const chunks = Array.from({ length: DISTINCT / CHUNK_FLOWS }, (_, i) =>
  Buffer.concat(frames.slice(i * CHUNK_FLOWS, (i + 1) * CHUNK_FLOWS)),
);

async function getFlows(call: RawCall): Promise<void> {
  for (let i = 0; i < flows / CHUNK_FLOWS && !call.signal.aborted; i++) {
    const chunk =
      unique === undefined
        ? chunks[i % chunks.length]
        : uniqueFlows(frames, i * CHUNK_FLOWS, CHUNK_FLOWS).bytes;
    if (!call.write(chunk)) await call.drained();
  }
  call.flush();
  while (!call.signal.aborted) await sleep(50);
}

await createRpcServer({
  listen: [{ kind: 'unix', path: socket }],
  rawStreams: new Map([['/observer.Observer/GetFlows', getFlows]]),
});
process.send?.('ready');
process.on('disconnect', () => process.exit());
