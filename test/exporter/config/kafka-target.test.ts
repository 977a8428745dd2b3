import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig } from '../../../exporter/config/parse-config.ts';
import { readSecret } from '../../../exporter/config/secret.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

function parse(kafka: string): ReturnType<typeof parseConfig> {
  return parseConfig(
    `source: { address: a:1 }\nspool: { directory: s }\nsinks:\n- name: k\n  kafka: ${kafka}\n`,
  );
}
const faults = (kafka: string): string[] => parse(kafka).problems.map(({ message }) => message);

describe('the configuration of a sink for Kafka', () => {
  it('needs brokers and a topic, and has defaults for the rest', () => {
    assert.deepEqual(parse('{ brokers: ["b:9092"], topic: flows }').config?.sinks[0].target, {
      kind: 'kafka',
      brokers: ['b:9092'],
      topic: 'flows',
      client: 'platformatic',
      key: 'workloads',
      format: 'protobuf',
      compression: 'lz4',
      inFlight: 4,
    });
    assert.deepEqual(faults('{}'), [
      'sinks[0].kafka.brokers has 0 entries: expected 1 to 100, as host:port',
      'sinks[0].kafka.topic is missing: expected a string',
    ]);
  });

  it('takes TLS and SASL, with secrets from elsewhere only', () => {
    const { config } = parse(
      '{ brokers: ["[::1]:9092"], topic: t, client: kafkajs, tls: { caFiles: [ca.crt] }, sasl: { mechanism: PLAIN, username: u, password: { env: P } } }',
    );
    const target = config?.sinks[0].target;
    assert.ok(target?.kind === 'kafka');
    assert.equal(target.compression, 'lz4');
    assert.deepEqual(target.tls, { caFiles: ['ca.crt'] });
    assert.deepEqual(target.sasl, { mechanism: 'PLAIN', username: 'u', password: { env: 'P' } });
    assert.deepEqual(faults('{ brokers: ["b:1"], topic: t, sasl: { username: u, password: secret } }'), [
      'sinks[0].kafka.sasl.password is no place of a secret: expected {file: PATH} or {env: NAME}',
    ]);
  });

  it('refuses what a client has not, and names that are none', () => {
    assert.deepEqual(faults('{ brokers: [b], topic: "a b", client: kafkajs, compression: snap }'), [
      'sinks[0].kafka.brokers[0] is "b": expected a broker as host:port',
      'sinks[0].kafka.topic is "a b": expected up to 249 letters, digits, dots, - and _',
      'sinks[0].kafka.compression is "snap": expected one of none, gzip, lz4, zstd',
    ]);
  });
});

describe('a secret', () => {
  it('is read from a file, without the line break at its end, or from the environment', () => {
    const file = join(scratchDirectory(), 'password');
    writeFileSync(file, 'pass word\n');
    assert.equal(readSecret({ file }), 'pass word');
    process.env['SLUICE_TEST_SECRET'] = 'x';
    assert.equal(readSecret({ env: 'SLUICE_TEST_SECRET' }), 'x');
    delete process.env['SLUICE_TEST_SECRET'];
    assert.throws(() => readSecret({ env: 'SLUICE_TEST_SECRET' }), {
      message: 'environment variable SLUICE_TEST_SECRET is not set: expected a secret',
    });
    assert.throws(() => readSecret({ file: `${file}.none` }), {
      message: `cannot read secret ${file}.none: ENOENT`,
    });
  });
});
