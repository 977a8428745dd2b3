import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetFlowsResponseSchema } from '../../../../proto/gen/observer/observer_pb.ts';
import {
  type FlowInit,
  flowResponse,
  lostResponse,
  nodeStatusResponse,
  sampleTime,
  withoutField,
} from '../../../support/build-responses.ts';
import { line, printed } from '../../../support/print-responses.ts';

const reply: FlowInit = {
  time: sampleTime(3),
  source: { identity: 31002, namespace: 'shop', podName: 'pay-5b7' },
  destination: { identity: 20417, namespace: 'shop', podName: 'cart-7d9' },
  l4: { protocol: { case: 'TCP', value: { sourcePort: 8443, destinationPort: 41532 } } },
  isReply: true,
  Summary: 'TCP Flags: SYN, ACK',
};
const denied: FlowInit = {
  source: { identity: 20417, namespace: 'shop', podName: 'cart-7d9' },
  destination: { identity: 2 },
  IP: { source: '10.1.2.3', destination: '198.51.100.7' },
  l4: { protocol: { case: 'TCP', value: { sourcePort: 50110, destinationPort: 25 } } },
  verdict: 2,
  eventType: { type: 5 },
  trafficDirection: 2,
};

describe('FlowPrinter, compact', () => {
  it('shows a request from left to right', () => {
    assert.equal(
      printed([flowResponse()]).out,
      'Mar  4 09:15:22.118: shop/cart-7d9:41532 (ID:20417) -> shop/pay-5b7:8443 (ID:31002) to-endpoint FORWARDED (TCP Flags: SYN)\n',
    );
  });

  it('keeps the client of a reply on the left', () => {
    assert.equal(
      printed([flowResponse(reply)], { nodeName: true }).out,
      'Mar  4 09:15:22.121 [n1]: shop/cart-7d9:41532 (ID:20417) <- shop/pay-5b7:8443 (ID:31002) to-endpoint FORWARDED (TCP Flags: SYN, ACK)\n',
    );
  });

  it('shows both directions when it is not known', () => {
    const response = withoutField(flowResponse(denied), 'isReply');
    assert.equal(
      printed([response]).out,
      'Mar  4 09:15:22.118: shop/cart-7d9:50110 (ID:20417) <> 198.51.100.7:25 (world) policy-verdict:none EGRESS DENIED (TCP Flags: SYN)\n',
    );
  });

  it('keeps the place of what is empty', () => {
    const empty = create(GetFlowsResponseSchema, { responseTypes: { case: 'flow', value: {} } });
    assert.equal(
      printed([empty], { nodeName: true }).out,
      'N/A []:  (unknown) <>  (unknown) UNKNOWN VERDICT_UNKNOWN ()\n',
    );
  });

  it('ignores an answer without a member', () => {
    assert.deepEqual(printed([create(GetFlowsResponseSchema, { nodeName: 'n1' })]), { out: '', err: '' });
  });
});

