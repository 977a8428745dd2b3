import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { beforeEach, describe, it } from 'node:test';
import { type CounterMap, DatapathCounters } from '../../agent/datapath-counters.ts';
import { counters as indices } from '../../agent/decode/event-layout.ts';
import { LossWatch } from '../../agent/loss-watch.ts';
import { FlowRing, LossLedger } from '../../history/index.ts';
import { type LostEvent, LostEventSource } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { LossCauseSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';

const CPUS = 2;

/** The kernel's side: counters of two CPUs, and what agents noted beside them. */
class FakeKernel {
  readonly values = new Map<number, number[]>();
  private note = new Uint8Array(8);

  readonly counters: CounterMap = {
    lookup: (key) => {
      const value = this.values.get(new Uint32Array(key.slice().buffer)[0]) ?? [0, 0];
      return new Uint8Array(BigUint64Array.from(value, BigInt).buffer);
    },
    update: () => assert.fail('the programs own the counters'),
  };
  readonly told: CounterMap = {
    lookup: () => this.note,
    update: (_key, value) => (this.note = Uint8Array.from(value)),
  };

  /** An event on a CPU: delivered into its ring, or refused. */
  emit(cpu: number, count: number, refused?: 'eventsRingFull' | 'eventsOutputFailed'): void {
    for (const name of refused === undefined ? ['eventsEmitted'] : ['eventsEmitted', refused]) {
      const index = indices[name as keyof typeof indices];
      const value = this.values.get(index) ?? Array.from({ length: CPUS }, () => 0);
      value[cpu] += count;
      this.values.set(index, value);
    }
  }
}

interface Watched {
  readonly watch: LossWatch;
  readonly ring: FlowRing;
  readonly ledger: LossLedger;
  /** Lost events in the stream, in order. */
  readonly told: () => { source: LostEventSource; events: number; cpu: number | undefined }[];
  readonly lost: () => [cause: string, events: number, detail: string][];
}

let kernel = new FakeKernel();
beforeEach(() => (kernel = new FakeKernel()));

function startAgent(): Watched {
  const ring = new FlowRing({ capacity: 1000, maxBytes: 1 << 24 });
  const ledger = new LossLedger();
  const watch = new LossWatch(new DatapathCounters(kernel.counters, kernel.told), ring, ledger, 'node1');
  return {
    watch,
    ring,
    ledger,
    told: () => {
      const events: { source: LostEventSource; events: number; cpu: number | undefined }[] = [];
      for (let seq = ring.oldestSeq; seq < ring.endSeq; seq++) {
        const run = ring.read(seq, 1, 1 << 20)!;
        const { responseTypes, nodeName } = fromBinary(GetFlowsResponseSchema, run.bytes.subarray(5));
        assert.equal(nodeName, 'node1');
        const { source, numEventsLost, cpu } = responseTypes.value as LostEvent;
        events.push({ source, events: Number(numEventsLost), cpu });
      }
      return events;
    },
    lost: () =>
      ledger
        .snapshot()
        .map(({ cause, events, detail }) => [LossCauseSchema.value[cause].name, Number(events), detail]),
  };
}

const pipeline = (drained: number, malformed = 0, queueFull = 0): Parameters<LossWatch['tell']>[0] => ({
  drained,
  malformed,
  queueFull,
});
const { PERF_EVENT_RING_BUFFER, OBSERVER_EVENTS_QUEUE } = LostEventSource;

describe('LossWatch', () => {
  it('has nothing to tell while all that is emitted is drained', () => {
    const agent = startAgent();
    kernel.emit(0, 50);
    agent.watch.tell(pipeline(50));
    assert.equal(agent.watch.emitted, 50);
    assert.deepEqual([agent.lost(), agent.told()], [[], []]);
  });

  it('tells each cause by itself, losses of rings by CPU, and the sum comes out even', () => {
    const agent = startAgent();
    kernel.emit(0, 100);
    kernel.emit(0, 3, 'eventsRingFull');
    kernel.emit(1, 4, 'eventsRingFull');
    kernel.emit(1, 5, 'eventsOutputFailed');
    agent.watch.tell(pipeline(100, 6, 7));
    assert.deepEqual(agent.lost(), [
      ['BPF_OUTPUT_FAILED', 5, 'CPU 1'],
      ['PERF_RING_FULL', 3, 'CPU 0'],
      ['PERF_RING_FULL', 4, 'CPU 1'],
      ['RECORD_MALFORMED', 6, ''],
      ['WORKER_QUEUE_FULL', 7, ''],
    ]);
    assert.deepEqual(agent.told(), [
      { source: PERF_EVENT_RING_BUFFER, events: 3, cpu: 0 },
      { source: PERF_EVENT_RING_BUFFER, events: 4, cpu: 1 },
      { source: PERF_EVENT_RING_BUFFER, events: 5, cpu: 1 },
      { source: PERF_EVENT_RING_BUFFER, events: 6, cpu: undefined },
      { source: OBSERVER_EVENTS_QUEUE, events: 7, cpu: undefined },
    ]);
    const delivered = 100 - 6 - 7;
    const lost = agent.lost().reduce((sum, [, events]) => sum + events, 0);
    assert.equal(agent.watch.emitted, delivered + lost);
  });

  it('counts at once, and tells the stream once however often it counted', () => {
    const agent = startAgent();
    for (let i = 1; i <= 10; i++) {
      kernel.emit(0, 2, 'eventsRingFull');
      agent.watch.account(pipeline(0));
      assert.deepEqual(agent.lost(), [['PERF_RING_FULL', 2 * i, 'CPU 0']]);
    }
    assert.deepEqual(agent.told(), []);
    agent.watch.tell(pipeline(0));
    agent.watch.tell(pipeline(0));
    assert.deepEqual(agent.told(), [{ source: PERF_EVENT_RING_BUFFER, events: 20, cpu: 0 }]);
  });

  it('lets the next agent tell what came while there was none', () => {
    const first = startAgent();
    kernel.emit(0, 10);
    first.watch.tell(pipeline(10));
    kernel.emit(0, 30, 'eventsOutputFailed');
    kernel.emit(1, 12, 'eventsOutputFailed');
    const second = startAgent();
    assert.deepEqual(second.lost(), [['BPF_OUTPUT_FAILED', 42, 'while the agent was away']]);
    assert.deepEqual(second.told(), [{ source: PERF_EVENT_RING_BUFFER, events: 42, cpu: undefined }]);
    assert.equal(second.watch.emitted, 42);
    kernel.emit(0, 5);
    second.watch.tell(pipeline(5));
    assert.equal(second.watch.emitted, 47);
    assert.equal(startAgent().lost().length, 0, 'everything is accounted for');
  });

  it('lets the next agent tell what a killed one had in its rings', () => {
    const first = startAgent();
    kernel.emit(0, 10);
    first.watch.tell(pipeline(10));
    // Written into rings that go with the process, before it could look again.
    kernel.emit(0, 7);
    kernel.emit(1, 2, 'eventsRingFull');
    const second = startAgent();
    assert.deepEqual(second.lost(), [['BPF_OUTPUT_FAILED', 9, 'while the agent was away']]);
    second.watch.tell(pipeline(0));
    assert.equal(startAgent().lost().length, 0);
  });

  it('does not take what no agent ever saw for nothing: programs that were there first', () => {
    kernel.emit(0, 3, 'eventsOutputFailed');
    assert.deepEqual(startAgent().lost(), [['BPF_OUTPUT_FAILED', 3, 'while the agent was away']]);
  });

  it('reads its first accounts even, although the programs go on counting', () => {
    let reads = 0;
    const busy: CounterMap = {
      ...kernel.counters,
      lookup: (key) => {
        // Events that come between the readings of the first rounds.
        if (++reads < 12) kernel.emit(reads % CPUS, 1, 'eventsOutputFailed');
        return kernel.counters.lookup(key);
      },
    };
    const { emitted, ringFull, outputFailed } = new DatapathCounters(busy, kernel.told).readEven();
    assert.equal(emitted, outputFailed[0] + outputFailed[1] + ringFull[0] + ringFull[1]);
    assert.ok(emitted > 5);
  });
});
