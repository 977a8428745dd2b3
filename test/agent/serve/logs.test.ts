import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceEvents } from '../../../agent/serve/agent-event.ts';
import { NamespaceLog } from '../../../agent/serve/namespace-log.ts';
import { ProblemLog } from '../../../agent/serve/status.ts';
import type { Service } from '../../../cluster/model.ts';
import { type AgentEvent, AgentEventTypeSchema } from '../../../proto/gen/flow/flow_pb.ts';

const HOUR_MS = 3_600_000;

it('namespaces are listed by cluster and name, for an hour after they were last seen', () => {
  const log = new NamespaceLog();
  log.add([{ cluster: 'west', namespace: 'b' }], 0);
  log.add(
    [
      { cluster: 'west', namespace: 'a' },
      { cluster: 'default', namespace: 'z' },
    ],
    10,
  );
  assert.deepEqual(log.list(HOUR_MS), [
    { cluster: '', namespace: 'z' },
    { cluster: 'west', namespace: 'a' },
    { cluster: 'west', namespace: 'b' },
  ]);
  log.add([{ cluster: 'west', namespace: 'a' }], HOUR_MS);
  assert.deepEqual(log.list(HOUR_MS + 11), [{ cluster: 'west', namespace: 'a' }]);
});

it('problems keep the time at which they came up, and go when they are mended', () => {
  const log = new ProblemLog();
  const first = { where: 'a.yaml', message: 'broken' };
  const second = { where: 'b.yaml', message: 'broken' };
  assert.deepEqual(log.set('cluster', [first], 1), [{ ...first, sinceMs: 1 }]);
  assert.deepEqual(log.set('cluster', [first, second], 2), [{ ...second, sinceMs: 2 }]);
  log.set('datapath', [first], 3);
  assert.deepEqual(log.list(), [
    { ...first, sinceMs: 1 },
    { ...second, sinceMs: 2 },
    { ...first, sinceMs: 3 },
  ]);
  log.set('cluster', [], 4);
  assert.deepEqual(log.list(), [{ ...first, sinceMs: 3 }]);
});

describe('events of services', () => {
  const service: Service = {
    cluster: 'east',
    namespace: 'travel',
    name: 'fares',
    clusterIps: ['10.96.0.7', 'fd00:96::7'],
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
    ],
    selector: {},
  };
  const text = ({ type, notification }: AgentEvent): string => {
    const { name } = AgentEventTypeSchema.value[type];
    if (notification.case === 'serviceDelete') return `${name} ${notification.value.id}`;
    assert.equal(notification.case, 'serviceUpsert');
    const { id, frontendAddress, name: service } = notification.value;
    return `${name} ${id} ${frontendAddress?.ip} ${frontendAddress?.port} ${service}`;
  };

  it('come once for each address and port, with a number that stays', () => {
    const events = new ServiceEvents('east');
    assert.deepEqual(events.of([{ kind: 'service-upsert', service }]).map(text), [
      'SERVICE_UPSERTED 1 10.96.0.7 53 fares',
      'SERVICE_UPSERTED 2 fd00:96::7 53 fares',
    ]);
    const single = { ...service, clusterIps: ['fd00:96::7'] };
    assert.deepEqual(events.of([{ kind: 'service-upsert', service: single, old: service }]).map(text), [
      'SERVICE_DELETED 1',
      'SERVICE_UPSERTED 2 fd00:96::7 53 fares',
    ]);
    assert.deepEqual(events.of([{ kind: 'service-delete', service: single }]).map(text), [
      'SERVICE_DELETED 2',
    ]);
  });

  it('are not of other clusters', () => {
    const foreign = { ...service, cluster: 'west' };
    assert.deepEqual(new ServiceEvents('east').of([{ kind: 'service-upsert', service: foreign }]), []);
  });
});