describe('FlowPrinter, dict', () => {
  it('prints a line for each field and a separator between records', () => {
    assert.equal(
      printed([flowResponse(), lostResponse({ source: 1, numEventsLost: 3n, cpu: 2 }, '')], {
        format: 'dict',
        nodeName: true,
      }).out,
      `  TIMESTAMP: Mar  4 09:15:22.118
       NODE: n1
     SOURCE: shop/cart-7d9:41532
DESTINATION: shop/pay-5b7:8443
       TYPE: to-endpoint
    VERDICT: FORWARDED
    SUMMARY: TCP Flags: SYN
------------
  TIMESTAMP: Mar  4 09:15:22.118
       NODE: -
     SOURCE: PERF_EVENT_RING_BUFFER
       TYPE: EVENTS LOST
    VERDICT: -
    SUMMARY: CPU(2) - 3
`,
    );
  });

  it('counts a node state as a record, on stderr', () => {
    const trouble = nodeStatusResponse({ stateChange: 4, nodeNames: ['n2', 'n3'], message: 'no "route"' });
    const { out, err } = printed([trouble, flowResponse(), trouble], { format: 'dict' });
    const record = `  TIMESTAMP: Mar  4 09:15:22.118\n      STATE: NODE_ERROR\n      NODES: n2, n3\n    MESSAGE: "no \\"route\\""\n`;
    assert.equal(err, `${record}------------\n${record}`);
    assert.match(out, /^------------\n {2}TIMESTAMP: /);
    assert.doesNotMatch(out, /-\n$/);
  });

  it('says N/A for a state without a message', () => {
    const { err } = printed([nodeStatusResponse({ stateChange: 2, nodeNames: ['n2'] })], { format: 'dict' });
    assert.match(err, /STATE: NODE_UNAVAILABLE\n {6}NODES: n2\n {4}MESSAGE: N\/A\n$/);
  });

  it('prints line breaks in values as they are', () => {
    assert.match(printed([flowResponse({ Summary: 'a\nb' })], { format: 'dict' }).out, /SUMMARY: a\nb\n$/);
  });
});

