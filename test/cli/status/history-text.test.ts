import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { historyLine, historyText } from '../../../cli/status/history-text.ts';
import { NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';

const at = (seconds: bigint) => ({ seconds, nanos: 0 });
const relay = create(NodeReportSchema, {
  nodeName: 'lab',
  flowStore: {
    directory: '/var/lib/sluice/relay/lab',
    oldest: at(1_700_000_000n),
    bytes: 2n ** 21n,
    maxBytes: 2n ** 30n,
  },
});
const agent = create(NodeReportSchema, {
  nodeName: 'east/node1',
  ringOldest: at(1_700_000_600n),
  flowStore: { directory: '/flows', oldest: at(1_700_000_060n), bytes: 2n ** 20n, maxBytes: 2n ** 30n },
});
const memoryOnly = create(NodeReportSchema, { nodeName: 'n3' });

describe('history in status', () => {
  it('is a line with the longest and the shortest', () => {
    assert.equal(
      historyLine([agent, relay, memoryOnly]),
      'History: on disk since Nov 14 22:13:20.000 (lab), the shortest since Nov 14 22:14:20.000 (east/node1)\n',
    );
    assert.equal(historyLine([relay]), 'History: on disk since Nov 14 22:13:20.000 (lab)\n');
    assert.equal(historyLine([memoryOnly]), '');
  });

  it('is a table when everything is asked for', () => {
    assert.equal(
      historyText([relay, agent, memoryOnly]),
      `History:
  NODE         IN MEMORY SINCE       ON DISK SINCE         SIZE    OF         DIRECTORY
  lab          -                     Nov 14 22:13:20.000   2 MiB   1024 MiB   /var/lib/sluice/relay/lab
  east/node1   Nov 14 22:23:20.000   Nov 14 22:14:20.000   1 MiB   1024 MiB   /flows
`,
    );
    assert.equal(historyText([memoryOnly]), '');
  });
});
