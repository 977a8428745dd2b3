import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createKafkaSink } from '../../../exporter/sink/kafka/sink.ts';
import { KafkaBroker } from '../../../lab/servers/kafka-broker.ts';
import { podFlows, podNames, writeUntilDone } from '../../exporter/support/sink-contract.ts';
import { runCli } from '../support/run-cli.ts';

let missing = '';
const broker = await KafkaBroker.start().catch((error: Error) => {
  missing = `Kafka was not tested, there is no broker: ${error.message}`;
  return null;
});

async function produce(format: 'protobuf' | 'json', from: number, to: number): Promise<void> {
  const sink = await createKafkaSink({
    kind: 'kafka',
    brokers: [broker!.address],
    topic: 'flows',
    client: 'platformatic',
    key: 'workloads',
    format,
    compression: 'lz4',
    inFlight: 1,
    createTopic: { partitions: 3, replicationFactor: 1 },
  });
  await sink.open();
  assert.deepEqual(await writeUntilDone(sink, podFlows(from, to)), []);
  await sink.close();
}

after(() => broker?.stop());

describe('observing a topic', { skip: missing !== '' && missing }, () => {
  before(async () => {
    await produce('protobuf', 0, 60);
    await produce('json', 60, 100);
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
