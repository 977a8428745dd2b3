import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FlowPrintOptions } from '../../../../proto/flow/text/print-options.ts';
import { type FlowInit, flowResponse, withoutField } from '../../../support/build-responses.ts';
import { line, printed } from '../../../support/print-responses.ts';

describe('ends of a flow', () => {
  const tcp = (sourcePort: number, destinationPort: number): FlowInit['l4'] => ({
    protocol: { case: 'TCP', value: { sourcePort, destinationPort } },
  });
  const source = (change: FlowInit, options: Partial<FlowPrintOptions> = {}): string =>
    /^: (.*?) \(/.exec(line({ l4: tcp(0, 0), ...change }, options))![1];

  const cases: Readonly<Record<string, readonly [FlowInit, string]>> = {
    'the pod with its namespace': [{ source: { namespace: 'shop', podName: 'cart' } }, 'shop/cart'],
    'the pod alone': [{ source: { podName: 'cart' } }, 'cart'],
    'the service when there is no pod': [
      { source: { namespace: 'ns' }, sourceService: { name: 'web', namespace: 'shop' } },
      'shop/web',
    ],
    'the service alone': [{ source: {}, sourceService: { name: 'web' } }, 'web'],
    'the pod in the namespace of the service': [
      { source: { namespace: 'a', podName: 'p' }, sourceService: { name: 's', namespace: 'b' } },
      'b/p',
    ],
    'the pod without a namespace when the service has none': [
      { source: { namespace: 'a', podName: 'p' }, sourceService: {} },
      'p',
    ],
    'DNS names': [{ source: {}, sourceNames: ['a.example', 'b.example'] }, 'a.example,b.example'],
    'the address': [{ source: { namespace: 'shop' } }, '10.1.2.3'],
    'a cleaned path': [{ source: { namespace: 'a/', podName: './b//c/../d/' } }, 'a/b/d'],
    'a path that leaves its namespace': [{ source: { namespace: 'a', podName: '../../x' } }, '../x'],
    'an IP layer without an address': [{ source: {}, IP: {} }, ''],
  };
  for (const [name, [change, expected]] of Object.entries(cases)) {
    it(`shows ${name}`, () => assert.equal(source(change), expected));
  }

  it('shows addresses when names are not wanted', () => {
    assert.equal(source({ sourceNames: ['a.example'] }, { names: false }), '10.1.2.3');
  });

  it('adds a port that is not 0, and brackets around what has a colon', () => {
    assert.equal(source({ l4: tcp(80, 0) }), 'shop/cart-7d9:80');
    assert.equal(source({ l4: tcp(80, 0), source: {}, IP: { source: 'fd00::5' } }), '[fd00::5]:80');
    assert.equal(source({ source: {}, IP: { source: 'fd00::5' } }), 'fd00::5');
    assert.equal(
      source({ l4: { protocol: { case: 'UDP', value: { sourcePort: 53 } } } }),
      'shop/cart-7d9:53',
    );
    assert.equal(source({ l4: { protocol: { case: 'SCTP', value: { sourcePort: 9 } } } }), 'shop/cart-7d9:9');
    assert.equal(source({ l4: { protocol: { case: 'ICMPv4', value: { type: 8 } } } }), 'shop/cart-7d9');
  });

  it('shows MAC addresses when there is no IP layer, and nothing without either', () => {
    const ethernet = { source: 'aa:bb:cc:dd:ee:ff', destination: '11:22:33:44:55:66' };
    const flow = withoutField(flowResponse({ ethernet }), 'IP');
    assert.match(printed([flow]).out, /: aa:bb:cc:dd:ee:ff \(ID:20417\) -> 11:22:33:44:55:66 \(ID:31002\) /);
    withoutField(flow, 'ethernet');
    assert.match(printed([flow]).out, /118:  \(ID:20417\) ->  \(ID:31002\) to-endpoint/);
  });

  it('names reserved identities', () => {
    const names =
      'unknown host world unmanaged health init remote-node kube-apiserver ingress world-ipv4 world-ipv6 ' +
      'aggregate-cluster aggregate-cluster-mesh aggregate-world aggregate-remote-node';
    for (const [identity, name] of names.split(' ').entries()) {
      assert.match(line({ source: { identity } }), new RegExp(` \\(${name}\\) -> `));
    }
    assert.match(line({ source: { identity: 15 } }), / \(ID:15\) -> /);
  });
});

describe('TYPE of a flow', () => {
  const type = (change: FlowInit): string => {
    const { out } = printed([flowResponse(change)], { format: 'dict' });
    return /TYPE: (.*)\n/.exec(out)![1];
  };
  const event = (eventTypeNumber: number, subType = 0, more: FlowInit = {}): FlowInit => ({
    eventType: { type: eventTypeNumber, subType },
    ...more,
  });
  const l7 = (kind: number, record: NonNullable<FlowInit['l7']>['record']): FlowInit => ({
    l7: { type: kind as 1, ...(record !== undefined && { record }) },
  });

  const cases: Readonly<Record<string, FlowInit>> = {
    'to-endpoint': event(4, 0),
    'to-crypto': event(4, 13),
    'from-network': event(4, 10 + 256),
    '200': event(4, 200),
    '255': event(4, -1),
    'Policy denied': event(1, 133),
    'Invalid source IP': event(1, 132 + 512),
    'First logical datagram fragment not found, from world': event(1, 207),
    '159, 0': event(1, 159),
    '250, 0': event(1, 250),
    'policy-verdict:none INGRESS': event(5, 0, { trafficDirection: 1 }),
    'policy-verdict:L3-L4 EGRESS': event(5, 0, { trafficDirection: 2, policyMatchType: 2 }),
    'policy-verdict:all TRAFFIC_DIRECTION_UNKNOWN': event(5, 0, { policyMatchType: 4 }),
    'policy-verdict:unknown 9': event(5, 0, { trafficDirection: 9 as 1, policyMatchType: 7 }),
    DBG_CAPTURE_DELIVERY: event(3, 5, { debugCapturePoint: 4 }),
    '99': event(3, 4, { debugCapturePoint: 99 as 4 }),
    'pre-xlate-fwd': event(7, 1, { sockXlatePoint: 3 }),
    'post-xlate-rev': event(7, 4),
    SOCK_XLATE_POINT_UNKNOWN: event(7, 257),
    UNKNOWN: event(42),
    'http-request': l7(1, { case: 'http', value: {} }),
    'http-response': { ...l7(2, { case: 'http', value: {} }), eventType: { type: 129 } },
    'dns-request proxy': l7(1, { case: 'dns', value: { observationSource: 'proxy' } }),
    'dns-response ': l7(2, { case: 'dns', value: {} }),
    'l7-sample': l7(3, { case: 'kafka', value: {} }),
    'l7-unknown_l7_type': l7(0, undefined),
    'l7-8': l7(8, undefined),
  };
  for (const [expected, change] of Object.entries(cases)) {
    it(`is "${expected}"`, () => assert.equal(type(change), expected));
  }
});

describe('VERDICT and SUMMARY of a flow', () => {
  const verdict = (change: FlowInit, options: Partial<FlowPrintOptions> = {}): string => {
    const { out } = printed([flowResponse(change)], { format: 'dict', ...options });
    return /VERDICT: (.*)\n/.exec(out)![1];
  };

  it('is the name of the verdict, or its number', () => {
    const names = [
      'VERDICT_UNKNOWN',
      'FORWARDED',
      'DROPPED',
      'ERROR',
      'AUDIT',
      'REDIRECTED',
      'TRACED',
      'TRANSLATED',
    ];
    for (const [value, name] of names.entries()) assert.equal(verdict({ verdict: value as 1 }), name);
    assert.equal(verdict({ verdict: 15 as 1 }), '15');
  });

  it('speaks of policy on policy verdicts', () => {
    const words = [
      'VERDICT_UNKNOWN',
      'ALLOWED',
      'DENIED',
      'DENIED',
      'AUDITED',
      'ALLOWED',
      'TRACED',
      'TRANSLATED',
    ];
    for (const [value, word] of words.entries()) {
      assert.equal(verdict({ verdict: value as 1, eventType: { type: 5 } }), word);
    }
  });

  it('names the policies that decided, when asked', () => {
    const lists: FlowInit = {
      eventType: { type: 5 },
      ingressAllowedBy: [{ name: 'in-a', kind: 'CiliumNetworkPolicy', namespace: 'x' }, { name: 'no-kind' }],
      ingressDeniedBy: [{ name: 'in-d', kind: 'NetworkPolicy' }],
      egressAllowedBy: [
        { name: 'out-a', kind: 'NetworkPolicy' },
        { name: 'out-b', kind: 'CiliumClusterwideNetworkPolicy' },
      ],
      egressDeniedBy: [{ kind: 'NetworkPolicy' }],
    };
    const by = (value: number, trafficDirection: number): string =>
      verdict(
        { ...lists, verdict: value as 1, trafficDirection: trafficDirection as 1 },
        { policyNames: 'verdicts' },
      );
    assert.equal(by(1, 1), 'ALLOWED BY in-a (CiliumNetworkPolicy)');
    assert.equal(by(1, 2), 'ALLOWED BY out-a (NetworkPolicy), out-b (CiliumClusterwideNetworkPolicy)');
    assert.equal(by(2, 1), 'DENIED BY in-d (NetworkPolicy)');
    assert.equal(by(4, 1), 'AUDITED BY in-d (NetworkPolicy)');
    assert.equal(by(2, 2), 'DENIED');
    assert.equal(by(1, 0), 'ALLOWED');
    assert.equal(by(6, 1), 'TRACED');
    assert.equal(verdict({ ...lists, trafficDirection: 1 }), 'ALLOWED');
    assert.equal(
      verdict({ ...lists, trafficDirection: 1, eventType: { type: 4 } }, { policyNames: 'verdicts' }),
      'FORWARDED',
    );
  });

  it('names them on every kind of event, unless told to keep to verdicts', () => {
    const dropped: FlowInit = {
      verdict: 2,
      trafficDirection: 2,
      eventType: { type: 1, subType: 133 },
      egressDeniedBy: [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'no-mail' }],
    };
    assert.match(line(dropped, { policyNames: 'always' }), / DROPPED BY no-mail \(NetworkPolicy\) \(TCP/);
    assert.match(line(dropped, { policyNames: 'verdicts' }), / DROPPED \(TCP/);
    const dict = (policyNames: FlowPrintOptions['policyNames']): string =>
      printed([flowResponse(dropped)], { format: 'dict', policyNames }).out;
    assert.match(dict('always'), /\n DECIDED BY: NetworkPolicy\/shop\/no-mail\n {4}SUMMARY: /);
    assert.doesNotMatch(dict('verdicts'), /DECIDED/);
    assert.doesNotMatch(printed([flowResponse()], { format: 'dict', policyNames: 'always' }).out, /DECIDED/);
  });

  it('puts a trace id in front of the summary and authentication behind it', () => {
    assert.match(line({ ipTraceId: { traceId: 7n } }), /\(IP Trace ID: 7; TCP Flags: SYN\)\n$/);
    assert.match(line({ ipTraceId: { traceId: 0n }, authType: 1 }), /\(TCP Flags: SYN; Auth: SPIRE\)\n$/);
    assert.match(line({ Summary: '', authType: 2 }), /\(; Auth: TEST_ALWAYS_FAIL\)\n$/);
    assert.match(line({ Summary: '', authType: 9 as 1 }), /\(; Auth: 9\)\n$/);
  });
});
