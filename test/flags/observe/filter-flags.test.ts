import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { buildFilters } from '../../../flags/observe/build-filters.ts';
import { exclusiveGroups } from '../../../flags/observe/exclusive-groups.ts';
import { filterFlags } from '../../../flags/observe/filter-flags.ts';
import { parseRawFilters, rawFiltersText } from '../../../cli/observe/raw-filters.ts';
import { Verdict } from '../../../proto/gen/flow/flow_pb.ts';

/** The filters of a command line in short: `allow {…} {…} deny {…}`. */
function filters(...args: string[]): string {
  return rawFiltersText(buildFilters(parseFlags(args, filterFlags).uses))
    .replace(/(allow|deny)list:\n/g, '$1 ')
    .replace(/ {4}- '(.*)'\n/g, '$1 ')
    .trim();
}

/** A flag that fills the same field of both filters, so that one is sent. */
const both = (name: string, value: string, json: string) =>
  [`--${name}=${value}`, `allow {${json}}`] as const;
/** A flag about one end: source on the left, destination on the right; and its two sisters. */
const split = (name: string, value: string, field: string, json: string) =>
  [
    [`--${name}=${value}`, `allow {"source_${field}":${json}} {"destination_${field}":${json}}`],
    [`--from-${name}=${value}`, `allow {"source_${field}":${json}}`],
    [`--to-${name}=${value}`, `allow {"destination_${field}":${json}}`],
  ] as const;

describe('every filter flag', () => {
  const flags: readonly (readonly [arg: string, expected: string])[] = [
    both('uuid', 'u', '"uuid":["u"]'),
    both('node-name', 'k8s*', '"node_name":["k8s*"]'),
    both('node-label', 'a=b', '"node_labels":["a=b"]'),
    ...split('cluster', 'east', 'cluster_name', '["east"]'),
    both('protocol', 'udp', '"protocol":["udp"]'),
    both('tcp-flags', 'SYN,ack', '"tcp_flags":[{"SYN":true,"ACK":true}]'),
    both('type', 'l7', '"event_type":[{"type":129}]'),
    both('verdict', 'AUDIT', '"verdict":["AUDIT"]'),
    both('drop-reason-desc', 'POLICY_DENIED', '"drop_reason_desc":["POLICY_DENIED"]'),
    both('http-status', '5+', '"http_status_code":["5+"]'),
    both('http-method', 'get', '"http_method":["get"]'),
    both('http-path', '/a.*', '"http_path":["/a.*"]'),
    both('http-url', 'http://.*', '"http_url":["http://.*"]'),
    both('http-header', 'a:b:c', '"http_header":[{"key":"a","value":"b:c"}]'),
    both('trace-id', 't', '"trace_id":["t"]'),
    both('ip-trace-id', '7', '"ip_trace_id":["7"]'),
    ...split('fqdn', '*.example.org', 'fqdn', '["*.example.org"]'),
    ...split('ip', '10.0.0.0/8', 'ip', '["10.0.0.0/8"]'),
    both('snat-ip', '10.0.0.1', '"source_ip_xlated":["10.0.0.1"]'),
    ['--ipv4', 'allow {"ip_version":["IPv4"]}'],
    ['-6', 'allow {"ip_version":["IPv6"]}'],
    both('ip-version', 'none', '"ip_version":["IP_NOT_USED"]'),
    both('ip-version', 'Ip6', '"ip_version":["IPv6"]'),
    ...split('pod', 'a/b', 'pod', '["a/b"]'),
    ...split('service', 'a/b', 'service', '["a/b"]'),
    ...split('namespace', 'a', 'pod', '["a/"]'),
    ['-A', 'allow {"source_pod":["/"]} {"destination_pod":["/"]}'],
    ['--from-all-namespaces', 'allow {"source_pod":["/"]}'],
    ['--to-all-namespaces', 'allow {"destination_pod":["/"]}'],
    ...split('label', 'a in (b)', 'label', '["a in (b)"]'),
    ...split('port', '53', 'port', '["53"]'),
    ...split('workload', 'Deployment/web', 'workload', '[{"name":"web","kind":"Deployment"}]'),
    ...split('identity', 'world', 'identity', '[2]'),
    both('traffic-direction', 'EGRESS', '"traffic_direction":["EGRESS"]'),
    both('cel-expression', 'true', '"experimental":{"cel_expression":["true"]}'),
    both('interface', 'eth0', '"interface":[{"name":"eth0"}]'),
    ['--encrypted', 'allow {"encrypted":[true]}'],
    ['--unencrypted', 'allow {"encrypted":[false]}'],
    ['--reply', 'allow {"reply":[true]}'],
    ['--not-reply', 'allow {"reply":[false]}'],
  ];
  for (const [arg, expected] of flags) {
    it(`makes of ${arg}: ${expected}`, () => assert.equal(filters(arg), expected));
  }

  it('is in that table', () => {
    const named = new Set(flags.map(([arg]) => arg.split('=')[0]));
    const missing = filterFlags.filter(
      ({ name, short }) => name !== 'not' && !named.has(`--${name}`) && !named.has(`-${short ?? ''}`),
    );
    assert.deepEqual(missing, []);
  });
});

