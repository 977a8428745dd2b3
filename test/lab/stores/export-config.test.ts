import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../../../exporter/config/parse-config.ts';
import type { LabStore } from '../../../lab/config.ts';
import { labPaths } from '../../../lab/paths.ts';
import { exportConfig, storesLegend } from '../../../lab/stores/export-config.ts';

const paths = labPaths('test');
const all = new Map<LabStore, number>([
  ['kafka', 9092],
  ['elasticsearch', 9200],
]);

describe('the exporter of a lab', () => {
  it('brings every flow to each store that was asked for', () => {
    const of = (ports: ReadonlyMap<LabStore, number>): string[] => {
      const { config, problems } = parseConfig(exportConfig(paths, ports));
      assert.deepEqual(problems, []);
      return config!.sinks.map(({ name, target, allowList }) => `${name} ${target.kind} ${allowList.length}`);
    };
    assert.deepEqual(of(all), ['bus kafka 0', 'flows elasticsearch 0', 'edges elasticsearch 0']);
    assert.deepEqual(of(new Map([['kafka', 1]])), ['bus kafka 0']);
    assert.deepEqual(of(new Map([['elasticsearch', 1]])), ['flows elasticsearch 0', 'edges elasticsearch 0']);
  });

  it('says what to try on each, at the ports that it has', () => {
    const text = storesLegend(paths, all);
    assert.match(text, /docs\/examples\/kafka-consumer\.ts 127\.0\.0\.1:9092 flows\n/);
    assert.match(text, /curl -s 'http:\/\/127\.0\.0\.1:9200\/logs-sluice\.flows-default\/_count/);
    assert.doesNotMatch(storesLegend(paths, new Map([['kafka', 1]])), /curl/);
  });
});
