import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { BatchWriter, type FilledBatch } from '../../agent/batch-writer.ts';
import { Enrichment } from '../../agent/enrich/enrichment.ts';
import { Pipeline } from '../../agent/pipeline.ts';
import { RingReader } from '../../agent/ring/ring-reader.ts';
import { FlowEncoder } from '../../proto/flow/encode-flow.ts';
import { FlowRecord } from '../../proto/flow/flow-record.ts';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { kinds } from '../bpf/support/packet-kinds.ts';
import { buildEvent, eventConstant } from '../support/build-event.ts';
import { RingMemory } from '../support/ring-memory.ts';

const OFFSET_NS = 1_790_000_000_000_000_000n;
const MS = 1_000_000;

const encoder = new FlowEncoder({
  nodeName: 'node1',
  nodeLabels: [],
  emitter: { name: 'Sluice', version: '0.1.0' },
  seed: Uint32Array.of(1, 2, 3, 4),
});

/** A pipeline over rings in plain memory, with a clock that only the test moves and a main thread that stores when told to. */
class Bench {
  readonly rings: readonly RingMemory[];
  readonly pipeline: Pipeline;
  nowNs = 1_000_000_000;
  offsetNs = OFFSET_NS;
  /** Batches given on and not stored yet. */
  readonly sent: FilledBatch[] = [];
  readonly stored: Flow[] = [];

  constructor({ cpus = 2, ringBytes = 1 << 20, maxQueuedBytes = 1 << 30 } = {}) {
    this.rings = Array.from({ length: cpus }, () => new RingMemory(ringBytes));
    this.pipeline = new Pipeline(
      this.rings.map((ring) => new RingReader(ring.memory, ring.dataBytes)),
      new Enrichment(),
      encoder,
      {
        monotonicNs: () => this.nowNs,
        realtimeOffsetNs: () => this.offsetNs,
        send: (batch) => this.sent.push(batch),
      },
      maxQueuedBytes,
    );
  }

  /** Writes an event as the program on that CPU would; `mark` comes back as the interface's index. Returns whether it fitted. */
  emit(cpu: number, ktimeNs: number, mark = 1): boolean {
    return this.rings[cpu].write(
      buildEvent(
        {
          type: eventConstant('EVENT_TYPE_TRACE'),
          l3_offset: 14,
          l4_offset: 34,
          l4_proto: 6,
          ktime_ns: ktimeNs,
          ifindex: mark,
        },
        kinds['TCP over IPv4'],
      ),
    );
  }

  /** The main thread catches up: batches are decoded, their index checked, and their buffers given back. */
  store(): void {
    for (let batch = this.sent.shift(); batch !== undefined; batch = this.sent.shift()) {
      assert.equal(batch.offsets.length, batch.count + 1);
      assert.equal(batch.timesUs.length, batch.count);
      assert.equal(batch.offsets[batch.count], batch.bytes);
      const bytes = new Uint8Array(batch.buffer, 0, batch.bytes);
      for (let i = 0; i < batch.count; i++) {
        const frame = bytes.slice(batch.offsets[i], batch.offsets[i + 1]);
        const { responseTypes, time } = fromBinary(GetFlowsResponseSchema, frame.subarray(5));
        assert.equal(responseTypes.case, 'flow');
        this.stored.push(responseTypes.value);
        assert.equal(
          batch.timesUs[i],
          Number(time!.seconds) * 1e6 + Math.floor(time!.nanos / 1000),
          'the index has the envelope time',
        );
      }
      this.pipeline.stored(batch.buffer);
    }
  }

  /** Wall-clock times of what was stored, as kernel time. */
  get times(): number[] {
    return this.stored.map(({ time }) =>
      Number(time!.seconds * 1_000_000_000n + BigInt(time!.nanos) - OFFSET_NS),
    );
  }
}

