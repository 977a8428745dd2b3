import { create, type MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namespacesText, nodesText } from '../../../cli/list/list-text.ts';
import { NamespaceSchema, NodeSchema } from '../../../proto/gen/observer/observer_pb.ts';

const nodes = (...inits: MessageInitShape<typeof NodeSchema>[]) =>
  inits.map((init) => create(NodeSchema, init));
const all = nodes(
  {
    name: 'n2',
    state: 1,
    numFlows: 4095n,
    maxFlows: 4095n,
    seenFlows: 77_777n,
    uptimeNs: 3_723_600_000_000n,
    version: 'v1',
    address: 'a:1',
    tls: { enabled: true },
  },
  { name: 'n1', state: 2, numFlows: 1n, maxFlows: 3000n, uptimeNs: 499_999_999n, tls: {} },
  { name: 'é', state: 9 as 1 },
  { name: 'b', state: 3 },
  { name: 'c', state: 4 },
);

describe('nodesText()', () => {
  it('sorts by name and tells states, ages, rates and shares', () => {
    assert.equal(
      nodesText(all, 'table'),
      `NAME   STATUS        AGE      FLOWS/S   CURRENT/MAX-FLOWS
b      Gone          N/A      N/A       N/A
c      Error         N/A      N/A       N/A
n1     Unavailable   N/A      N/A       1/3000 (  0.03%)
n2     Connected     1h2m4s   20.89     4095/4095 (100.00%)
é      Unknown       N/A      N/A       N/A
`,
    );
  });

  it('adds version, address and TLS when wide', () => {
    assert.equal(
      nodesText(all.slice(0, 2), 'wide'),
      `NAME   STATUS        AGE      FLOWS/S   CURRENT/MAX-FLOWS     VERSION   ADDRESS   TLS
n1     Unavailable   N/A      N/A       1/3000 (  0.03%)      N/A                 Disabled
n2     Connected     1h2m4s   20.89     4095/4095 (100.00%)   v1        a:1       Enabled
`,
    );
  });

  it('is an array in JSON, and null for none', () => {
    assert.equal(
      nodesText(nodes({ name: 'a<b', numFlows: 5n, tls: {} }), 'json'),
      `[
  {
    "name": "a\\u003cb",
    "tls": {},
    "num_flows": "5"
  }
]
`,
    );
    assert.equal(nodesText([], 'json'), 'null\n');
    assert.equal(nodesText([], 'table'), 'NAME   STATUS   AGE   FLOWS/S   CURRENT/MAX-FLOWS\n');
  });

  it('is safe for a terminal', () =>
    assert.match(nodesText(nodes({ name: '\u001b[31m' }), 'table'), /\^\[\[31m/));
});

describe('namespacesText()', () => {
  const list = [{ namespace: 'a' }, { cluster: 'east', namespace: 'bcd' }].map((init) =>
    create(NamespaceSchema, init),
  );
  it('keeps the order of the server', () =>
    assert.equal(namespacesText(list, 'table'), 'NAMESPACE\na\nbcd\n'));
  it('leaves out the cell of an empty cluster, which ends its run of columns', () => {
    assert.equal(namespacesText(list, 'wide'), 'NAMESPACE   CLUSTER\na\nbcd   east\n');
  });
  it('is an array in JSON, and null for none', () => {
    assert.equal(
      namespacesText(list, 'json'),
      '[\n  {\n    "namespace": "a"\n  },\n  {\n    "cluster": "east",\n    "namespace": "bcd"\n  }\n]\n',
    );
    assert.equal(namespacesText([], 'json'), 'null\n');
  });
});
