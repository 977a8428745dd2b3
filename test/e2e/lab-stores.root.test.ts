import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { countDocuments } from '../exporter/support/read-documents.ts';
import { LabHarness } from './support/lab-harness.ts';

const ROOT = join(import.meta.dirname, '../..');

function missingTools(): string {
  const missing = ['java', 'mvn'].filter((tool) => {
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`]);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0
    ? ''
    : `the lab with its stores was not tested, there is no ${missing.join(' and no ')}`;
}
const missing = missingTools();

/** Processes that have a text on their command line. */
function processesWith(text: string): string[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  return listed.split('\n').filter((line) => line.includes(text) && !line.includes('ps -eo'));
}

describe('a lab with Kafka and Elasticsearch', { skip: missing !== '' && missing }, () => {
  it('brings its flows to both, as the commands that it names show, and leaves nothing behind', async (t) => {
    const lab = LabHarness.start(t, ['--with', 'kafka,elasticsearch', '--show-flows=false']);
    await lab.printed('Every flow goes to the stores, too:');
    // What it printed is all there now: the commands follow in the same write.
    await lab.printed('export status');
    const printed = lab.lines.join('\n');
    const [, url, index] = /curl -s '(http:\/\/127\.0\.0\.1:\d+)\/(logs-sluice\.flows-default)\/_count/.exec(
      printed,
    )!;
    for (let i = 0; i < 600 && (await countDocuments(url, index)) < 500; i++) await sleep(100);
    assert.ok((await countDocuments(url, index)) >= 500);

    const [, broker] = /node docs\/examples\/kafka-consumer\.ts (\S+) flows/.exec(printed)!;
    const consumer = spawn(process.execPath, ['docs/examples/kafka-consumer.ts', broker, 'flows'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const read: string[] = [];
    const timer = setTimeout(() => consumer.kill('SIGKILL'), 60_000);
    for await (const line of createInterface(consumer.stdout)) {
      read.push(line);
      if (read.length === 100) consumer.kill('SIGTERM');
    }
    clearTimeout(timer);
    assert.ok(read.length >= 100, `${read.length} records`);
    assert.match(read[0], /^\[\d\] (east|west)\/node\d /);

    assert.notEqual(processesWith(lab.paths.serversDir).length, 0);
    lab.child.kill('SIGTERM');
    assert.equal(await lab.exit, 0);
    assert.deepEqual(processesWith(lab.paths.serversDir), []);
    assert.equal(existsSync(lab.paths.serversDir), false);
  });
});
