/**
 * A process that stands for many agents: it serves GetFlows on as many sockets and replays encoded flows with times that advance.
 *   usage: node replay-agents.ts DIR PEERS SIZE [FLOWS_PER_SECOND_OF_ALL]
 * Their addresses are written to DIR/peers.json. With certificates in DIR/tls they serve mTLS on TCP. Filters are honoured.
 * SIZE is `large` (flows as in a fleet, some 720 bytes) or `small` (one label to an endpoint, some 330 bytes). Without a rate: as fast as the relay takes them.
 * The message 'stop' ends the replay; it is answered with the number of flows sent.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseFlowsRequest } from '../../history/index.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { FlowEncoder } from '../../proto/flow/encode-flow.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createRpcServer, formatAddress, parseAddress, type RawCall } from '../../rpc/index.ts';
import { sampleEndpoint, sampleRecord, smallEndpoint } from './sample-flows.ts';

const [dir, peersText, size, rateText] = process.argv.slice(2);
const peers = Number(peersText);
const flowsPerSecond = rateText === undefined ? null : Number(rateText);
const FRAMES = 128;
const FLUSH_MS = 20;

let sent = 0;
/** Set once, from outside: no more is to be sent. */
const replay = { isStopped: false };
process.on('message', (message) => {
  if (message !== 'stop') return;
  replay.isStopped = true;
  // What was gathered goes out at the end of this turn.
  setTimeout(() => process.send?.(sent), 100);
});

/** Frames back to back, and where each one's envelope time stands. */
interface Template {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

/** Envelope time with varints padded to five bytes each, so that it can be patched in place: tag, length 12, seconds, nanos. */
const TIME_BYTES = 12;

function buildTemplate(peer: number): Template {
  const encoder = new FlowEncoder({
    nodeName: `east/node${peer}`,
    nodeLabels: [],
    emitter: { name: 'Sluice', version: '0.1.0' },
    seed: Uint32Array.of(peer + 1, 2, 3, 4),
  });
  const scratch = new Uint8Array(8192);
  const frames: Uint8Array[] = [];
  for (let i = 0; i < FRAMES; i++) {
    const record = sampleRecord(i + peer * 131);
    const endpoint = size === 'small' ? smallEndpoint : sampleEndpoint;
    record.source = endpoint(i + peer * 17);
    record.destination = endpoint(i * 3 + peer);
    // Zero time leaves the envelope's time empty: its place is taken by one of fixed size.
    record.seconds = 0;
    record.nanos = 0;
    const end = encoder.encode(record, scratch, 0);
    const frame = new Uint8Array(end + TIME_BYTES);
    frame.set(scratch.subarray(0, end));
    frame[end - 1] = TIME_BYTES;
    frame[end] = 0x08;
    frame[end + 6] = 0x10;
    new DataView(frame.buffer).setUint32(1, frame.length - 5);
    frames.push(frame);
  }
  return joinFrames(frames);
}

function joinFrames(frames: readonly Uint8Array[]): Template {
  let total = 0;
  const ends = frames.map((frame) => (total += frame.length));
  return { bytes: Buffer.concat(frames), ends };
}

function putPadded(out: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) {
    out[at + i] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  out[at + 4] = value;
}

/** Copies the first `count` frames with times that start at `us` and advance by `stepUs`. */
function stamp(template: Template, count: number, us: number, stepUs: number): Uint8Array {
  // A copy, which `slice` of a Buffer is not.
  const out = new Uint8Array(template.bytes.subarray(0, template.ends[count - 1]));
  for (let i = 0; i < count; i++) {
    const at = template.ends[i] - TIME_BYTES;
    const time = us + i * stepUs;
    putPadded(out, at + 1, Math.floor(time / 1e6));
    putPadded(out, at + 7, Math.floor((time % 1e6) * 1000));
  }
  return out;
}

/** As much as is taken, with the times of the clock: what one write holds happened since the one before it. */
async function saturate(call: RawCall, template: Template): Promise<void> {
  const { length } = template.ends;
  let us = clockUs();
  while (!call.signal.aborted && !replay.isStopped) {
    const stepUs = Math.max(1, Math.floor((clockUs() - us) / length));
    sent += length;
    if (!call.write(stamp(template, length, us, stepUs))) await call.drained();
    us += length * stepUs;
  }
}

function clockUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

async function pace(call: RawCall, template: Template, perSecond: number): Promise<void> {
  const start = performance.now();
  let paced = 0;
  let us = 0;
  // Flushes of many agents do not fall together.
  await new Promise((resolve) => setTimeout(resolve, Math.random() * FLUSH_MS));
  while (!call.signal.aborted && !replay.isStopped) {
    let due = Math.floor(((performance.now() - start) / 1000) * perSecond) - paced;
    while (due > 0 && !replay.isStopped) {
      const count = Math.min(due, template.ends.length);
      // Never at or before the time of the flow before: an agent's own flows are in order.
      us = Math.max(us + 1, clockUs() - count);
      const mayGoOn = call.write(stamp(template, count, us, 1));
      us += count - 1;
      sent += count;
      paced += count;
      due -= count;
      if (!mayGoOn) await call.drained();
    }
    call.flush();
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
  }
}

/** What of a template a request's filter lets through. */
function select(template: Template, request: Uint8Array): Template {
  const { matches } = parseFlowsRequest(request).selection;
  if (matches === null) return template;
  const frames: Uint8Array[] = [];
  // Without times the frames are no messages yet.
  const bytes = stamp(template, template.ends.length, clockUs(), 1);
  for (const [i, end] of template.ends.entries()) {
    const start = i === 0 ? 0 : template.ends[i - 1];
    if (matches(bytes, start + FRAME_PREFIX_BYTES, end)) frames.push(bytes.subarray(start, end));
  }
  return joinFrames(frames);
}

async function getFlows(call: RawCall, template: Template): Promise<void> {
  const selected = select(template, call.request);
  if (selected.ends.length === 0) {
    call.flush();
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
  } else if (flowsPerSecond === null) await saturate(call, selected);
  else await pace(call, selected, ((flowsPerSecond / peers) * selected.ends.length) / FRAMES);
}

const tlsDir = join(dir, 'tls');
const hasTls = existsSync(tlsDir);
const addresses: string[] = [];
for (let peer = 0; peer < peers; peer++) {
  const template = buildTemplate(peer);
  const server = await createRpcServer({
    listen: [parseAddress(hasTls ? 'tls://127.0.0.1:0' : `unix://${dir}/agent-${peer}.sock`)],
    ...(hasTls && {
      tls: {
        certFile: join(tlsDir, 'agents/east.crt'),
        keyFile: join(tlsDir, 'agents/east.key'),
        clientCaFiles: [join(tlsDir, 'ca.crt')],
      },
    }),
    rawStreams: new Map([['/observer.Observer/GetFlows', (call: RawCall) => getFlows(call, template)]]),
    routes: (router) => {
      router.service(Observer, { serverStatus: () => ({ version: 'sluice v0.1.0' }) });
    },
  });
  addresses.push(...server.addresses.map(formatAddress));
}
writeFileSync(join(dir, 'peers.json'), JSON.stringify(addresses));
process.send?.('ready');
