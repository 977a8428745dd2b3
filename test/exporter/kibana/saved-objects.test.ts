import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type SavedObject,
  savedObjects,
  savedObjectsText,
  stampedVersion,
} from '../../../exporter/kibana/saved-objects.ts';
import { checkObjects, panelsOf } from './support/check-objects.ts';

/** The objects with one text of their JSON replaced, which has to be there. */
function spoiled(text: string, by: string): SavedObject[] {
  const whole = savedObjectsText();
  assert.ok(whole.includes(text), `${text} is not in the file`);
  return whole
    .replaceAll(text, by)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SavedObject);
}

describe('what is shipped for Kibana', () => {
  it('is three data views and the dashboards, each stamped with its version', () => {
    const objects = savedObjects();
    assert.deepEqual(
      objects.map(({ type, id }) => `${type} ${id}`),
      [
        'index-pattern sluice-flows',
        'index-pattern sluice-edges',
        'index-pattern sluice-export',
        'dashboard sluice-fleet',
        'dashboard sluice-denials',
        'dashboard sluice-namespace',
        'dashboard sluice-workload',
        'dashboard sluice-audit',
        'dashboard sluice-dns',
        'dashboard sluice-export',
      ],
    );
    for (const { type, attributes } of objects) {
      if (type === 'dashboard') assert.equal(stampedVersion(String(attributes['description'])), 1);
    }
  });

  it('holds together: references, columns, fields and their types, places of panels', () => {
    assert.deepEqual(checkObjects(savedObjects()), []);
    for (const object of savedObjects()) {
      if (object.type === 'dashboard') assert.ok(panelsOf(object).length >= 5, object.id);
    }
  });

  // Each check is seen to fail.
  for (const [what, text, by, fault] of [
    [
      'a field that the mapping lacks',
      '\\"sourceField\\":\\"sluice.verdict\\"',
      '\\"sourceField\\":\\"sluice.verdikt\\"',
      /field sluice\.verdikt is not in the mapping/,
    ],
    [
      'a field that can be searched only',
      '\\"sourceField\\":\\"sluice.source.pod\\"',
      '\\"sourceField\\":\\"sluice.source.labels\\"',
      /has no columns to count by/,
    ],
    [
      'a sum of texts',
      '\\"sourceField\\":\\"sluice.flows\\"',
      '\\"sourceField\\":\\"sluice.verdict\\"',
      /is no number/,
    ],
    [
      'a query for a field that the mapping lacks',
      'event.action : ',
      'event.aktion : ',
      /asks for field event\.aktion/,
    ],
    [
      'a data view that is not there',
      '"type":"index-pattern","id":"sluice-edges"',
      '"type":"index-pattern","id":"gone"',
      /refers to gone/,
    ],
    [
      'a layer without its data view',
      '\\"name\\":\\"indexpattern-datasource-layer-layer\\"',
      '\\"name\\":\\"other\\"',
      /layer layer has no data view/,
    ],
    [
      'a visualisation of a column that is not there',
      '\\"splitAccessor\\":\\"by1\\"',
      '\\"splitAccessor\\":\\"by7\\"',
      /shows column by7/,
    ],
    [
      'an order by a column that is not there',
      '\\"columnId\\":\\"show0\\"},\\"orderDirection\\"',
      '\\"columnId\\":\\"show9\\"},\\"orderDirection\\"',
      /ordered by show9/,
    ],
    ['a panel that lies on another', '\\"x\\":12,', '\\"x\\":2,', /lies on/],
    ['a panel beyond the grid', '\\"x\\":36,', '\\"x\\":40,', /does not fit into 48 columns/],
    [
      'a version that older ones refuse',
      '"typeMigrationVersion":"10.1.0"',
      '"typeMigrationVersion":"10.4.0"',
      /type version 10\.4\.0/,
    ],
  ] as const) {
    it(`would be caught with ${what}`, () => {
      assert.match(checkObjects(spoiled(text, by)).join('\n'), fault);
    });
  }
});
