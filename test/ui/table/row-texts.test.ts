import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { parseTyped } from '../../../ui/filter/command-line.ts';
import { FlowRing } from '../../../ui/table/flow-ring.ts';
import { fieldsOf, flowCommand, responseJson, ringJson } from '../../../ui/table/row-texts.ts';
import { flowMessage, lostMessage, sampleFlow } from '../support/sample-flow.ts';

const response = fromBinary(GetFlowsResponseSchema, flowMessage(sampleFlow({ uuid: 'a-1' })));

describe('texts of a row', () => {
  it('are the JSON of the command line, a line for each row', () => {
    const ring = new FlowRing({ rows: 10, bytes: 100_000 });
    ring.append(flowMessage(sampleFlow({ uuid: 'a-1' })));
    ring.append(lostMessage(3));
    const lines = ringJson(ring).split('\n');
    assert.equal(lines.length, 3);
    assert.equal(lines[0], responseJson(response));
    assert.equal(JSON.parse(lines[0]).flow.source.pod_name, 'promo-6f9c');
    assert.equal(JSON.parse(lines[1]).lost_events.num_events_lost, '3');
  });

  it('are a command that finds the flow again', () => {
    const command = flowCommand(sampleFlow({ uuid: 'a-1' }), 'localhost:4245');
    assert.equal(
      command,
      'sluice observe --since 2026-03-04T09:15:21.204Z --until 2026-03-04T09:15:23.204Z --uuid a-1 -o dict --server localhost:4245',
    );
    assert.deepEqual(parseTyped(command, 0).words, [{ flag: 'uuid', value: 'a-1', isNot: false }]);
  });

  it('are all fields of a flow, by their paths', () => {
    const fields = new Map(fieldsOf(responseJson(response)));
    assert.equal(fields.get('flow.source.pod_name'), 'promo-6f9c');
    assert.equal(fields.get('flow.l4.TCP.destination_port'), '8443');
    assert.match(fields.get('flow.source.labels')!, /^k8s:app=promo, /);
    assert.equal(fields.get('flow.source.workloads.0.kind'), 'Deployment');
    assert.equal(fields.get('node_name'), 'east/n1');
  });
});
