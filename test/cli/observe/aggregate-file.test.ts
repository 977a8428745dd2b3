import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { messageJson } from '../../../proto/flow/text/json-text.ts';
import type { Verdict } from '../../../proto/gen/flow/flow_pb.ts';
import { type GetFlowsResponse, GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { flowResponse, lostResponse, sampleTime } from '../../support/build-responses.ts';
import { HOME, runCli } from '../support/run-cli.ts';

const flow = (i: number, podName: string, verdict: Verdict): GetFlowsResponse =>
  flowResponse({ time: sampleTime(i), verdict, source: { namespace: 'shop', podName } });
const text = [
  flow(0, 'cart-1', 1),
  flow(1, 'cart-1', 2),
  flow(2, 'pay-1', 1),
  lostResponse({ source: 1, numEventsLost: 3n }),
  flow(3, 'cart-1', 1),
]
  .map((response) => `${messageJson(GetFlowsResponseSchema, response)}\n`)
  .join('');
const BY_POD = ['--aggregate-by', 'source-pod', '-o', 'csv'];

/** Keys and numbers of flows of rows in CSV. */
function rowsOf(out: string): string[] {
  return out
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split(',').slice(0, 2).join(' '));
}

describe('flows of a file, counted', () => {
  let directory: string;
  let path: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-count-'));
    path = join(directory, 'flows.json');
    writeFileSync(path, text);
  });
  after(() => rmSync(directory, { recursive: true }));

  it('are all of them, unless filters and selection say otherwise; losses are told', async () => {
    const all = await runCli(['observe', '--input-file', path, ...BY_POD]);
    assert.deepEqual(rowsOf(all.out), ['shop/cart-1 3', 'shop/pay-1 1']);
    assert.match(all.err, /3/);
    assert.equal(all.status, 0);
    const few = await runCli(['observe', '--input-file', path, '--last', '2', ...BY_POD, '-s']);
    assert.deepEqual(rowsOf(few.out), ['shop/cart-1 1']);
    const dropped = await runCli(['observe', '-f', '--input-file', path, '--verdict', 'DROPPED', ...BY_POD]);
    assert.deepEqual(rowsOf(dropped.out), ['shop/cart-1 1']);
  });

  it('are shown by the views of top, at the end of the file', async () => {
    const { out, status } = await runCli(['top', 'source-pod', '--input-file', path, '-o', 'csv']);
    assert.deepEqual(rowsOf(out), ['shop/cart-1 3', 'shop/pay-1 1']);
    assert.equal(status, 0);
  });

  it('may come from stdin, as long as they please', async (t) => {
    const main = join(import.meta.dirname, '../../../cli/main.ts');
    const args = ['top', 'source-pod', '--input-file', '-', '-o', 'csv', '--interval', '100ms'];
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], HOME },
    });
    t.after(() => child.kill());
    const ended = new Promise((resolve) => child.on('close', resolve));
    let out = '';
    child.stdin.write(text.slice(0, text.indexOf('\n') + 1));
    // Rows come before stdin has ended.
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
        if (out.includes('shop/cart-1')) resolve();
      });
    });
    child.stdin.end(text.slice(text.indexOf('\n') + 1));
    assert.equal(await ended, 0);
    assert.match(out, /shop\/pay-1/);
  });

  it('are not told when the file could not be read to its end', async () => {
    const long = join(directory, 'long.json');
    writeFileSync(long, `${text}${'x'.repeat(70_000)}\n`);
    const { out, err, status } = await runCli(['observe', '--input-file', long, ...BY_POD]);
    assert.equal(out, '');
    assert.match(err, /line 6 is longer than 65536 bytes/);
    assert.equal(status, 1);
  });

  it('are of a file or of a forwarded port, not both', async () => {
    const { err, status } = await runCli(['observe', '-P', '--input-file', path, ...BY_POD]);
    assert.match(err, /--input-file and --port-forward cannot be used together/);
    assert.equal(status, 1);
  });
});