describe('values of filter flags', () => {
  const accepted: readonly (readonly [string, string, string])[] = [
    ...Object.keys(Verdict).map((name) => ['verdict', name, name] as const),
    ['drop-reason-desc', 'DROP_REASON_UNKNOWN', 'DROP_REASON_UNKNOWN'],
    ['drop-reason-desc', 'DROP_FRAG_NOT_FOUND_WORLD', 'DROP_FRAG_NOT_FOUND_WORLD'],
    ['type', 'drop', '{"type":1}'],
    ['type', 'debug', '{"type":2}'],
    ['type', 'capture', '{"type":3}'],
    ['type', 'trace', '{"type":4}'],
    ['type', 'policy-verdict', '{"type":5}'],
    ['type', 'trace-sock', '{"type":7}'],
    ['type', 'agent', '{"type":130}'],
    ['type', '007', '{"type":7}'],
    ['type', '4294967295', '{"type":-1}'],
    ['type', 'trace:to-endpoint', '{"type":4,"match_sub_type":true}'],
    ['type', 'trace:to-crypto', '{"type":4,"match_sub_type":true,"sub_type":13}'],
    ['type', 'agent:policy-updated', '{"type":130,"match_sub_type":true,"sub_type":5}'],
    ['type', 'drop:4294967295', '{"type":1,"match_sub_type":true,"sub_type":-1}'],
    ['ip-trace-id', '18446744073709551615', '18446744073709551615'],
    ['http-header', ':', '[{}]'],
    ['http-header', ' a : b ', '{"key":" a ","value":" b "}'],
  ];
  for (const [flag, value, json] of accepted) {
    it(`takes ${JSON.stringify(value)} for --${flag}`, () =>
      assert.ok(filters(`--${flag}=${value}`).includes(json), filters(`--${flag}=${value}`)));
  }
  for (const [value, number] of Object.entries({
    host: 1,
    'world-ipv6': 10,
    'aggregate-remote-node': 14,
    '0': 0,
    '0x10': 16,
    '0o17': 15,
    '010': 8,
    '0b11': 3,
    '1_000': 1000,
    '4294967295': 4_294_967_295,
  })) {
    it(`takes ${value} for an identity`, () =>
      assert.equal(filters(`--from-identity=${value}`), `allow {"source_identity":[${number}]}`));
  }
  for (const [value, json] of Object.entries({
    w: '{"name":"w"}',
    'k/': '{"kind":"k"}',
    '': '{}',
    'a/b/c': '{"name":"b/c","kind":"a"}',
  })) {
    it(`takes "${value}" for a workload`, () =>
      assert.equal(filters(`--to-workload=${value}`), `allow {"destination_workload":[${json}]}`));
  }

  const refused: Readonly<Record<string, readonly string[]>> = {
    verdict: ['dropped', '2', '', 'DENIED'],
    'drop-reason-desc': ['policy_denied', '133', ''],
    type: [
      'Trace',
      '',
      ':',
      'drop:',
      'drop:to-host',
      '4:to-host',
      '-1',
      '+4',
      '0x4',
      '4294967296',
      'trace:14x',
    ],
    'tcp-flags': ['', 'SYN,', 'SYN, ACK', 'x'],
    identity: ['unknown', 'World', '-1', '+1', '08', '4294967296', '', '1__0', '_1'],
    'ip-trace-id': ['0', '-1', '+5', 'x', '', '18446744073709551616'],
    'http-header': ['a', ''],
    'traffic-direction': ['x', ''],
  };
  for (const [flag, values] of Object.entries(refused)) {
    for (const value of values) {
      it(`refuses ${JSON.stringify(value)} for --${flag}`, () => {
        const start = `invalid value ${JSON.stringify(value)} for --${flag}: expected `;
        assert.throws(
          () => filters(`--${flag}=${value}`),
          (error: Error) => error.name === 'UsageError' && error.message.startsWith(start),
        );
      });
    }
  }

  it('may be empty where nothing is checked', () => {
    assert.equal(filters('--uuid=', '--from-pod='), 'allow {"uuid":[""],"source_pod":[""]}');
  });
});

