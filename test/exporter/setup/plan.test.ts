import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { differences } from '../../../exporter/setup/difference.ts';
import { setUpElasticsearch } from '../../../exporter/setup/elasticsearch/setup.ts';
import { setupObjects } from '../../../exporter/setup/elasticsearch/objects.ts';
import { planStep, planText, refusalOf, stepsToDo } from '../../../exporter/setup/plan.ts';

const wanted = {
  kind: 'index template',
  name: 'flows',
  body: { priority: 500, index: { codec: 'best' }, data_stream: {} },
};
const same = { priority: 500, index: { codec: 'best' }, data_stream: { hidden: false } };

describe('the plan of a set-up', () => {
  it('tells texts and numbers that say the same from such that do not, and what servers add from what others did', () => {
    assert.deepEqual(differences({ a: '1', b: 'true', c: [1] }, { a: 1, b: true, c: [1] }), []);
    assert.deepEqual(differences({ a: { b: 1, added: 2 } }, { a: { b: 1 } }), []);
    assert.deepEqual(differences({ a: { b: 1, added: 2 } }, { a: { b: 1 } }, ['a']), [
      { path: 'a.added', installed: '2', wanted: undefined },
    ]);
    assert.deepEqual(differences({}, { a: {} }), [{ path: 'a', installed: undefined, wanted: '{}' }]);
  });

  it('creates, keeps, replaces and refuses by what is there', () => {
    const of = (installed: Parameters<typeof planStep>[1]): string =>
      planStep(wanted, installed, 2, []).action;
    assert.equal(of(null), 'create');
    assert.equal(of({ body: same, version: 2 }), 'keep');
    assert.equal(of({ body: { ...same, priority: 7 }, version: 2 }), 'changed');
    assert.equal(of({ body: same, version: 1 }), 'replace');
    assert.equal(of({ body: same, version: 3 }), 'newer');
    assert.equal(of({ body: same, version: null }), 'foreign');
  });

  it('says what differs, and does nothing to what was changed by hand unless told to', () => {
    const step = planStep(wanted, { body: { ...same, priority: 7 }, version: 2 }, 2, []);
    assert.equal(
      planText([step], { overwrite: false }),
      'index template flows: changed by hand, kept\n    priority: 7 -> 500\n',
    );
    assert.deepEqual(stepsToDo([step], { overwrite: false }), []);
    assert.deepEqual(stepsToDo([step], { overwrite: true }), [step]);
    const newer = planStep(wanted, { body: same, version: 9 }, 2, []);
    assert.match(refusalOf([step, newer])!, /^index template flows: installed by a newer sluice/);
  });
});

describe('what is installed on Elasticsearch', () => {
  it('arrives at a server that has everything, as it is written here, policies first', async () => {
    const put: [path: string, body: unknown][] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        if (request.method === 'PUT') put.push([request.url!, JSON.parse(body)]);
        const isThere = request.method !== 'GET' || request.url === '/_ilm/status';
        response.statusCode = isThere ? 200 : 404;
        response.setHeader('X-Elastic-Product', 'Elasticsearch');
        response.setHeader('content-type', 'application/json');
        response.end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await setUpElasticsearch(
        { nodes: [`http://127.0.0.1:${port}`] },
        { dryRun: false, overwrite: false, print: () => {} },
      );
    } finally {
      server.close();
    }
    const objects = setupObjects({ lifecycle: true, constants: true });
    assert.deepEqual(
      put.map(([, body]) => body),
      objects.map(({ body }) => body),
    );
    assert.equal(put[0][0], '/_ilm/policy/sluice-flows');
    assert.deepEqual(Object.keys((put[0][1] as { policy: { phases: object } }).policy.phases), [
      'hot',
      'warm',
      'delete',
    ]);
  });

  it('has lifecycle policies and constants only where the server has them', () => {
    const names = (abilities: Parameters<typeof setupObjects>[0]): string[] =>
      setupObjects(abilities)
        .map(({ kind, name }) => `${kind} ${name}`)
        .filter((name) => name.includes('flows'));
    assert.deepEqual(names({ lifecycle: true, constants: true }), [
      'lifecycle policy sluice-flows',
      'component template sluice-flows@mappings',
      'component template sluice-flows@settings',
      'component template sluice-flows@constants',
      'component template sluice-flows@lifecycle',
      'index template sluice-flows',
    ]);
    assert.deepEqual(names({ lifecycle: false, constants: false }), [
      'component template sluice-flows@mappings',
      'component template sluice-flows@settings',
      'index template sluice-flows',
    ]);
  });
});
