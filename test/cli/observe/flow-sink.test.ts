import { toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countingSink, printingSink, type SinkOptions } from '../../../cli/observe/flow-sink.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { flowResponse, lostResponse } from '../../support/build-responses.ts';

const options = (change: Partial<SinkOptions> = {}): SinkOptions => ({
  print: {
    format: 'compact',
    time: () => 'T',
    nodeName: false,
    names: true,
    policyNames: 'always',
    colour: false,
    allNodeStates: false,
  },
  isGrouped: false,
  lossIntervalMs: 0,
  ...change,
});
const bytes = (response: GetFlowsResponse): Uint8Array => toBinary(GetFlowsResponseSchema, response);
const flow = bytes(flowResponse());
const loss = bytes(lostResponse({ source: 1, numEventsLost: 2n }));

describe('printingSink()', () => {
  it('prints losses where they stand, unless they are to be added up', () => {
    assert.match(printingSink(options()).print(loss).out, /^T EVENTS LOST: /);
    const sink = printingSink(options({ lossIntervalMs: 3000 }));
    assert.deepEqual(sink.print(loss), { out: '', err: '' });
    assert.deepEqual([sink.tick().err, sink.tick().err], ['', '']);
    assert.match(sink.tick().err, /^T: EVENTS LOST: 2 \(/);
    assert.equal(sink.tick().err, '');
    sink.print(loss);
    assert.match(sink.end(true).err, /EVENTS LOST: 2/);
  });

  it('shows a group when nothing has come for a while, or after ten seconds', () => {
    const sink = printingSink(options({ isGrouped: true }));
    sink.print(flow);
    assert.equal(sink.tick().out, '', 'something has just come');
    assert.match(sink.tick().out, /^T: shop\/cart-7d9 /);
    let printed = '';
    for (let second = 0; second < 10; second++) {
      sink.print(flow);
      printed += sink.tick().out;
    }
    assert.match(printed, / x10 until T\n$/);
    assert.equal(sink.end(true).out, '');
  });
});

describe('countingSink()', () => {
  it('counts flows, and tells losses beside them', () => {
    const sink = countingSink(options());
    for (const message of [flow, loss, flow]) assert.deepEqual(sink.print(message), { out: '', err: '' });
    const { out, err } = sink.end(true);
    assert.equal(out, '2\n');
    assert.match(err, /EVENTS LOST: 2/);
    assert.equal(sink.end(false).out, '', 'a failure came between');
  });
});
