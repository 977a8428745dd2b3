import assert from 'node:assert/strict';
import { fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { type EndpointFacts, Enrichment } from '../../../agent/enrich/enrichment.ts';
import { labelsOfReservedIdentity } from '../../../agent/enrich/reserved-identity.ts';
import { EndpointSchema, NetworkInterfaceSchema, ServiceSchema } from '../../../proto/gen/flow/flow_pb.ts';
import { addressBytes } from '../../../bench/support/address-bytes.ts';

const search: EndpointFacts = {
  identity: 65_601,
  namespace: 'travel',
  podName: 'search-7d9-x',
  clusterName: 'east',
  labels: ['k8s:app=search', 'k8s:io.kubernetes.pod.namespace=travel'],
  workloads: [{ name: 'search', kind: 'Deployment' }],
};
const searchJson = {
  identity: 65_601,
  namespace: 'travel',
  labels: ['k8s:app=search', 'k8s:io.kubernetes.pod.namespace=travel'],
  pod_name: 'search-7d9-x',
  workloads: [{ name: 'search', kind: 'Deployment' }],
  cluster_name: 'east',
};

function endpointJson(tables: Enrichment, address: string, id = 0, identity = 0): JsonValue {
  const bytes = addressBytes(address);
  const known = tables.find(bytes, 0, bytes.length === 16, id);
  const message = tables.endpoint(known, id, identity);
  return toJson(EndpointSchema, fromBinary(EndpointSchema, message), { useProtoFieldName: true });
}

describe('an address', () => {
  it('of a pod has its names, and its number only where it is at home', () => {
    const tables = new Enrichment();
    tables.apply([
      { kind: 'address', address: '10.1.0.5', facts: search },
      { kind: 'address', address: 'fd00:1::5', facts: search },
    ]);
    for (const address of ['10.1.0.5', 'fd00:1::5']) {
      assert.deepEqual(endpointJson(tables, address), searchJson);
      assert.deepEqual(endpointJson(tables, address, 12), { ID: 12, ...searchJson });
      assert.deepEqual(endpointJson(tables, address, 0, 65_601), searchJson);
    }
  });

  it('has the identity that the datapath decided by, should the two differ', () => {
    const tables = new Enrichment();
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: search }]);
    assert.deepEqual(endpointJson(tables, '10.1.0.5', 0, 65_602), { ...searchJson, identity: 65_602 });
  });

  it("that nobody knows is the world's", () => {
    assert.deepEqual(endpointJson(new Enrichment(), '8.8.8.8'), { identity: 2, labels: ['reserved:world'] });
    assert.deepEqual(endpointJson(new Enrichment(), '2001:db8::8', 0, 2), {
      identity: 2,
      labels: ['reserved:world'],
    });
  });

  it('of a node, or of the host itself, has the labels of its reserved identity', () => {
    const tables = new Enrichment();
    assert.deepEqual(endpointJson(tables, '192.168.0.2', 0, 6), {
      identity: 6,
      labels: ['reserved:remote-node'],
    });
    assert.deepEqual(endpointJson(tables, '192.168.0.1', 0, 1), { identity: 1, labels: ['reserved:host'] });
    assert.deepEqual(endpointJson(tables, '192.168.0.9', 0, 7), {
      identity: 7,
      labels: ['reserved:kube-apiserver', 'reserved:remote-node'],
    });
  });

  it('that the table does not have yet gets what every pod of its identity shares', () => {
    const tables = new Enrichment();
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: search }]);
    const { pod_name: _pod, workloads: _workloads, ...shared } = searchJson;
    assert.deepEqual(endpointJson(tables, '10.1.0.6', 0, 65_601), shared);
    assert.deepEqual(endpointJson(tables, '10.1.0.6', 0, 70_000), { identity: 70_000 });
  });

  it('goes when it is deleted, and changes when it is set again', () => {
    const tables = new Enrichment();
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: search }]);
    endpointJson(tables, '10.1.0.5');
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: { ...search, podName: 'search-2' } }]);
    assert.deepEqual(endpointJson(tables, '10.1.0.5'), { ...searchJson, pod_name: 'search-2' });
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: null }]);
    assert.deepEqual(endpointJson(tables, '10.1.0.5'), { identity: 2, labels: ['reserved:world'] });
  });

  it('of a pod without identity does not lend its names to others without one', () => {
    const tables = new Enrichment();
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: { ...search, identity: 0 } }]);
    const { identity: _identity, ...rest } = searchJson;
    assert.deepEqual(endpointJson(tables, '10.1.0.5'), rest);
    const unknown = fromBinary(EndpointSchema, tables.endpointByIdentity(0, 0));
    assert.deepEqual(toJson(EndpointSchema, unknown), { labels: ['reserved:unknown'] });
  });

  it('that is none is refused by name', () => {
    assert.throws(
      () => new Enrichment().apply([{ kind: 'address', address: '10.1.0', facts: search }]),
      new TypeError('address "10.1.0" in cluster state: expected an IP'),
    );
  });
});