describe('the order of flows', () => {
  it('is that of time, across CPUs and drains, for whatever is not older than the hold-back when it comes', () => {
    const event = fc.record({ cpu: fc.nat(2), stepUs: fc.nat(700), drain: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 80 }), (events) => {
        const bench = new Bench({ cpus: 3 });
        // An event appears in its ring up to a millisecond after it got its time; rings by themselves are in order.
        const late: { cpu: number; ktimeNs: number }[] = [];
        let emitted = 0;
        for (const { cpu, stepUs, drain } of events) {
          bench.nowNs += stepUs * 1000;
          late.push({ cpu, ktimeNs: bench.nowNs });
          while (late.length > 0 && (bench.nowNs - late[0].ktimeNs >= MS / 2 || late[0].cpu === 0)) {
            const { cpu: on, ktimeNs } = late.shift()!;
            assert.ok(bench.emit(on, ktimeNs));
            emitted++;
          }
          if (drain) bench.pipeline.drain();
          bench.store();
        }
        bench.pipeline.finish();
        bench.store();
        assert.equal(bench.stored.length, emitted);
        const sorted = [...bench.times].sort((a, b) => a - b);
        assert.deepEqual(bench.times, sorted);
      }),
    );
  });

  it('holds back what is younger than a millisecond, and says that there is something', () => {
    const bench = new Bench();
    bench.emit(0, bench.nowNs - 2 * MS, 10);
    bench.emit(1, bench.nowNs - MS / 2, 11);
    assert.deepEqual(bench.pipeline.drain(), { samples: 1, settled: true, empty: false });
    bench.store();
    assert.deepEqual(
      bench.stored.map((flow) => flow.interface?.index),
      [10],
    );
    bench.nowNs += MS;
    bench.emit(0, bench.nowNs - 1.7 * MS, 12);
    assert.deepEqual(bench.pipeline.drain(), { samples: 2, settled: true, empty: true });
    bench.store();
    assert.deepEqual(
      bench.stored.map((flow) => flow.interface?.index),
      [10, 12, 11],
    );
  });

  it('holds while there is more than one drain may take', () => {
    const bench = new Bench({ cpus: 3, ringBytes: 4 << 20 });
    const start = bench.nowNs - 1000 * MS;
    // One busy CPU, and a quiet one whose few events fall into the whole span of the busy one's.
    for (let i = 0; i < 20_000; i++) assert.ok(bench.emit(0, start + i * 1000));
    for (let i = 0; i < 20; i++) assert.ok(bench.emit(2, start + i * 1_000_000 + 500));
    assert.equal(bench.pipeline.drain().settled, false);
    assert.deepEqual(bench.pipeline.drain(), { samples: 20_020 - 16_384, settled: true, empty: true });
    bench.store();
    bench.pipeline.finish();
    bench.store();
    assert.equal(bench.stored.length, 20_020);
    assert.deepEqual(
      bench.times,
      [...bench.times].sort((a, b) => a - b),
    );
  });

  it('does not wait for a record whose time no clock shows yet', () => {
    const bench = new Bench();
    bench.emit(0, bench.nowNs + 3_600_000 * MS, 10);
    bench.emit(0, bench.nowNs - 2 * MS, 11);
    assert.equal(bench.pipeline.drain().samples, 2);
  });
});

describe('time', () => {
  it('follows the wall clock when that is set', () => {
    const bench = new Bench();
    bench.emit(0, bench.nowNs - 5 * MS);
    bench.pipeline.drain();
    bench.offsetNs -= 3_600_000_000_000n;
    bench.pipeline.readClock();
    bench.emit(0, bench.nowNs);
    bench.pipeline.finish();
    bench.store();
    assert.deepEqual(
      bench.times.map((time) => time - bench.nowNs),
      [-5 * MS, -3_600_000 * MS],
    );
  });
});

