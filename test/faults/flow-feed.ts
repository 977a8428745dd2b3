import { setTimeout as sleep } from 'node:timers/promises';
import { createRpcServer, type RawCall, type RpcServer } from '../../rpc/index.ts';
import { podFrame } from '../support/build-frames.ts';

const TICK_MS = 20;
const DIGITS = 12;
const UUID = 'b9fab269-04ae-495c-9d12-';

/** A relay's stream of flows at a steady rate, to one client: each has the next number as the end of its uuid. */
export class FlowFeed {
  private readonly server: RpcServer;
  private readonly perTick: number;
  private isOn = false;
  private isOver = false;
  private sent = 0;

  private constructor(server: RpcServer, perTick: number) {
    this.server = server;
    this.perTick = perTick;
  }

  static async start(socket: string, flowsPerSecond: number): Promise<FlowFeed> {
    const served: { feed?: FlowFeed } = {};
    const server = await createRpcServer({
      listen: [{ kind: 'unix', path: socket }],
      rawStreams: new Map([['/observer.Observer/GetFlows', (call: RawCall) => served.feed!.serve(call)]]),
    });
    served.feed = new FlowFeed(server, (flowsPerSecond * TICK_MS) / 1000);
    return served.feed;
  }

  begin(): void {
    this.isOn = true;
  }

  /** Ends the flow; returns how many there were. */
  end(): number {
    this.isOver = true;
    return this.sent;
  }

  async close(): Promise<void> {
    await this.server.close(0);
  }

  private async serve(call: RawCall): Promise<void> {
    call.flush();
    while (!this.isOn && !call.signal.aborted) await sleep(TICK_MS);
    const startedMs = performance.now();
    const before = this.sent;
    while (!this.isOver && !call.signal.aborted) {
      const due = before + ((performance.now() - startedMs) / TICK_MS) * this.perTick;
      const count = Math.min(Math.floor(due - this.sent), this.perTick * 10);
      if (count > 0) {
        const frames = Array.from({ length: count }, () => frameOf(this.sent++));
        if (!call.write(Buffer.concat(frames))) await call.drained();
        call.flush();
      }
      await sleep(TICK_MS);
    }
    while (!call.signal.aborted) await sleep(TICK_MS);
  }
}

/** Frames of a hundred pairs of pods, in which the uuid is written anew. */
const templates = Array.from({ length: 100 }, (_, i) => {
  const uuid = UUID + '0'.repeat(DIGITS);
  const frame = Buffer.from(podFrame(`app${i}-1`, 80, 1, Date.now() - 1_772_615_722_118, { uuid, l4: {} }));
  return { frame, at: frame.indexOf(uuid) + UUID.length };
});

function frameOf(number: number): Buffer {
  const { frame: template, at } = templates[number % templates.length];
  const frame = Buffer.from(template);
  frame.write(String(number).padStart(DIGITS, '0'), at, 'latin1');
  return frame;
}
