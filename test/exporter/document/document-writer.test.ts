import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { mixedFlows } from '../../../bench/support/mixed-flows.ts';
import { DocumentWriter } from '../../../exporter/document/document-writer.ts';
import { JsonBytes } from '../../../proto/flow/json/json-bytes.ts';
import { isValidTime } from '../../../proto/flow/text/json-time.ts';
import { FlowSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { flowResponse, lostResponse, nodeStatusResponse } from '../../support/build-responses.ts';
import { messageArbitrary } from '../../support/message-arbitrary.ts';
import { type Chance, scrambleMessage } from '../../support/scramble-message.ts';
import { plainDocument } from '../support/plain-document.ts';

const writer = new DocumentWriter();

function textOf(message: Uint8Array): string {
  const out = new JsonBytes();
  writer.write(message, 0, message.length, out);
  return Buffer.from(out.bytes.subarray(0, out.at)).toString();
}

const documentOf = (response: GetFlowsResponse): unknown =>
  JSON.parse(textOf(toBinary(GetFlowsResponseSchema, response)));

const anyFlow = fc
  .tuple(messageArbitrary(FlowSchema), fc.constantFrom('', 'n1', 'east/n1', 'a/b/c', 'é/"\n'))
  .map(([flow, nodeName]) =>
    create(GetFlowsResponseSchema, {
      responseTypes: {
        case: 'flow',
        value: flow as GetFlowsResponse['responseTypes']['value'] & { $typeName: 'flow.Flow' },
      },
      nodeName,
    }),
  );

/** Numbers below a bound that look random and are the same in each run (Park and Miller's generator). */
function lehmer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % below;
  };
}

describe('the writer of documents', () => {
  it('writes what the decoded message says, whatever the flow', () => {
    fc.assert(
      fc.property(anyFlow, (response) => {
        const flow = response.responseTypes.value as { time?: { seconds: bigint; nanos: number } };
        const message = toBinary(GetFlowsResponseSchema, response);
        const time = flow.time as Parameters<typeof isValidTime>[0] | undefined;
        if (time !== undefined && !isValidTime(time)) {
          delete flow.time;
          assert.throws(() => textOf(message), { name: 'WireError', code: 'malformed' });
        }
        assert.deepEqual(documentOf(response), plainDocument(response));
      }),
      { numRuns: 400 },
    );
  });

  it('writes what the decoded message says of usual flows', () => {
    for (const message of mixedFlows(2000)) {
      const response = fromBinary(GetFlowsResponseSchema, message);
      assert.deepEqual(JSON.parse(textOf(message)), plainDocument(response));
    }
  });

  it('reads messages as no encoder would write them', () => {
    const chance: Chance = { pick: lehmer(7), rarity: 8 };
    let checked = 0;
    for (const message of mixedFlows(1500)) {
      const scrambled = scrambleMessage(message, GetFlowsResponseSchema, chance);
      const response = fromBinary(GetFlowsResponseSchema, scrambled);
      if (response.responseTypes.case !== 'flow') continue;
      checked++;
      assert.deepEqual(JSON.parse(textOf(scrambled)), plainDocument(response));
    }
    assert.ok(checked > 500, String(checked));
  });

  it('writes one line of JSON, or says that the bytes are no message, however they are damaged', () => {
    const pick = lehmer(11);
    let written = 0;
    for (const message of mixedFlows(5000)) {
      for (let i = pick(3); i >= 0; i--) message[pick(message.length)] = pick(256);
      let text: string;
      try {
        text = textOf(message.subarray(0, message.length - (pick(4) === 0 ? pick(20) : 0)));
      } catch (error) {
        assert.equal((error as Error).name, 'WireError');
        continue;
      }
      written++;
      assert.ok(!text.includes('\n'));
      assert.equal(typeof JSON.parse(text), 'object');
    }
    assert.ok(written > 1000, String(written));
  });

  it('writes notices of losses and of the states of nodes', () => {
    assert.deepEqual(documentOf(lostResponse({ source: 3, numEventsLost: 12n }, 'east/n1')), {
      '@timestamp': '2026-03-04T09:15:22.118204511Z',
      orchestrator: { cluster: { name: 'east' } },
      observer: { name: 'n1' },
      event: { action: 'lost', outcome: 'failure', reason: 'HUBBLE_RING_BUFFER' },
      sluice: { lost: { count: 12 } },
    });
    assert.deepEqual(documentOf(nodeStatusResponse({ stateChange: 3, nodeNames: ['n1'], message: 'gone' })), {
      '@timestamp': '2026-03-04T09:15:22.118204511Z',
      observer: { name: 'relay-0' },
      event: { action: 'node-status', outcome: 'unknown', reason: 'NODE_GONE' },
      sluice: { nodes: ['n1'], message: 'gone' },
    });
  });

  it('names the policies that decided, those that would have for an audit', () => {
    const policies = {
      ingressDeniedBy: [{ kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'lock' }],
      ingressAllowedBy: [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'open' }],
    };
    for (const verdict of [2, 4] as const) {
      const { rule } = documentOf(flowResponse({ verdict, trafficDirection: 1, ...policies })) as {
        rule: unknown;
      };
      assert.deepEqual(rule, { name: ['CiliumNetworkPolicy/shop/lock'] });
    }
    const allowed = documentOf(flowResponse({ verdict: 1, trafficDirection: 1, ...policies })) as {
      rule: unknown;
    };
    assert.deepEqual(allowed.rule, { name: ['NetworkPolicy/shop/open'] });
  });

  it('has room for names that are all escapes', () => {
    const name = '\u0001'.repeat(3000);
    const end = { namespace: name, podName: name, clusterName: name, labels: [name] };
    const response = flowResponse({
      nodeName: name,
      source: end,
      destination: end,
      destinationNames: [name, name],
    });
    assert.deepEqual(documentOf(response), plainDocument(response));
  });

  it('says the same of a message that it has seen before', () => {
    const response = flowResponse({
      nodeName: 'east/n1',
      source: { identity: 2 },
      destinationNames: ['a.example.com'],
    });
    assert.deepEqual(documentOf(response), documentOf(response));
  });
});
