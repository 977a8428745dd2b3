import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';
import { completeFilter } from '../../../ui/filter/complete-filter.ts';
import { parseFilterWords } from '../../../ui/filter/filter-words.ts';
import { collectMapNames, NameCollector } from '../../../ui/filter/known-names.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';

const collector = new NameCollector();
for (const [topic, name, flows] of [
  ['namespace', 'travel', 10],
  ['namespace', 'tracing', 900],
  ['namespace', "it's", 1],
  ['pod', 'travel/web-1', 5],
  ['port', '53', 7],
  ['port', '8080', 70],
] as const) {
  collector.add(topic, name, flows);
}
const names = collector.names();
const labels = (text: string): string[] => completeFilter(text, names).map(({ label }) => label);

describe('completion in the filter bar', () => {
  it('offers flags, those that begin with what is typed first', () => {
    assert.deepEqual(labels('--verd'), ['--verdict VERDICT']);
    assert.equal(labels('--pod x --po')[0], '--pod [NAMESPACE/]PREFIX');
    assert.ok(labels('--port').includes('--from-port PORT'));
    assert.equal(labels('')[0], '--not');
    assert.ok(!labels('--not ').includes('--not'));
  });

  it('offers names that are there, the busiest first', () => {
    assert.deepEqual(labels('--namespace '), ['tracing', 'travel', "it's"]);
    assert.deepEqual(labels('--namespace trav'), ['travel']);
    assert.deepEqual(labels('-n trav'), ['travel']);
    assert.deepEqual(labels('--from-namespace=trav'), ['travel']);
    assert.deepEqual(labels('--not --to-port '), ['8080', '53']);
  });

  it('offers what there may be besides', () => {
    assert.equal(labels('--drop-reason-desc policy_den')[0], 'POLICY_DENIED');
    assert.deepEqual(labels('--verdict DROP'), ['DROPPED']);
  });

  it('finds a bare word under every flag that takes it', () => {
    assert.deepEqual(labels('travel').slice(0, 2), ['--namespace travel', '--pod travel/web-1']);
    assert.equal(completeFilter('--port 53 travel', names)[0].text, '--port 53 --namespace travel');
  });

  it('gives texts that are filters as they stand', () => {
    const typed = fc.constantFrom(
      'tra',
      '--names',
      '--not --port ',
      '--namespace ',
      "--namespace 'it",
      '--rep',
      '5',
      '',
    );
    fc.assert(
      fc.property(fc.oneof(typed, fc.string({ maxLength: 12 })), (text) => {
        for (const { text: whole, isComplete } of completeFilter(text, names)) {
          if (!isComplete || !/^(?:--namespace|--not --port|tra|5)/.test(text)) continue;
          assert.ok(parseFilterWords(whole).length > 0, whole);
        }
      }),
    );
  });

  it('knows the names of a service map', () => {
    const map = new ServiceMap();
    const sums = new Float64Array(MEASURES);
    sums[0] = 3;
    map.add({
      client: { cluster: 'east', workload: 'travel/web', name: '' },
      server: { cluster: '', workload: '(world)', name: 'api.example.com' },
      port: '443',
      protocol: 'TCP',
      sums,
      at: 0,
    });
    const into = new NameCollector();
    collectMapNames(map, into);
    const found = Object.fromEntries(
      [...into.names()].map(([topic, list]) => [topic, list.map(({ name }) => name)]),
    );
    assert.deepEqual(found, {
      namespace: ['travel'],
      cluster: ['east'],
      workload: ['web'],
      pod: ['travel/web'],
      fqdn: ['api.example.com'],
      port: ['443'],
      protocol: ['tcp'],
    });
  });
});
