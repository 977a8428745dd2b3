import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { FlowRing, LOST_ROW } from '../../../ui/table/flow-ring.ts';
import { flowMessage, lostMessage, sampleFlow } from '../support/sample-flow.ts';

function uuidAt(ring: FlowRing, seq: number): string {
  const { responseTypes } = fromBinary(GetFlowsResponseSchema, ring.message(seq));
  assert.equal(responseTypes.case, 'flow');
  return responseTypes.value.uuid;
}

describe('FlowRing', () => {
  it('keeps the newest rows under their numbers, whatever their size', () => {
    const sizes = fc.array(fc.nat(60), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), (list, rows) => {
        const ring = new FlowRing({ rows, bytes: 2000 });
        for (const [i, size] of list.entries()) {
          const message = flowMessage(sampleFlow({ uuid: `u${i}`, nodeName: 'n'.repeat(size) }));
          assert.ok(ring.append(message));
          assert.equal(ring.end, i + 1);
          assert.ok(ring.count >= 1 && ring.count <= rows);
          // So much of what came last fits in any case.
          assert.ok(ring.count >= Math.min(rows, i + 1, 2), `${ring.count} rows`);
          for (let seq = ring.first; seq < ring.end; seq++) {
            assert.equal(uuidAt(ring, seq), `u${seq}`);
            assert.equal(ring.find(`u${seq}`), seq);
          }
          if (ring.first > 0) {
            assert.equal(ring.find(`u${ring.first - 1}`), undefined);
            assert.throws(() => ring.message(ring.first - 1), RangeError);
          }
        }
      }),
    );
  });

  it('takes a flow once, and again when it has gone', () => {
    const ring = new FlowRing({ rows: 2, bytes: 10_000 });
    const [a, b, c] = ['a', 'b', 'c'].map((uuid) => flowMessage(sampleFlow({ uuid })));
    assert.deepEqual(
      [ring.append(a), ring.append(a), ring.append(b), ring.append(c), ring.append(a)],
      [true, false, true, true, true],
    );
    const nameless = flowMessage(sampleFlow({ uuid: '' }));
    assert.ok(ring.append(nameless) && ring.append(nameless));
  });

  it('has time, verdict and connection of every row at hand', () => {
    const ring = new FlowRing({ rows: 10, bytes: 100_000 });
    const flow = sampleFlow({ uuid: 'a', verdict: Verdict.DROPPED });
    const reply = sampleFlow({
      uuid: 'b',
      IP: { source: '10.0.1.2', destination: '10.0.0.1' },
      l4: { protocol: { case: 'TCP', value: { sourcePort: 8443, destinationPort: 41_882 } } },
    });
    const other = sampleFlow({
      uuid: 'c',
      l4: { protocol: { case: 'TCP', value: { sourcePort: 41_883, destinationPort: 8443 } } },
    });
    for (const one of [flow, reply, other]) ring.append(flowMessage(one));
    ring.append(lostMessage(7));
    assert.equal(ring.timeMs(0), Date.parse('2026-03-04T09:15:22.204Z'));
    assert.equal(ring.verdict(0), Verdict.DROPPED);
    assert.equal(ring.connection(0), ring.connection(1));
    assert.notEqual(ring.connection(0), ring.connection(2));
    assert.equal(ring.verdict(3), LOST_ROW);
  });

  it('refuses what is no row, and what is too big', () => {
    const ring = new FlowRing({ rows: 10, bytes: 1000 });
    assert.equal(ring.append(new Uint8Array(0)), false);
    assert.equal(ring.append(flowMessage(sampleFlow({ nodeName: 'n'.repeat(300) }))), false);
    assert.throws(() => ring.append(Uint8Array.of(10, 200)), /./);
    assert.equal(ring.count, 0);
  });

  it('forgets everything but its numbers', () => {
    const ring = new FlowRing({ rows: 10, bytes: 10_000 });
    ring.append(flowMessage(sampleFlow()));
    ring.clear();
    assert.equal(ring.count, 0);
    assert.ok(ring.append(flowMessage(sampleFlow())));
    assert.deepEqual([ring.first, ring.end], [1, 2]);
  });
});