describe('FlowPrinter, table', () => {
  it('prints nothing without rows', () => assert.equal(printed([], { format: 'table' }).out, ''));

  it('aligns columns once the stream has ended', () => {
    assert.equal(
      printed([flowResponse()], { format: 'table' }).out,
      `TIMESTAMP             SOURCE                DESTINATION         TYPE          VERDICT     SUMMARY
Mar  4 09:15:22.118   shop/cart-7d9:41532   shop/pay-5b7:8443   to-endpoint   FORWARDED   TCP Flags: SYN
`,
    );
  });

  it('does not swap the ends of a reply, and shows losses', () => {
    const lost = { source: 2, numEventsLost: 5n, first: sampleTime(), last: sampleTime(900) } as const;
    assert.equal(
      printed([flowResponse(reply), lostResponse(lost, '')], { format: 'table', nodeName: true }).out,
      `TIMESTAMP             NODE   SOURCE                  DESTINATION           TYPE          VERDICT     SUMMARY
Mar  4 09:15:22.121   n1     shop/pay-5b7:8443       shop/cart-7d9:41532   to-endpoint   FORWARDED   TCP Flags: SYN, ACK
Mar  4 09:15:22.118   -      OBSERVER_EVENTS_QUEUE   -                     EVENTS LOST   -           CPU(0) - 5 (first: Mar  4 09:15:22.118, last: Mar  4 09:15:23.018)
`,
    );
  });

  it('splits into parts at a summary with a line break', () => {
    const { out } = printed([flowResponse({ Summary: 'a\nsecond' }), flowResponse({ verdict: 5 })], {
      format: 'table',
    });
    assert.equal(
      out,
      `TIMESTAMP             SOURCE                DESTINATION         TYPE          VERDICT     SUMMARY
Mar  4 09:15:22.118   shop/cart-7d9:41532   shop/pay-5b7:8443   to-endpoint   FORWARDED   a
second
Mar  4 09:15:22.118   shop/cart-7d9:41532   shop/pay-5b7:8443   to-endpoint   REDIRECTED   TCP Flags: SYN
`,
    );
  });

  it('counts widths after escaping, and never colours', () => {
    const { out } = printed([flowResponse({ source: { podName: '\u001b[31mx\r' }, l4: {} })], {
      format: 'table',
      colour: true,
    });
    assert.match(out, / {3}\^\[\[31mx\\r {3}shop\/pay-5b7 {3}to-endpoint/);
    assert.match(out, /SOURCE {6}DESTINATION/);
  });
});

describe('FlowPrinter, losses and node states', () => {
  it('prints a loss without a node', () => {
    assert.equal(
      printed([lostResponse({ source: 3, numEventsLost: 12n })], { nodeName: true }).out,
      'Mar  4 09:15:22.118 EVENTS LOST: HUBBLE_RING_BUFFER CPU(0) 12\n',
    );
  });

  it('prints when it began and ended only if both are known', () => {
    const span = { source: 1, numEventsLost: 1n, cpu: 3, first: sampleTime() } as const;
    assert.equal(
      printed([
        lostResponse(span),
        lostResponse({ ...span, last: sampleTime(1) }),
        lostResponse({ source: 9 as 1 }),
      ]).out,
      'Mar  4 09:15:22.118 EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(3) 1\n' +
        'Mar  4 09:15:22.118 EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(3) 1 (first: Mar  4 09:15:22.118, last: Mar  4 09:15:22.119)\n' +
        'Mar  4 09:15:22.118 EVENTS LOST: 9 CPU(0) 0\n',
    );
  });

  it('tells trouble with nodes on stderr', () => {
    const { out, err } = printed([
      nodeStatusResponse({ stateChange: 2, nodeNames: ['n3'] }),
      nodeStatusResponse({ stateChange: 4, nodeNames: ['n1', 'n2'], message: 'a\u001b\n' }),
      nodeStatusResponse({ stateChange: 1, nodeNames: ['n1'] }),
      nodeStatusResponse({ stateChange: 3, nodeNames: ['n1'] }),
    ]);
    assert.equal(out, '');
    assert.equal(
      err,
      'Mar  4 09:15:22.118 [relay-0]: 1 node unavailable: n3\n' +
        'Mar  4 09:15:22.118 [relay-0]: Error "a\\x1b\\n" on 2 nodes: n1, n2\n',
    );
  });

  it('tells every state when debugging', () => {
    const states = [1, 3, 7].map((stateChange) =>
      nodeStatusResponse({ stateChange: stateChange as 1, nodeNames: ['n1'] }),
    );
    assert.equal(
      printed(states, { allNodeStates: true }).err,
      'Mar  4 09:15:22.118 [relay-0]: Receiving flows from 1 node: n1\n' +
        'Mar  4 09:15:22.118 [relay-0]: 1 node gone: n1\n' +
        'Mar  4 09:15:22.118 [relay-0]: State 7 of 1 node: n1\n',
    );
  });

  it('lists names up to 50 bytes, the first one always', () => {
    const list = (names: string[]): string =>
      /: ([^:]*)\n$/.exec(printed([nodeStatusResponse({ stateChange: 2, nodeNames: names })]).err)![1];
    const ten = 'a'.repeat(8); // ten bytes with its comma and blank
    assert.equal(list(Array.from({ length: 5 }, () => ten)), Array.from({ length: 5 }, () => ten).join(', '));
    assert.equal(
      list(Array.from({ length: 7 }, () => ten)),
      `${Array.from({ length: 5 }, () => ten).join(', ')} (and 2 more)`,
    );
    assert.equal(list(['x'.repeat(60), 'b']), `${'x'.repeat(60)} (and 1 more)`);
    assert.equal(
      list(['ä'.repeat(12), 'ä'.repeat(11), 'c']),
      `${'ä'.repeat(12)}, ${'ä'.repeat(11)} (and 1 more)`,
    );
  });

  it('prints node states as JSON on stderr', () => {
    const trouble = nodeStatusResponse({ stateChange: 2, nodeNames: ['n3'] });
    assert.deepEqual(printed([trouble], { format: 'json' }), {
      out: '',
      err: '{"node_status":{"state_change":"NODE_UNAVAILABLE","node_names":["n3"]},"node_name":"relay-0","time":"2026-03-04T09:15:22.118204511Z"}\n',
    });
    assert.deepEqual(printed([trouble], { format: 'legacy-json' }), { out: '', err: '' });
  });
});

describe('FlowPrinter, JSON', () => {
  it('prints whole answers, and for old consumers bare flows and losses', () => {
    const responses = [flowResponse({ Summary: '<&>' }), lostResponse({ source: 1, numEventsLost: 3n })];
    assert.match(
      printed(responses, { format: 'json' }).out,
      /^\{"flow":\{"time":.*"Summary":"\\u003c\\u0026\\u003e"\}.*\n\{"lost_events":.*\}\n$/,
    );
    assert.match(
      printed(responses, { format: 'legacy-json' }).out,
      /^\{"time":.*\n\{"source":"PERF_EVENT_RING_BUFFER","num_events_lost":"3"\}\n$/,
    );
  });

  it('throws for an impossible time', () => {
    assert.throws(
      () => printed([flowResponse({ time: { seconds: 0n, nanos: -5 } })], { format: 'json' }),
      /invalid timestamp/,
    );
  });
});

describe('FlowPrinter, colours', () => {
  const visible = (text: string): string => text.replaceAll('\u001b[', '^');

  it('colours hosts, ports, identities and verdicts', () => {
    assert.equal(
      visible(line({}, { colour: true })),
      ': ^36mshop/cart-7d9:^33m41532^0m^0m ^35m(ID:20417)^0m -> ^36mshop/pay-5b7:^33m8443^0m^0m ^35m(ID:31002)^0m to-endpoint ^32mFORWARDED^0m (TCP Flags: SYN)\n',
    );
  });

  it('colours each verdict by what it means', () => {
    const colour = (verdict: number): string =>
      visible(/endpoint (.*) \(/.exec(line({ verdict: verdict as 1 }, { colour: true }))![1]);
    assert.deepEqual(
      Array.from({ length: 9 }, (_, verdict) => colour(verdict)),
      [
        'VERDICT_UNKNOWN',
        '^32mFORWARDED^0m',
        '^31mDROPPED^0m',
        '^31mERROR^0m',
        '^33mAUDIT^0m',
        '^32mREDIRECTED^0m',
        '^33mTRACED^0m',
        '^33mTRANSLATED^0m',
        '8',
      ],
    );
  });

  it('lets the colour of a verdict span the policies behind it', () => {
    const change: FlowInit = { ...denied, egressDeniedBy: [{ name: 'p', kind: 'NetworkPolicy' }] };
    assert.match(
      visible(line(change, { colour: true, policyNames: 'verdicts' })),
      /\^31mDENIED BY p \(NetworkPolicy\)\^0m/,
    );
  });

  it('colours authentication', () => {
    assert.match(visible(line({ authType: 1 }, { colour: true })), /; Auth: \^32mSPIRE\^0m\)/);
    assert.match(visible(line({ authType: 2 }, { colour: true })), /; Auth: \^31mTEST_ALWAYS_FAIL\^0m\)/);
  });

  it('wraps an empty host, but prints no sequence where there is none at all', () => {
    assert.match(
      visible(line({ IP: {}, source: {}, l4: {} }, { colour: true })),
      /^: \^36m\^0m \^35m\(unknown\)\^0m -> /,
    );
    const bare = withoutField(flowResponse({}), 'IP');
    assert.match(visible(printed([bare], { colour: true }).out), /118:  \^35m\(ID:20417\)/);
  });

  it('has colours in dict, but none for losses, times and types', () => {
    const { out } = printed([flowResponse({}), lostResponse({ source: 1 })], {
      colour: true,
      format: 'dict',
      nodeName: true,
    });
    assert.match(visible(out), /NODE: n1\n {5}SOURCE: \^36mshop\/cart-7d9:\^33m41532\^0m\^0m\n/);
    assert.match(visible(out), /TYPE: to-endpoint\n/);
    assert.match(visible(out), /SOURCE: PERF_EVENT_RING_BUFFER\n/);
  });

  it('shows sequences in data, but for those that are its own', () => {
    const Summary = '\u001b[2J\u001b[31mred\u001b[0m\r';
    assert.match(line({ Summary }), /\(\^\[\[2J\^\[\[31mred\^\[\[0m\\r\)\n$/);
    assert.match(visible(line({ Summary }, { colour: true })), /\(\^\[\[2J\^31mred\^0m\\r\)\n$/);
  });
});
