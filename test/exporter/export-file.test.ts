import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ExportReport } from '../../exporter/index.ts';
import { FakeAgent } from '../relay/support/fake-agent.ts';
import { lostFrame } from '../relay/support/flow-bytes.ts';
import { Scratch } from '../relay/support/scratch.ts';
import { podFrame } from '../support/build-frames.ts';
import { type ExportProcess, startExport } from './support/export-process.ts';
import { scratchDirectory } from './support/scratch-directory.ts';

const scratch = new Scratch();
const directory = scratchDirectory();
const configFile = join(directory, 'export.yaml');
const flowsFile = join(directory, 'flows.jsonl');
const dropsFile = join(directory, 'drops.jsonl');
let agent: FakeAgent;

const uuidOf = (i: number): string => `b9fab269-04ae-495c-9d12-${String(i).padStart(12, '0')}`;
/** Flow number i, of this moment. */
function flow(i: number): Uint8Array {
  return podFrame(`pod-${i}`, 80, 1 + (i % 2), Date.now() - 1_772_615_722_118, { uuid: uuidOf(i), l4: {} });
}

/** How often each number stands in a file. */
function numbersIn(path: string): Map<number, number> {
  const found = new Map<number, number>();
  if (!existsSync(path)) return found;
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const { flow } = JSON.parse(line) as { flow?: { uuid: string } };
    if (flow === undefined) continue;
    const number = Number(flow.uuid.slice(-12));
    found.set(number, (found.get(number) ?? 0) + 1);
  }
  return found;
}

async function untilThere(path: string, count: number): Promise<Map<number, number>> {
  for (let i = 0; i < 1200; i++) {
    const found = numbersIn(path);
    if (found.size >= count) return found;
    await sleep(50);
  }
  return numbersIn(path);
}

/** Starts an exporter, which ends with the tests at the latest. */
async function start(): Promise<ExportProcess> {
  const exporter = await startExport(configFile);
  scratch.keep({ stop: () => exporter.end('SIGKILL') });
  return exporter;
}

before(async () => {
  agent = scratch.keep(await new FakeAgent({ address: scratch.socket('relay'), nodeName: 'n1' }).start());
  writeFileSync(
    configFile,
    `source: { address: ${agent.options.address}, start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 32Mi }
metrics: { listen: 127.0.0.1:0 }
sinks:
  - name: all
    file: { path: ${flowsFile}, maxBytes: 1Gi }
  - name: drops
    allowList: [{ verdict: [DROPPED] }]
    fieldMask: [uuid, verdict]
    file: { path: ${dropsFile}, maxBytes: 1Gi }
`,
  );
});
after(() => scratch.clear());

describe('sluice export to files', () => {
  it('loses no flow although it is killed with -9 again and again, and the relay goes away', async () => {
    let next = 0;
    const feed = setInterval(() => {
      for (let i = 0; i < 50; i++) agent.append(flow(next++));
      if (next % 500 === 0) agent.append(lostFrame('n1', BigInt(Date.now()) * 1_000_000n, 3));
    }, 20);
    let kills = 0;
    for (; kills < 3; kills++) {
      const exporter = await start();
      await untilThere(flowsFile, next);
      await sleep(30 * kills);
      assert.equal(await exporter.end('SIGKILL'), null);
    }
    const exporter = await start();
    await agent.stop();
    await sleep(100);
    await agent.start(agent.ring);
    await sleep(100);
    clearInterval(feed);
    const all = await untilThere(flowsFile, next);
    const drops = await untilThere(dropsFile, next / 2);

    assert.deepEqual(
      [...all.keys()].sort((a, b) => a - b),
      Array.from({ length: next }, (_, i) => i),
    );
    assert.deepEqual(
      [...drops.keys()].filter((i) => i % 2 === 0),
      [],
    );
    assert.equal(drops.size, next / 2);
    // What was written within the moments before a kill comes again, no more.
    const duplicates = [...all.values()].reduce((sum, count) => sum + count - 1, 0);
    assert.ok(duplicates < next / 2, `${duplicates} duplicates of ${next}`);
    assert.match(
      readFileSync(flowsFile, 'utf8'),
      /\n\{"lost_events":\{"source":"HUBBLE_RING_BUFFER","num_events_lost":"3"\}/,
    );
    assert.match(
      readFileSync(dropsFile, 'utf8'),
      /^\{"flow":\{"verdict":"DROPPED","uuid":"[^"]*"\},"node_name":"n1","time":"[^"]*"\}\n/m,
    );

    const report = (await (await fetch(`http://${exporter.metrics}/status`)).json()) as ExportReport;
    const [first, second] = report.sinks;
    assert.equal(report.source.state, 'following');
    for (const { counts, waiting } of [first, second]) {
      const sum = Object.values(counts).reduce((total, count) => total + count, 0);
      assert.equal(sum + waiting, report.spool.written);
    }
    assert.equal(second.counts['filtered'], next / 2);

    const sluice = join(import.meta.dirname, '../../cli/main.ts');
    const asked = [sluice, 'export', 'status', '--metrics', exporter.metrics];
    const status = await promisify(execFile)(process.execPath, asked);
    assert.match(
      status.stdout,
      /^Source: following unix:\/\/.*\nReceived: [\d,]+ flows, [\d,]+ again after \d+ breaks\n/,
    );
    assert.match(status.stdout, /\n {2}drops +file +[\d,]+ +[\d,]+ +0 /);
    const metrics = await (await fetch(`http://${exporter.metrics}/metrics`)).text();
    assert.match(
      metrics,
      /^sluice_export_sink_messages_total\{sink="drops",kind="file",result="filtered"\} \d+$/m,
    );
    assert.equal((await fetch(`http://${exporter.metrics}/`)).status, 404);

    assert.equal(await exporter.end('SIGTERM'), 0);
    assert.match(exporter.log(), /msg="exporter stopped"/);
  });
});
