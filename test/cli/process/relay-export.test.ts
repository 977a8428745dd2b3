import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportReport } from '../../../exporter/index.ts';
import { scratchDirectory } from '../../exporter/support/scratch-directory.ts';
import { FakeAgent } from '../../relay/support/fake-agent.ts';
import { Scratch } from '../../relay/support/scratch.ts';
import { podFrame } from '../../support/build-frames.ts';
import { finished, startCli } from '../support/run-cli.ts';

const scratch = new Scratch();
after(() => scratch.clear());

describe('sluice relay --export', () => {
  it('exports what the relay serves, serves its status, and ends with the relay', async () => {
    const agent = scratch.keep(
      await new FakeAgent({ address: scratch.socket('agent'), nodeName: 'n1' }).start(),
    );
    const directory = scratchDirectory();
    const relay = scratch.socket('relay');
    const file = join(directory, 'flows.jsonl');
    const configFile = join(directory, 'export.yaml');
    writeFileSync(
      configFile,
      `source: { address: ${relay}, start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 32Mi }
metrics: { listen: 127.0.0.1:0 }
sinks: [{ name: all, file: { path: ${file} } }]
`,
    );
    const followed = ['--peer', agent.options.address, '--store-dir', 'off'];
    const child = startCli(['relay', '--name', 'r', '--listen', relay, '--export', configFile, ...followed]);
    scratch.keep({ stop: () => void child.kill('SIGKILL') });
    let log = '';
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    const ended = finished(child);
    for (let i = 0; i < 600 && child.exitCode === null && !existsSync(file); i++) {
      const uuid = `b9fab269-04ae-495c-9d12-${String(i).padStart(12, '0')}`;
      agent.append(podFrame('pod-1', 80, 1, Date.now() - 1_772_615_722_118, { uuid, l4: {} }));
      await sleep(100);
    }
    assert.ok(existsSync(file), log);
    for (let i = 0; i < 600 && !readFileSync(file, 'utf8').includes('pod-1'); i++) await sleep(100);
    assert.match(readFileSync(file, 'utf8'), /"pod_name":"pod-1"/);
    const metrics = /msg="exporter ready".* metrics=(\S+)/.exec(log)![1];
    const report = (await (await fetch(`http://${metrics}/status`)).json()) as ExportReport;
    assert.equal(report.sinks[0].name, 'all');
    child.kill('SIGTERM');
    const { status, err } = await ended;
    assert.equal(status, 0, err);
    assert.match(err, /msg="relay stopped"/);
    assert.match(err, /msg="exporter stopped"/);
  });

  it('does not start with a configuration that cannot be used', async () => {
    const configFile = join(scratchDirectory(), 'export.yaml');
    writeFileSync(configFile, 'sinks: []\n');
    const { status, err } = await finished(
      startCli([
        'relay',
        '--peer',
        scratch.socket('none'),
        '--listen',
        scratch.socket('r'),
        '--export',
        configFile,
      ]),
    );
    assert.equal(status, 1);
    assert.match(err, /export\.yaml:1:\d+: /);
  });
});
