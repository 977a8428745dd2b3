import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportReport } from '../../exporter/index.ts';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { Scratch } from '../relay/support/scratch.ts';
import { podFrame } from '../support/build-frames.ts';
import { type ExportProcess, startExport } from './support/export-process.ts';
import { scratchDirectory } from './support/scratch-directory.ts';

const scratch = new Scratch();
const directory = scratchDirectory();
const configFile = join(directory, 'export.yaml');
const fileOf = (name: string): string => join(directory, `${name}.jsonl`);
let agent: FakeAgent;
let exporter: ExportProcess;

/** Puts a configuration with these sinks in place, in one step. */
function configure(sinks: string, spool = join(directory, 'spool')): void {
  writeFileSync(
    `${configFile}.new`,
    `source: { address: ${agent.options.address}, start: oldest }
spool: { directory: ${spool}, maxBytes: 32Mi }
metrics: { listen: 127.0.0.1:0 }
sinks:
${sinks}
`,
  );
  renameSync(`${configFile}.new`, configFile);
}

const drops = (more = ''): string =>
  `  - { name: drops, allowList: [{ verdict: [DROPPED] }], ${more}file: { path: ${fileOf('drops')}, maxBytes: 1Gi } }`;
const all = (): string => `  - { name: all, file: { path: ${fileOf('all')}, maxBytes: 1Gi } }`;

async function status(): Promise<ExportReport> {
  return (await (await fetch(`http://${exporter.metrics}/status`)).json()) as ExportReport;
}

async function untilStatus(isThere: (report: ExportReport) => boolean): Promise<ExportReport> {
  let report = await status();
  for (let i = 0; i < 600 && !isThere(report); i++) {
    await sleep(100);
    report = await status();
  }
  assert.ok(isThere(report), `never came: ${JSON.stringify(report)}`);
  return report;
}

/** The numbers in a file, in order and once each. */
function numbersIn(name: string): number[] {
  if (!existsSync(fileOf(name))) return [];
  const lines = readFileSync(fileOf(name), 'utf8').split('\n').slice(0, -1);
  const numbers = lines.map((line) =>
    Number((JSON.parse(line) as { flow: { uuid: string } }).flow.uuid.slice(-12)),
  );
  return [...new Set(numbers)].sort((a, b) => a - b);
}

before(async () => {
  agent = scratch.keep(await new FakeAgent({ address: scratch.socket('relay'), nodeName: 'n1' }).start());
});
after(() => scratch.clear());

describe('a changed configuration', () => {
  it('is put in force while flows pass, and none is lost', async () => {
    configure(drops());
    exporter = await startExport(configFile);
    scratch.keep({ stop: () => exporter.end('SIGKILL') });
    let next = 0;
    const feed = setInterval(() => {
      for (let i = 0; i < 20; i++, next++) {
        const uuid = `b9fab269-04ae-495c-9d12-${String(next).padStart(12, '0')}`;
        const ms = Date.now() - 1_772_615_722_118;
        agent.append(podFrame(`pod-${next}`, 80, 1 + (next % 2), ms, { uuid, l4: {} }));
      }
    }, 20);
    try {
      await untilStatus(({ sinks }) => (sinks[0].counts['delivered'] ?? 0) > 0);

      // A new sink that wants more than what the source was asked for until now, and a changed one.
      configure(`${drops('fieldMask: [uuid, verdict], ')}\n${all()}`);
      const added = await untilStatus(({ config }) => config.reloads === 1);
      assert.deepEqual(
        added.sinks.map(({ name }) => name),
        ['drops', 'all'],
      );
      const firstOfAll = next;
      await untilStatus(({ sinks }) => (sinks[1].counts['delivered'] ?? 0) > 0);

      configure('  - { name: all, fil: {} }');
      const wrong = await untilStatus(({ config }) => config.problem !== '');
      assert.match(wrong.config.problem, /export\.yaml:5:\d+: sinks\[0\] has .*fil/);
      assert.equal(wrong.sinks.length, 2);

      configure(all(), join(directory, 'other'));
      const moved = await untilStatus(({ config }) => config.needsRestart.length > 0);
      assert.match(moved.config.problem, /^spool\.directory is .*: restart the exporter$/);
      assert.equal(moved.sinks.length, 2);

      configure(`${drops('sampleOneIn: 1, denyList: [{ source_pod: [none/none] }], ')}\n${all()}`);
      exporter.signal('SIGHUP');
      await untilStatus(({ config }) => config.reloads === 2);
      const fromThenOn = next;
      clearInterval(feed);
      await untilStatus(({ sinks }) => sinks.every(({ waiting }) => waiting === 0));
      await untilStatus(() => numbersIn('all').includes(next - 1));

      const odd = Array.from({ length: next / 2 }, (_, i) => 2 * i + 1);
      assert.deepEqual(numbersIn('drops'), odd);
      const found = numbersIn('all').filter((number) => number >= firstOfAll);
      assert.deepEqual(
        found,
        Array.from({ length: next - firstOfAll }, (_, i) => firstOfAll + i),
      );
      assert.ok(fromThenOn > firstOfAll);

      configure(all());
      const removed = await untilStatus(({ config }) => config.reloads === 3);
      assert.deepEqual(
        removed.sinks.map(({ name }) => name),
        ['all'],
      );
      const metrics = await (await fetch(`http://${exporter.metrics}/metrics`)).text();
      assert.match(metrics, /^sluice_export_config_in_force 1$/m);
      assert.match(metrics, /^sluice_export_config_reloads_total 3$/m);
      assert.equal(await exporter.end('SIGTERM'), 0);
    } finally {
      clearInterval(feed);
    }
  });
});
