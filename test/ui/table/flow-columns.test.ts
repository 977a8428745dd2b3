import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { describe, it } from 'node:test';
import { DropReason, FlowSchema, TrafficDirection, Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { buildFilters } from '../../../ui/filter/filter-words.ts';
import { matches } from '../../support/match-flow.ts';
import {
  compareBy,
  flowColumns,
  parseColumns,
  storeColumns,
  storedColumns,
  toggleColumn,
  usualColumns,
} from '../../../ui/table/flow-columns.ts';
import { sampleFlow } from '../support/sample-flow.ts';

const idsOf = (columns: readonly { readonly id: string }[]): string[] => columns.map(({ id }) => id);
const cellOf = (id: string, flow = sampleFlow()) =>
  flowColumns.find((column) => column.id === id)!.cell(flow);

describe('columns of the flow table', () => {
  it('show what people call things', () => {
    const flow = sampleFlow({
      verdict: Verdict.DROPPED,
      dropReasonDesc: DropReason.POLICY_DENIED,
      trafficDirection: TrafficDirection.EGRESS,
    });
    const texts = Object.fromEntries(usualColumns.slice(1).map((id) => [id, cellOf(id, flow).text]));
    assert.deepEqual(texts, {
      verdict: 'DROPPED',
      source: 'promo-6f9c',
      destination: 'ledger-0',
      address: '10.0.1.2:8443',
      protocol: 'TCP',
      reason: 'POLICY_DENIED',
      l7: '',
      decided: 'egress: default deny',
    });
    assert.equal(cellOf('source', flow).scope, 'checkout/');
    assert.deepEqual([cellOf('verdict', flow).tone, cellOf('verdict', flow).glyph], ['dropped', '✕']);
  });

  it('name the outside by what is known of it', () => {
    const world = { identity: 2 };
    const named = sampleFlow({ destination: world, destinationNames: ['api.example.com'] });
    assert.deepEqual(cellOf('destination', named), {
      text: 'api.example.com',
      scope: 'world/',
      word: { flag: 'to-fqdn', value: 'api.example.com' },
    });
    const nameless = sampleFlow({ destination: world });
    assert.deepEqual(cellOf('destination', nameless).word, { flag: 'to-ip', value: '10.0.1.2' });
    const host = sampleFlow({ destination: { identity: 1 } });
    assert.deepEqual(cellOf('destination', host).word, { flag: 'to-identity', value: 'host' });
  });

  const various = [
    sampleFlow(),
    sampleFlow({ verdict: Verdict.DROPPED, dropReasonDesc: DropReason.POLICY_DENIED, isReply: true }),
    sampleFlow({
      destination: { identity: 2 },
      destinationNames: ['api.example.com'],
      l7: { type: 1, record: { case: 'http', value: { method: 'GET', url: 'http://a/b', code: 200 } } },
      eventType: { type: 129, subType: 0 },
    }),
    sampleFlow({
      source: { identity: 1 },
      destination: { identity: 2 },
      eventType: { type: 4, subType: 5 },
      interface: { name: 'lxc1' },
      IP: { source: 'fd00::1', destination: '2001:db8::7', ipVersion: 2 },
      l4: { protocol: { case: 'UDP', value: { sourcePort: 5, destinationPort: 53 } } },
    }),
    sampleFlow({
      destination: { namespace: 'shop' },
      destinationService: { namespace: 'shop', name: 'web' },
    }),
  ];

  it('stand for filters that the flow itself passes, and others do not', () => {
    let seen = 0;
    for (const flow of various) {
      for (const { id, cell } of flowColumns) {
        const { word } = cell(flow);
        if (word === null || word === undefined) continue;
        seen++;
        const { whitelist, blacklist } = buildFilters([{ ...word, isNot: false }]);
        const shown = `${id}: --${word.flag} ${word.value}`;
        assert.ok(matches(flow, whitelist, blacklist), shown);
        assert.ok(!matches(flow, blacklist, whitelist), shown);
        assert.ok(!matches({}, whitelist), shown);
      }
    }
    assert.ok(seen > 90, `${seen} cells`);
  });

  it('draw any flow without a fault', () => {
    for (const { cell } of flowColumns) assert.equal(typeof cell(create(FlowSchema)).text, 'string');
  });

  it('are chosen, kept and read again', () => {
    assert.deepEqual(idsOf(parseColumns(null)), usualColumns);
    assert.deepEqual(idsOf(parseColumns('nope')), usualColumns);
    assert.deepEqual(idsOf(parseColumns('node,time,node')), ['node', 'time']);
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    storeColumns(storage, parseColumns('node,time'));
    assert.deepEqual(idsOf(storedColumns(storage)), ['node', 'time']);
    const more = toggleColumn(parseColumns('time,node'), 'verdict');
    assert.deepEqual(idsOf(more), ['time', 'verdict', 'node']);
    assert.deepEqual(idsOf(toggleColumn(more, 'time')), ['verdict', 'node']);
    assert.deepEqual(idsOf(toggleColumn(parseColumns('time'), 'time')), ['time']);
  });

  it('sort numbers by value and texts as people do', () => {
    const column = (id: string) => flowColumns.find((one) => one.id === id)!;
    const pods = ['web-10', 'web-2', 'api-1'].map((podName) =>
      sampleFlow({ source: { namespace: 'a', podName } }),
    );
    const sorted = pods.toSorted(compareBy(column('source'))).map(({ source }) => source?.podName);
    assert.deepEqual(sorted, ['api-1', 'web-2', 'web-10']);
    const later = sampleFlow({ time: { seconds: 99n, nanos: 0 } });
    assert.ok(compareBy(column('time'))(later, sampleFlow()) < 0);
  });
});
