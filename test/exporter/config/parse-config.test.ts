import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../../../exporter/config/parse-config.ts';
import { parseByteQuantity } from '../../../exporter/config/quantity.ts';

const good = `
source:
  address: unix:///run/relay.sock
spool:
  directory: /var/lib/sluice/export
sinks:
  - name: audit
    file: { path: /var/log/flows.jsonl }
`;

/** Faults of a text as `line:column message`. */
function faults(text: string): string[] {
  return parseConfig(text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('the configuration of an exporter', () => {
  it('fills in defaults', () => {
    assert.deepEqual(parseConfig(good), {
      problems: [],
      config: {
        source: {
          kind: 'relay',
          address: { kind: 'unix', path: '/run/relay.sock' },
          start: 'now',
          overlapMs: 10_000,
        },
        spool: {
          directory: '/var/lib/sluice/export',
          maxBytes: 1024 ** 3,
          whenFull: 'stop',
          syncMs: 1000,
        },
        metrics: { kind: 'tcp', host: '127.0.0.1', port: 9965, tls: false },
        sinks: [
          {
            name: 'audit',
            allowList: [],
            denyList: [],
            fieldMask: [],
            sampleOneIn: 1,
            deadLetterFile: '/var/lib/sluice/export/dead-letters-audit.jsonl',
            target: {
              kind: 'file',
              path: '/var/log/flows.jsonl',
              maxBytes: 10 * 1024 ** 2,
              maxAgeMs: 0,
              maxBackups: 5,
              compress: 'none',
              sync: false,
            },
          },
        ],
      },
    });
  });

  it('takes a topic as the source', () => {
    const parse = (source: string): ReturnType<typeof parseConfig> =>
      parseConfig(`source: ${source}\nspool: { directory: s }\nsinks: [{ name: a, stdout: {} }]\n`);
    const kafka = '{ brokers: ["b:1"], topic: t }';
    assert.deepEqual(parse(`{ kafka: ${kafka}, start: oldest }`).config?.source, {
      kind: 'kafka',
      brokers: ['b:1'],
      topic: 't',
      group: 'sluice-export',
      start: 'oldest',
    });
    assert.match(parse(`{ kafka: ${kafka}, address: a:1 }`).problems[0].message, /^source\.address/);
  });

  it('takes every setting', () => {
    const { config } = parseConfig(`
source: { address: tls://relay.east:4245, tls: { caFiles: [ca.crt], serverName: r }, start: oldest, overlap: 1m }
spool: { directory: s, maxBytes: 64Mi, whenFull: drop-oldest, sync: 0s }
metrics: { listen: none }
sinks:
  - name: a
    allowList: ['{"verdict":["DROPPED"]}', { source_pod: [shop/] }]
    denyList: [{ destination_port: ["53"] }]
    fieldMask: [time, source.pod_name]
    sampleOneIn: 10
    deadLetterFile: dead
    stdout: {}
`);
    assert.ok(config !== null);
    assert.ok(config.source.kind === 'relay');
    assert.deepEqual(config.source.tls, { caFiles: ['ca.crt'], serverName: 'r', minVersion: 'TLSv1.3' });
    assert.equal(config.source.start, 'oldest');
    assert.equal(config.source.overlapMs, 60_000);
    assert.equal(config.spool.maxBytes, 64 * 1024 ** 2);
    assert.equal(config.spool.whenFull, 'drop-oldest');
    assert.equal(config.spool.syncMs, 0);
    assert.equal(config.metrics, null);
    const [sink] = config.sinks;
    assert.equal(sink.allowList.length, 2);
    assert.deepEqual(sink.allowList[1].sourcePod, ['shop/']);
    assert.deepEqual(sink.denyList[0].destinationPort, ['53']);
    assert.deepEqual(sink.fieldMask, ['time', 'source.pod_name']);
    assert.equal(sink.sampleOneIn, 10);
    assert.equal(sink.deadLetterFile, 'dead');
  });

  for (const [what, text, expected] of [
    ['an unknown field', `${good}extra: 1\n`, ['9:1 extra is no field of this kind']],
    [
      'a filter with an unknown field',
      good.replace('    file', '    allowList: [{ verdikt: [A] }]\n    file'),
      [
        '8:17 sinks[0].allowList[0] is no flow filter: cannot decode message flow.FlowFilter from JSON: key "verdikt" is unknown',
      ],
    ],
    [
      'a filter with a bad value',
      good.replace('    file', '    denyList: [{ source_ip: [x] }]\n    file'),
      [
        '8:16 sinks[0].denyList[0] cannot be used: invalid source_ip "x" in flow filter: expected an IP address or a range in CIDR form',
      ],
    ],
    [
      'a mask that names no field',
      good.replace('    file', '    fieldMask: [time, a.b]\n    file'),
      ['8:23 sinks[0].fieldMask[1]: invalid field mask path "a.b": flow.Flow has no field of that name'],
    ],
    [
      'a sink without a target',
      good.replace(/ {4}file.*\n/, ''),
      ['7:5 sinks[0] has no target: expected exactly one of file, stdout, kafka, elasticsearch'],
    ],
    [
      'two sinks of one name',
      `${good}  - name: audit\n    stdout: {}\n`,
      ['9:5 sinks[1] has name "audit", as sinks[0] has'],
    ],
    [
      'two sinks that write one file',
      `${good}  - name: b\n    file: { path: /var/log/flows.jsonl }\n`,
      ['9:5 sinks[1] has file "/var/log/flows.jsonl", as sinks[0] has'],
    ],
    [
      'a key without its certificate',
      good.replace('relay.sock', 'relay.sock\n  tls: { keyFile: k }'),
      ['4:3 source.tls has one of certFile and keyFile: expected both or none'],
    ],
    [
      'an address that is none',
      good.replace('unix:///run/relay.sock', 'nowhere'),
      [
        '3:3 source.address: invalid address "nowhere": expected unix:///path/to.sock, an absolute path ending in .sock, host:port, [ipv6]:port or an IP address',
      ],
    ],
    [
      'a spool that is too small',
      good.replace('export\n', 'export\n  maxBytes: 1Ki\n'),
      ['6:3 spool.maxBytes is "1Ki": expected a size from 33554432 to 17592186044416 bytes, such as 64Mi'],
    ],
    [
      'a policy that does not exist',
      good.replace('export\n', 'export\n  whenFull: drop\n'),
      ['6:3 spool.whenFull is "drop": expected one of stop, drop-oldest, drop-newest'],
    ],
    ['no text at all', '', ['1:1 is empty: expected a mapping with source, spool and sinks']],
    ['a second document', `${good}---\na: 1\n`, ['10:1 is a further document: expected one']],
    [
      'text that is no YAML',
      'a: [',
      [
        '1:5 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
      ],
    ],
  ] as const) {
    it(`says where ${what} stands`, () => assert.deepEqual(faults(text), expected));
  }

  it('names what is missing', () => {
    assert.deepEqual(faults('metrics: {}'), [
      '1:1 source is missing: expected a mapping with the address of a relay or agent',
      '1:1 spool is missing: expected a mapping with the directory in which flows wait',
      '1:1 sinks is missing: expected a list of one sink or more',
    ]);
  });

  it('never throws, whatever stands in a field', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('source', 'spool', 'metrics', 'sinks'),
        fc.jsonValue({ maxDepth: 3 }),
        (name, value) => {
          const { config, problems } = parseConfig(JSON.stringify({ [name]: value }));
          assert.equal(config, null);
          assert.ok(problems.length > 0);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a size', () => {
  it('may have the suffixes of Kubernetes', () => {
    const cases: readonly (readonly [string, number | null])[] = [
      ['4096', 4096],
      ['64Mi', 64 * 1024 ** 2],
      ['1.5Gi', 1.5 * 1024 ** 3],
      ['2k', 2000],
      ['1M', 1e6],
      ['-1', null],
      ['1.1', null],
      ['1 Mi', null],
      ['9999999T', null],
      ['', null],
    ];
    for (const [text, bytes] of cases) assert.equal(parseByteQuantity(text), bytes, text);
  });
});