describe('an endpoint of this node', () => {
  it('is known by its number, whatever address it speaks from', () => {
    const tables = new Enrichment();
    tables.apply([
      { kind: 'address', address: '10.1.0.5', facts: search },
      { kind: 'address', address: '10.1.0.6', facts: { ...search, podName: 'victim' } },
      { kind: 'local', id: 12, address: '10.1.0.5' },
    ]);
    for (const address of ['10.1.0.5', 'fe80::1', '10.1.0.6', '8.8.8.8']) {
      assert.deepEqual(endpointJson(tables, address, 12, 65_601), { ID: 12, ...searchJson }, address);
    }
    tables.apply([{ kind: 'address', address: '10.1.0.5', facts: { ...search, podName: 'renamed' } }]);
    assert.deepEqual(endpointJson(tables, 'fe80::1', 12), { ID: 12, ...searchJson, pod_name: 'renamed' });
    tables.apply([{ kind: 'local', id: 12, address: null }]);
    assert.deepEqual(endpointJson(tables, '10.1.0.6', 12, 65_601), {
      ID: 12,
      ...searchJson,
      pod_name: 'victim',
    });
  });
});

it('knows the labels of an identity that stands for a range, until it is gone', () => {
  const tables = new Enrichment();
  const labels = ['cidr:198.51.100.0/24', 'reserved:world-ipv4'];
  tables.apply([{ kind: 'identity', identity: 16_777_217, labels }]);
  assert.deepEqual(endpointJson(tables, '198.51.100.7', 0, 16_777_217), { identity: 16_777_217, labels });
  tables.apply([{ kind: 'identity', identity: 16_777_217, labels: null }]);
  assert.deepEqual(endpointJson(tables, '198.51.100.7', 0, 16_777_217), { identity: 16_777_217 });
});

describe('services and interfaces', () => {
  const serviceOf = (tables: Enrichment, address: string, port: number): JsonValue => {
    const bytes = addressBytes(address);
    const message = tables.service(bytes, 0, bytes.length === 16, port);
    return message.length === 0 ? null : toJson(ServiceSchema, fromBinary(ServiceSchema, message));
  };

  it('are found by cluster address and port, both families', () => {
    const tables = new Enrichment();
    const service = { namespace: 'travel', name: 'fares' };
    for (const address of ['10.96.0.7', 'fd00:96::7']) {
      tables.apply([
        { kind: 'service', address, port: 80, service },
        { kind: 'service', address, port: 443, service },
      ]);
      assert.deepEqual(serviceOf(tables, address, 80), service);
      assert.equal(serviceOf(tables, address, 81), null);
      tables.apply([{ kind: 'service', address, port: 80, service: null }]);
      assert.equal(serviceOf(tables, address, 80), null);
      assert.deepEqual(serviceOf(tables, address, 443), service);
      tables.apply([{ kind: 'service', address, port: 443, service: null }]);
      assert.equal(serviceOf(tables, address, 443), null);
    }
  });

  it('go by number alone when the interface is not known', () => {
    const tables = new Enrichment();
    const nameOf = (index: number): JsonValue =>
      toJson(NetworkInterfaceSchema, fromBinary(NetworkInterfaceSchema, tables.networkInterface(index)));
    assert.deepEqual(nameOf(7), { index: 7 });
    tables.apply([{ kind: 'interface', index: 7, name: 'veth7' }]);
    assert.deepEqual(nameOf(7), { index: 7, name: 'veth7' });
    tables.apply([{ kind: 'interface', index: 7, name: null }]);
    assert.deepEqual(nameOf(7), { index: 7 });
    assert.equal(tables.networkInterface(0).length, 0);
  });
});

it('tells each namespace once that stood in flows since it was last asked', () => {
  const tables = new Enrichment();
  tables.apply([
    { kind: 'address', address: '10.1.0.5', facts: search },
    { kind: 'address', address: '10.1.0.6', facts: search },
    { kind: 'address', address: '10.1.0.7', facts: { ...search, namespace: 'other' } },
  ]);
  assert.deepEqual(tables.takeSeenNamespaces(), []);
  for (const address of ['10.1.0.5', '10.1.0.6', '10.1.0.5', '8.8.8.8']) endpointJson(tables, address);
  assert.deepEqual(tables.takeSeenNamespaces(), [{ cluster: 'east', namespace: 'travel' }]);
  assert.deepEqual(tables.takeSeenNamespaces(), []);
  endpointJson(tables, '10.1.0.6');
  assert.deepEqual(tables.takeSeenNamespaces(), [{ cluster: 'east', namespace: 'travel' }]);
});

it('knows the label of every reserved identity that traffic can carry', () => {
  const names = ['unknown', 'host', 'world', 'unmanaged', 'health', 'init', 'remote-node'];
  for (const [identity, name] of names.entries()) {
    assert.deepEqual(labelsOfReservedIdentity(identity), [`reserved:${name}`]);
  }
  assert.deepEqual(labelsOfReservedIdentity(8), ['reserved:ingress']);
  assert.equal(labelsOfReservedIdentity(256), undefined);
});