describe('a main thread that does not keep up', () => {
  it('gets larger batches instead of more, until a buffer is full', () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i++) {
      bench.emit(0, bench.nowNs - 2 * MS);
      bench.pipeline.drain();
    }
    assert.equal(bench.sent.length, 2);
    bench.store();
    assert.equal(bench.stored.length, 50);
    assert.equal(bench.sent.length, 0);
  });

  it('costs nothing within the bound of the queue, and beyond it exactly what is counted', () => {
    for (const [buffers, losesSome] of [
      [40, false],
      [5, true],
    ] as const) {
      const bench = new Bench({ maxQueuedBytes: buffers * BatchWriter.BUFFER_BYTES });
      let emitted = 0;
      for (let turn = 0; turn < 20; turn++) {
        bench.nowNs += 5 * MS;
        for (let i = 0; i < 1000; i++) if (bench.emit(i % 2, bench.nowNs - 3 * MS + i)) emitted++;
        bench.pipeline.drain();
      }
      assert.equal(emitted, 20_000);
      const queuedBytes = bench.sent.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
      assert.ok(queuedBytes <= buffers * BatchWriter.BUFFER_BYTES, `${queuedBytes} bytes queued`);
      bench.store();
      bench.pipeline.finish();
      bench.store();
      const { drained, malformed, queueFull } = bench.pipeline.counters;
      assert.equal(drained, emitted);
      assert.equal(malformed, 0);
      assert.equal(queueFull > 0, losesSome);
      assert.equal(bench.stored.length + queueFull, emitted);
      // And afterwards everything flows again.
      bench.emit(0, bench.nowNs);
      bench.pipeline.finish();
      bench.store();
      assert.equal(bench.stored.length + queueFull, emitted + 1);
    }
  });

  it('gives buffers back for the next batches', () => {
    const bench = new Bench();
    const buffers = new Set<ArrayBuffer>();
    for (let i = 0; i < 20; i++) {
      bench.emit(0, bench.nowNs - 2 * MS);
      bench.pipeline.drain();
      for (const { buffer } of bench.sent) buffers.add(buffer);
      bench.store();
    }
    assert.ok(buffers.size <= 2, `${buffers.size} buffers for 20 batches`);
  });
});

describe('records that are no events', () => {
  it('are counted one by one, and the rest of the ring is read', () => {
    const bench = new Bench();
    bench.emit(0, bench.nowNs - 2 * MS);
    bench.rings[0].write(Buffer.alloc(20, 0xff));
    bench.rings[0].write(Buffer.alloc(200, 0xff));
    bench.emit(0, bench.nowNs - 2 * MS);
    bench.pipeline.finish();
    bench.store();
    const { drained, malformed } = bench.pipeline.counters;
    assert.deepEqual([drained, malformed, bench.stored.length], [4, 2, 2]);
  });
});

it('hands on everything at the end, however much the rings hold', () => {
  const bench = new Bench({ cpus: 64, ringBytes: 1 << 20 });
  let emitted = 0;
  for (let i = 0; i < 5000; i++) if (bench.emit(i % 2, bench.nowNs + i)) emitted++;
  assert.equal(emitted, 5000);
  bench.pipeline.finish();
  bench.store();
  assert.equal(bench.stored.length, 5000);
  assert.ok(bench.pipeline.drain().empty);
});

it('gives a flow larger than a whole buffer a buffer of its own', () => {
  const writer = new BatchWriter(encoder);
  const small = new FlowRecord();
  const large = new FlowRecord();
  large.source = new Uint8Array(BatchWriter.BUFFER_BYTES);
  writer.add(small);
  assert.ok(!writer.fits(large));
  assert.equal(writer.finish().count, 1);
  assert.ok(writer.fits(large));
  writer.add(large);
  assert.ok(!writer.fits(small));
  const batch = writer.finish();
  assert.equal(batch.count, 1);
  assert.ok(batch.bytes > BatchWriter.BUFFER_BYTES && batch.bytes <= batch.buffer.byteLength);
  assert.deepEqual([...batch.offsets], [0, batch.bytes]);
});
