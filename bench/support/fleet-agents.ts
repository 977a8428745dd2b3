/**
 * A process that stands for a fleet of agents: small ones, that replay recorded flows one at a time, and restart when told.
 *   usage: node fleet-agents.ts DIR FIRST COUNT FLOWS_PER_SECOND_OF_ALL
 * Agent i serves on DIR/i.sock under the name east/node<i>. To `stop` it answers with the number of flows sent live. To `restart MS` it answers when each agent was
 * restarted once, at a time of its own within MS, as a new process would come up: connections cut, history gone, away for a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFlowsRequest } from '../../history/index.ts';
import { FlowEncoder } from '../../proto/flow/encode-flow.ts';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { Diagnostics } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { createRpcServer, parseAddress, type RawCall, type RpcServer } from '../../rpc/index.ts';
import { sampleEndpoint, sampleRecord } from './sample-flows.ts';

const [dir, first, count, rate] = process.argv.slice(2);
const flowsPerSecond = Number(rate);
const TICK_MS = 50;
const AWAY_MS = 1000;
/** Flows that each agent has stored. */
const HISTORY_FLOWS = 100;
const MAX_FRAME_BYTES = 4096;

interface Agent {
  readonly index: number;
  readonly nodeName: string;
  readonly followers: Set<RawCall>;
  startedMs: number;
  server: RpcServer | null;
}

let sent = 0;
let isStopped = false;
const record = sampleRecord(1);
record.source = sampleEndpoint(1);
record.destination = sampleEndpoint(2);
const scratch = new Uint8Array(MAX_FRAME_BYTES);

function frame(encoder: FlowEncoder, timeMs: number): Uint8Array {
  record.seconds = Math.floor(timeMs / 1000);
  record.nanos = Math.floor((timeMs % 1000) * 1e6);
  return scratch.slice(0, encoder.encode(record, scratch, 0));
}

const encoders = new Map<number, FlowEncoder>();
function encoderOf({ index, nodeName }: Agent): FlowEncoder {
  let encoder = encoders.get(index);
  if (encoder === undefined) {
    const emitter = { name: 'Sluice', version: '0.1.0' };
    encoder = new FlowEncoder({
      nodeName,
      nodeLabels: [],
      emitter,
      seed: Uint32Array.of(index + 1, 2, 3, 4),
    });
    encoders.set(index, encoder);
  }
  return encoder;
}

async function getFlows(agent: Agent, call: RawCall): Promise<void> {
  const { follow, number } = parseFlowsRequest(call.request).selection;
  call.flush();
  if (!follow) {
    const flows = Math.min(HISTORY_FLOWS, number === 0 ? HISTORY_FLOWS : number);
    const nowMs = Date.now();
    for (let i = flows; i > 0; i--) {
      if (!call.write(frame(encoderOf(agent), nowMs - 1000 - i * 10 - Math.random()))) await call.drained();
    }
    return;
  }
  agent.followers.add(call);
  await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
  agent.followers.delete(call);
}

async function startAgent(agent: Agent): Promise<void> {
  agent.startedMs = performance.now();
  agent.server = await createRpcServer({
    listen: [parseAddress(`unix://${dir}/${agent.index}.sock`)],
    rawStreams: new Map([['/observer.Observer/GetFlows', (call: RawCall) => getFlows(agent, call)]]),
    routes: (router) => {
      router.service(Observer, {
        serverStatus: () => ({
          version: 'sluice v0.1.0',
          uptimeNs: BigInt(Math.round((performance.now() - agent.startedMs) * 1e6)),
        }),
      });
      router.service(Diagnostics, {
        getStatus: () => ({ nodes: [{ nodeName: agent.nodeName, component: 'agent' }] }),
      });
    },
  });
}

const agents = Array.from({ length: Number(count) }, (_, i): Agent => ({
  index: Number(first) + i,
  nodeName: `east/node${Number(first) + i}`,
  followers: new Set(),
  startedMs: 0,
  server: null,
}));

/** Gives each agent its turn to send a flow, at the rate of all. */
function replay(): void {
  const startMs = performance.now();
  let due = 0;
  let turn = 0;
  setInterval(() => {
    if (isStopped) return;
    const target = ((performance.now() - startMs) / 1000) * flowsPerSecond;
    for (; due < target; due++) {
      const agent = agents[turn++ % agents.length];
      if (agent.followers.size === 0) continue;
      const bytes = frame(encoderOf(agent), Date.now());
      for (const call of agent.followers) {
        if (call.signal.aborted) continue;
        call.write(bytes);
        sent++;
      }
    }
  }, TICK_MS);
}

async function restart(agent: Agent, withinMs: number): Promise<void> {
  await sleep(Math.random() * Math.max(0, withinMs - AWAY_MS));
  await agent.server?.close(0);
  await sleep(AWAY_MS);
  await startAgent(agent);
}

process.on('message', (message: string) => {
  const [word, ms] = message.split(' ');
  if (word === 'stop') {
    isStopped = true;
    setTimeout(() => process.send?.(sent), 100);
  } else {
    void Promise.all(agents.map((agent) => restart(agent, Number(ms)))).then(() =>
      process.send?.('restarted'),
    );
  }
});

for (const agent of agents) await startAgent(agent);
replay();
process.send?.('ready');
