import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecordMaker } from '../../../../exporter/sink/kafka/record.ts';
import type { KafkaRecords } from '../../../../exporter/sink/kafka/records.ts';
import { podFrame } from '../../../support/build-frames.ts';
import { lostFrame } from '../../../relay/support/flow-bytes.ts';
import { brokenFrame, each, listOf } from '../../support/messages.ts';

const pod = { namespace: 'shop', podName: 'cart-1', clusterName: 'east' };
const workload = {
  ...pod,
  workloads: [
    { name: 'cart', kind: 'Deployment' },
    { name: 'other', kind: 'Job' },
  ],
};

const valuesOf = ({ bytes, starts, ends }: KafkaRecords): Buffer[] =>
  Array.from(starts, (start, i) => bytes.subarray(start, ends[i]));

describe('a record of a flow', () => {
  const keysOf = (key: 'workloads' | 'node' | 'none', ...frames: Uint8Array[]): (string | null)[] =>
    new RecordMaker({ key, format: 'protobuf' })
      .make(listOf(...frames))
      .records.keys.map((found) => found?.bytes.toString() ?? null);

  it('has the pair of workloads as its key: of pods that have none their names, of others their addresses', () => {
    const there = podFrame('', 80, 1, 0, { source: workload, destination: pod });
    const back = podFrame('', 80, 1, 0, { source: pod, destination: workload });
    const world = podFrame('', 80, 1, 0, { source: workload, destination: { identity: 2 } });
    assert.deepEqual(keysOf('workloads', there, back, world), [
      'east/shop/cart east/shop/cart-1',
      'east/shop/cart east/shop/cart-1',
      '10.1.9.8 east/shop/cart',
    ]);
  });

  it('has the node as its key, or none, when so configured; a notice of loss has the node', () => {
    const flow = podFrame('cart-1', 80, 1, 0, { nodeName: 'east/node1' });
    const lost = lostFrame('east/node2', 1n, 3);
    assert.deepEqual(keysOf('node', flow, lost), ['east/node1', 'east/node2']);
    assert.deepEqual(keysOf('none', flow, lost), [null, null]);
    assert.equal(keysOf('workloads', lost)[0], 'east/node2');
  });

  it('has the bytes as they came as its value, and says in its headers what they are', () => {
    const list = listOf(podFrame('cart-1', 80, 1, 0, { nodeName: 'east/node1' }), lostFrame('n2', 1n, 3));
    const { records } = new RecordMaker({ key: 'none', format: 'protobuf' }).make(list);
    assert.deepEqual(valuesOf(records), each(list));
    const schema = 'observer.GetFlowsResponse;v=1';
    assert.deepEqual(
      records.headers.map(({ fields }) => fields),
      [
        { type: 'flow', node: 'east/node1', cluster: 'east', schema, 'content-type': 'application/protobuf' },
        { type: 'lost_events', node: 'n2', cluster: '', schema, 'content-type': 'application/protobuf' },
      ],
    );
  });

  it('may be JSON; what is no message is rejected, and the places of the others are known', () => {
    const list = listOf(podFrame('cart-1', 80), brokenFrame(), podFrame('cart-2', 80));
    const maker = new RecordMaker({ key: 'none', format: 'json' });
    const { records, places, rejects } = maker.make(list);
    maker.make(listOf(podFrame('made while the others are under way', 80)));
    assert.deepEqual(places, [0, 2]);
    assert.deepEqual(
      rejects.map(({ index, cause }) => [index, cause]),
      [[1, 'malformed']],
    );
    const event = JSON.parse(valuesOf(records)[1].toString()) as { flow: { source: { pod_name: string } } };
    assert.equal(event.flow.source.pod_name, 'cart-2');
    assert.equal(records.headers[1].fields['content-type'], 'application/json');
  });
});
