import { create, type MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diagnosticsJson, diagnosticsText } from '../../../cli/status/diagnostics-text.ts';
import { GetStatusResponseSchema, LossCause } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';

function text(init: MessageInitShape<typeof GetStatusResponseSchema>, isVerbose = false): string {
  return diagnosticsText(create(GetStatusResponseSchema, init), isVerbose);
}

const agent = (nodeName: string, counters: Record<string, bigint>) => ({
  nodeName,
  component: 'agent',
  flowsEmitted: 1200n,
  flowsDelivered: 1195n,
  uptimeNs: 100_000_000_000n,
  residentBytes: 2n ** 27n,
  cpuSeconds: 5,
  endpoints: 3,
  counters,
});

describe('diagnosticsText()', () => {
  it('is short where nothing is wrong', () => {
    const counters = { packetsSeen: 5n, dnsCut: 3n, dnsLimited: 0n, 'rule default deny': 7n };
    assert.equal(
      text({ nodes: [agent('n1', counters)] }),
      'Events: 1,200 emitted, 1,195 delivered\nLosses: none\n',
    );
  });

  it('tells losses by cause and node, with what to do', () => {
    const losses = [
      { cause: LossCause.PERF_RING_FULL, events: 5000n, detail: 'CPU 1\n\u001b[31m' },
      { cause: LossCause.PEER_UNAVAILABLE },
      { cause: 99 as LossCause, events: 1n },
    ];
    const lines = text({ nodes: [{ nodeName: 'n1', losses }] }).split('\n');
    assert.deepEqual(lines.slice(0, 5), [
      'Losses:',
      '  CAUSE              NODE   EVENTS   LAST   WHERE',
      '  perf ring full     n1     5,000    N/A    CPU 1 ^[[31m',
      '  peer unavailable   n1     ?        N/A    -',
      '  cause 99           n1     1        N/A    -',
    ]);
    assert.match(lines[5], /^ {2}perf ring full: .*To do: .*--ring-bytes-per-cpu/);
  });

  it('tells by node what went short, with what to do', () => {
    const short = { dnsLimited: 1_000_000n, ctInsertFailed: 2n, packetsSeen: 9n };
    const nodes = [agent('n2', short), agent('n1', { dnsLimited: 4n }), agent('n3', {})];
    const lines = text({ nodes }).split('\n').slice(2);
    assert.deepEqual(lines.slice(0, 5), [
      'Shortcomings:',
      '  COUNTER          NODE   COUNT',
      '  ctInsertFailed   n2     2',
      '  dnsLimited       n1     4',
      '  dnsLimited       n2     1,000,000',
    ]);
    assert.match(lines[5], /^ {2}ctInsertFailed: .*To do: /);
    assert.match(lines[6], /^ {2}dnsLimited: .*To do: /);
    assert.deepEqual(lines.slice(7), ['']);
  });

  it('tells everything that is counted when asked for it', () => {
    const counters = {
      newer: 1n,
      dnsFlows: 4n,
      dnsCut: 0n,
      packetsSeen: 1_000n,
      'rule CiliumNetworkPolicy a/b spec.ingress[0]': 2n,
      'rule default deny': 1_234n,
      'audited default deny': 3n,
    };
    const shown = text({ nodes: [agent('n1', counters)] }, true);
    assert.equal(
      shown.slice(shown.indexOf('Processes:')),
      `Processes:
  NODE   COMPONENT   UPTIME   CORES   MEMORY    EMITTED   DELIVERED   ENDPOINTS
  n1     agent       100s     0.050   128 MiB   1,200     1,195       3
Counters:
  NODE   ABOUT     COUNTER       COUNT   MEANING
  n1     packets   packetsSeen   1,000   seen by the programs
  n1     DNS       dnsFlows      4       messages that became a flow
  n1     other     newer         1       newer
Rules:
  NODE   DECISIONS   AUDITED   RULE
  n1     1,234       3         default deny
  n1     2           0         CiliumNetworkPolicy a/b spec.ingress[0]
`,
    );
  });
});

describe('diagnosticsJson()', () => {
  it('is the answer on one line', () => {
    const answer = create(GetStatusResponseSchema, {
      version: '1.2.3',
      nodes: [{ nodeName: 'n1', counters: { dnsFlows: 4n } }],
    });
    assert.equal(
      diagnosticsJson(answer),
      '{"nodes":[{"node_name":"n1","counters":{"dnsFlows":"4"}}],"version":"1.2.3"}\n',
    );
  });
});
