import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { compileSelect, type Selected } from '../../../exporter/select/select-messages.ts';
import { JsonLines } from '../../../exporter/sink/json-lines.ts';
import { FlowFilterSchema, Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { podFrame } from '../../support/build-frames.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';
import { brokenFrame, each, runOf } from '../support/messages.ts';

const everything = { allowList: [], denyList: [], fieldMask: [], sampleOneIn: 1 };
const dropped = create(FlowFilterSchema, { verdict: [Verdict.DROPPED] });
const toDns = create(FlowFilterSchema, { destinationPort: ['53'] });

const summary = ({ filtered, sampledOut, rejects, messages }: Selected): number[] => [
  messages.count,
  filtered,
  sampledOut,
  rejects.length,
];

describe('what a sink selects', () => {
  const web = podFrame('cart-1', 80);
  const dns = podFrame('cart-1', 53, Verdict.DROPPED);
  const drop = podFrame('cart-2', 80, Verdict.DROPPED);
  const lost = lostFrame('n1', 1_772_615_722_000_000_000n, 5);

  it('is everything, byte for byte, when nothing is configured', () => {
    const selected = compileSelect(everything)(runOf([web, lost, drop]));
    assert.deepEqual(summary(selected), [3, 0, 0, 0]);
    assert.deepEqual(
      each(selected.messages),
      [web, lost, drop].map((frame) => Buffer.from(frame.subarray(5))),
    );
  });

  it('is what one of the allow list matches and none of the deny list, and every notice of loss', () => {
    const select = compileSelect({ ...everything, allowList: [dropped], denyList: [toDns] });
    const selected = select(runOf([web, dns, lost, drop]));
    assert.deepEqual(summary(selected), [2, 2, 0, 0]);
    assert.deepEqual(
      each(selected.messages),
      [lost, drop].map((frame) => Buffer.from(frame.subarray(5))),
    );
  });

  it('keeps the fields of the mask', () => {
    const select = compileSelect({ ...everything, fieldMask: ['verdict', 'source.pod_name'] });
    const { bytes } = new JsonLines().make(select(runOf([drop, web])).messages);
    assert.equal(
      bytes.toString(),
      '{"flow":{"verdict":"DROPPED","source":{"pod_name":"cart-2"}},"node_name":"n1","time":"2026-03-04T09:15:22.118204511Z"}\n' +
        '{"flow":{"verdict":"FORWARDED","source":{"pod_name":"cart-1"}},"node_name":"n1","time":"2026-03-04T09:15:22.118204511Z"}\n',
    );
  });

  it('samples by the uuid of flows: the same ones each time, about as many as asked for', () => {
    const frames = Array.from({ length: 4000 }, (_, i) => podFrame(`pod-${i}`, 80));
    const select = compileSelect({ ...everything, sampleOneIn: 4 });
    const first = select(runOf(frames));
    assert.equal(first.messages.count + first.sampledOut, 4000);
    assert.ok(Math.abs(first.messages.count - 1000) < 200, `${first.messages.count} of 4000`);
    assert.deepEqual(each(select(runOf(frames)).messages), each(first.messages));
  });

  it('rejects what cannot be looked at, and goes on', () => {
    const select = compileSelect({
      ...everything,
      allowList: [create(FlowFilterSchema, { sourcePod: ['shop/cart'] })],
    });
    const selected = select(runOf([web, brokenFrame(), drop]));
    assert.deepEqual(summary(selected), [2, 0, 0, 1]);
    assert.equal(selected.rejects[0].index, 1);
    assert.equal(selected.rejects[0].cause, 'malformed');
  });
});