describe('exclusive groups', () => {
  const withValue: Readonly<Record<string, string>> = {
    identity: '5',
    'from-identity': '5',
    'to-identity': '5',
  };
  const arg = (name: string): string =>
    filterFlags.find((spec) => spec.name === name)!.kind === 'switch'
      ? `--${name}`
      : `--${name}=${withValue[name] ?? 'x'}`;
  const names = [...new Set(exclusiveGroups.flat())];
  const excludes = (a: string, b: string): boolean =>
    exclusiveGroups.some((group) => group.includes(a) && group.includes(b));

  for (const a of names) {
    it(`refuse what does not go with --${a}, and nothing else`, () => {
      for (const b of names.filter((name) => name !== a)) {
        const run = (): string => filters(arg(a), arg(b));
        // The other reason for which two flags do not go together has its own tests.
        const isNameConflict = /pod|service|namespace/.test(a) && /pod|service|namespace/.test(b);
        if (excludes(a, b)) assert.throws(run, { message: `--${b} and --${a} cannot be used together` });
        else if (!isNameConflict) assert.doesNotThrow(run);
      }
    });
  }

  it('hold on each side of --not by itself', () => {
    assert.equal(
      filters('--port=1', '--not', '--to-port=2'),
      'allow {"source_port":["1"]} {"destination_port":["1"]} deny {"destination_port":["2"]}',
    );
    assert.throws(() => filters('--not', '--port=1', '--not', '--to-port=2'), /cannot be used together/);
  });

  it('let a flag stand twice', () => {
    assert.equal(filters('--from-ip=a', '--from-ip=b'), 'allow {"source_ip":["a","b"]}');
  });
});

describe('namespaces', () => {
  const lines: readonly (readonly [string, string])[] = [
    ['-n a -n b', '"source_pod":["a/","b/"]'],
    ['-n a -n b --pod x --pod a/y', 'a/y" names the namespace "a", but the namespace "b" is asked for'],
    [
      '--from-namespace a --from-namespace b --from-pod x --from-pod y',
      '"source_pod":["a/x","b/x","a/y","b/y"]',
    ],
    ['--from-namespace a --from-service s', '"source_service":["a/s"]'],
    ['--from-namespace a --from-pod p --from-service s', '{"source_pod":["a/p"],"source_service":["a/s"]}'],
    ['--from-pod /x --from-namespace a', '"source_pod":["/x"]'],
    [
      '--from-pod a/x --from-all-namespaces',
      '"a/x" names the namespace "a", but all namespaces are asked for',
    ],
    ['--from-pod p --from-service a/s', '{"source_pod":["p"],"source_service":["a/s"]}'],
    ['--from-pod a/p --from-service a/s', '{"source_pod":["a/p"],"source_service":["a/s"]}'],
    ['--from-pod a/p --from-service b/s', 'are not of the same namespace'],
    ['--from-pod a/p --from-service s --from-namespace a', 'are not of the same namespace'],
    ['--to-namespace a --from-namespace b', '{"source_pod":["b/"],"destination_pod":["a/"]}'],
  ];
  for (const [line, expected] of lines) {
    it(`make of ${line}: ${expected}`, () => {
      let result: string;
      try {
        result = filters(...line.split(' '));
      } catch (error) {
        result = (error as Error).message;
      }
      assert.ok(result.includes(expected), result);
    });
  }
});

describe('raw filters', () => {
  const printed = (...texts: string[]): string =>
    rawFiltersText({ whitelist: parseRawFilters('allowlist', texts), blacklist: [] });

  it('are objects one behind the other, with either spelling of a name', () => {
    assert.equal(
      printed('{"sourcePod":["a"]} {"destination_port":["1"]}', '{}'),
      `allowlist:\n    - '{"source_pod":["a"]}'\n    - '{"destination_port":["1"]}'\n    - '{}'\n`,
    );
  });

  it('print quotes doubled, and the escapes of JSON', () => {
    assert.equal(
      printed(String.raw`{"source_label":["it's <a> & \u2028"]}`),
      `allowlist:\n    - '{"source_label":["it''s \\u003ca\\u003e \\u0026 \\u2028"]}'\n`,
    );
  });

  it('print members in the order of definition', () => {
    assert.equal(
      printed(
        '{"experimental":{"cel_expression":["x"]},"reply":[true],"verdict":["DROPPED"],"uuid":["u"],"source_ip_xlated":["a"],"source_ip":["b"]}',
      ),
      `allowlist:\n    - '{"uuid":["u"],"source_ip":["b"],"source_ip_xlated":["a"],"verdict":["DROPPED"],"reply":[true],"experimental":{"cel_expression":["x"]}}'\n`,
    );
  });

  it('are {} when there are none', () => assert.equal(printed(), '{}\n'));

  for (const text of [
    '[]',
    'null',
    '{"x":1}',
    '{',
    '{}null',
    '{"verdict":"DROPPED"}',
    '{"port":1}',
    '"{}"',
  ]) {
    it(`refuse ${text}`, () => assert.throws(() => printed(text), { name: 'UsageError' }));
  }

  it('leave a --not in front of them waiting', () => {
    assert.throws(() => filters('--not'), /--not at the end/);
  });
});
