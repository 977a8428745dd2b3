import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { podNames } from '../../exporter/support/sink-contract.ts';
import { produce, startBroker } from '../../exporter/support/topic.ts';
import { runCli, startCli } from '../support/run-cli.ts';

const { broker, missing } = await startBroker();

after(() => broker?.stop());

describe('observing a topic', { skip: missing !== '' && missing }, () => {
  before(async () => {
    await produce(broker!, 'flows', 'protobuf', 0, 60);
    await produce(broker!, 'flows', 'json', 60, 100);
  });
  const observe = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(['observe', '--kafka', broker!.address, '--topic', 'flows', '-o', 'json', ...args]);
  const podsOf = (out: string): string[] =>
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { flow: { source: { pod_name: string } } }).flow.source.pod_name);

  it('prints everything in it, protobuf and JSON, and ends', async () => {
    const { out, status } = await observe('--all');
    assert.equal(status, 0);
    assert.deepEqual([...new Set(podsOf(out))].sort(), podNames(0, 100).sort());
  });

  it('honours filters and numbers', async () => {
    const { out } = await observe('--all', '--from-pod', '/pod-7');
    assert.ok(podsOf(out).length > 0);
    assert.ok(podsOf(out).every((name) => name.startsWith('pod-7')));
    assert.equal(podsOf((await observe('--last', '5')).out).length, 5);
    assert.equal(podsOf((await observe('--first', '5')).out).length, 5);
  });

  it('prints other formats, and what was written since a time, with nothing on stderr', async () => {
    const all = ['observe', '--kafka', broker!.address, '--topic', 'flows', '--all'];
    const csv = await runCli([...all, '-o', 'csv']);
    assert.match(csv.out, /^time,node,source,/);
    assert.ok(csv.out.split('\n').length > 100);
    assert.equal(csv.err, '');
    const since = await runCli([...all, '--since', '2026-01-01T00:00:00Z', '-o', 'compact']);
    assert.match(since.out, /shop\/pod-99:\d+ \(unknown\) -> shop\/pay-5b7/);
  });

  it('follows what comes, and ends with success when it is interrupted', async () => {
    const args = ['observe', '--kafka', broker!.address, '--topic', 'flows', '--follow', '-o', 'json'];
    const child = startCli(args);
    const closed = once(child, 'close');
    try {
      // Where following begins is not told: so something comes until the first is there.
      const seen = once(child.stdout, 'data');
      const feed = setInterval(() => void produce(broker!, 'flows', 'protobuf', 200, 201), 2000);
      const [line] = (await seen.finally(() => clearInterval(feed))) as [Buffer];
      assert.match(line.toString(), /"pod_name":"pod-200"/);
    } finally {
      child.kill('SIGINT');
    }
    assert.deepEqual(await closed, [0, null]);
  });

  it('names a topic that is missing', async () => {
    const { err, status } = await runCli(['observe', '--kafka', broker!.address, '--topic', 'none', '--all']);
    assert.equal(status, 1);
    assert.match(err, /cannot read topic none of 127\.0\.0\.1:\d+: /);
  });
});

describe('the flags for a topic', () => {
  it('belong together, and name brokers', async () => {
    const errors = [
      [['--kafka', 'b:1'], '--kafka without --topic: expected --topic NAME beside it'],
      [['--topic', 't'], '--topic without --kafka: expected --kafka HOST:PORT,… beside it'],
      [['--kafka', 'b', '--topic', 't'], '--kafka "b": expected brokers as host:port, separated by commas'],
    ] as const;
    for (const [args, message] of errors) {
      const { err, status } = await runCli(['observe', ...args]);
      assert.notEqual(status, 0);
      assert.ok(err.includes(message), err);
    }
  });
});
