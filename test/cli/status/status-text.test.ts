import { create, type MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compactStatus, dictStatus, jsonStatus, tableStatus } from '../../../cli/status/status-text.ts';
import {
  type ServerStatusResponse,
  ServerStatusResponseSchema,
} from '../../../proto/gen/observer/observer_pb.ts';

const status = (init: MessageInitShape<typeof ServerStatusResponseSchema> = {}): ServerStatusResponse =>
  create(ServerStatusResponseSchema, init);
const full = status({
  numFlows: 8190n,
  maxFlows: 12_285n,
  seenFlows: 1_234_567n,
  uptimeNs: 93_787_500_000_000n,
  flowsRate: 41.265,
  numConnectedNodes: 2,
  numUnavailableNodes: 3,
  unavailableNodes: ['n3', 'a\u001b'],
  version: 'hubble-relay v1',
});

describe('compactStatus()', () => {
  const lines: readonly (readonly [string, MessageInitShape<typeof ServerStatusResponseSchema>, string])[] = [
    ['no flows', {}, 'Current/Max Flows: 0/0\nFlows/s: N/A\n'],
    ['a share', { numFlows: 1n, maxFlows: 3n }, 'Current/Max Flows: 1/3 (33.33%)\nFlows/s: N/A\n'],
    ['the rate that the server measured', { flowsRate: 0.125 }, 'Current/Max Flows: 0/0\nFlows/s: 0.12\n'],
    [
      'the average rate when it measured none',
      { seenFlows: 300n, uptimeNs: 60_000_000_000n },
      'Current/Max Flows: 0/0\nFlows/s: 5.00\n',
    ],
    [
      'nodes of whom none is known to be away',
      { numConnectedNodes: 0 },
      'Current/Max Flows: 0/0\nFlows/s: N/A\nConnected Nodes: 0\n',
    ],
    [
      'nodes, all there',
      { numConnectedNodes: 2, numUnavailableNodes: 0 },
      'Current/Max Flows: 0/0\nFlows/s: N/A\nConnected Nodes: 2/2\n',
    ],
    [
      'nodes away without names',
      { numUnavailableNodes: 2 },
      'Current/Max Flows: 0/0\nFlows/s: N/A\nUnavailable Nodes: 2\n',
    ],
  ];
  for (const [what, init, expected] of lines) {
    it(`tells ${what}`, () => assert.equal(compactStatus(status(init)), expected));
  }

  it('lists who is away by name, and how many more', () => {
    assert.equal(
      compactStatus(full),
      `Current/Max Flows: 8,190/12,285 (66.67%)
Flows/s: 41.27
Connected Nodes: 2/5
Unavailable Nodes: 3
  - a^[
  - n3
  - and 1 more...
`,
    );
  });
});

describe('the other layouts of status', () => {
  it('is a record in dict', () => {
    assert.equal(
      dictStatus(full),
      `          NUM FLOWS: 8,190
          MAX FLOWS: 12,285
         SEEN FLOWS: 1,234,567
   FLOWS PER SECOND: 41.27
             UPTIME: 26h3m7.5s
NUM CONNECTED NODES: 2
 NUM UNAVAIL. NODES: 3
            VERSION: hubble-relay v1
`,
    );
  });

  it('is a row in table, without a rate that nobody measured', () => {
    assert.equal(
      tableStatus(status({ seenFlows: 5n, uptimeNs: 2n ** 63n })),
      `NUM FLOWS   MAX FLOWS   SEEN FLOWS   FLOWS PER SECOND   UPTIME                  NUM CONNECTED NODES   NUM UNAVAILABLE NODES   VERSION
0           0           5            N/A                9223372036854775808ns   N/A                   N/A                     
`,
    );
  });

  it('is the answer on one line in JSON', () => {
    assert.equal(
      jsonStatus(status({ numFlows: 1n, numConnectedNodes: 0, flowsRate: 1.5 })),
      '{"num_flows":"1","num_connected_nodes":0,"flows_rate":1.5}\n',
    );
  });
});
