import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../../../exporter/config/parse-config.ts';

function parse(elasticsearch: string): ReturnType<typeof parseConfig> {
  return parseConfig(
    `source: { address: a:1 }\nspool: { directory: s }\nsinks:\n- name: e\n  elasticsearch: ${elasticsearch}\n`,
  );
}
const faults = (text: string): string[] => parse(text).problems.map(({ message }) => message);

describe('the configuration of a sink for Elasticsearch', () => {
  it('needs nodes, and has defaults for the rest', () => {
    assert.deepEqual(parse('{ nodes: ["http://a:9200"] }').config?.sinks[0].target, {
      kind: 'elasticsearch',
      nodes: ['http://a:9200'],
      stream: 'flows',
      namespace: 'default',
      compression: 'none',
      inFlight: 2,
    });
    assert.deepEqual(faults('{}'), [
      'sinks[0].elasticsearch.nodes has 0 entries: expected 1 to 100, such as https://localhost:9200',
    ]);
  });

  it('takes one way to log in, with secrets from elsewhere only', () => {
    const nodes = 'nodes: ["https://a:9200"]';
    const key = parse(`{ ${nodes}, apiKey: { file: /run/key }, tls: { caFiles: [ca.crt] } }`).config?.sinks[0]
      .target;
    assert.ok(key?.kind === 'elasticsearch');
    assert.deepEqual(key.auth, { kind: 'apiKey', apiKey: { file: '/run/key' } });
    assert.deepEqual(key.tls, { caFiles: ['ca.crt'] });
    const basic = parse(`{ ${nodes}, basic: { username: u, password: { env: P } } }`).config?.sinks[0].target;
    assert.ok(basic?.kind === 'elasticsearch');
    assert.deepEqual(basic.auth, { kind: 'basic', username: 'u', password: { env: 'P' } });
    assert.deepEqual(faults(`{ ${nodes}, apiKey: abc }`), [
      'sinks[0].elasticsearch.apiKey is no place of a secret: expected {file: PATH} or {env: NAME}',
    ]);
    assert.deepEqual(
      faults(`{ ${nodes}, apiKey: { env: K }, basic: { username: u, password: { env: P } } }`),
      ['sinks[0].elasticsearch has apiKey and basic: expected one of them, or none'],
    );
  });

  it('refuses addresses and names that are none, and a password in an address', () => {
    const nodes = ['localhost:9200', 'https://u:p@a:9200', 'ftp://a'];
    assert.deepEqual(
      faults(`{ nodes: ${JSON.stringify(nodes)}, namespace: My-Fleet, compression: lz4, inFlight: 99 }`),
      [
        ...nodes.map(
          (node, i) =>
            `sinks[0].elasticsearch.nodes[${i}] is "${node}": expected an address such as https://localhost:9200, without user, query or fragment`,
        ),
        'sinks[0].elasticsearch.namespace is "My-Fleet": expected up to 100 lower case letters, digits, dots and _',
        'sinks[0].elasticsearch.compression is "lz4": expected one of none, gzip',
        'sinks[0].elasticsearch.inFlight is the number 99: expected a whole number from 1 to 16',
      ],
    );
  });
});
