import { create, type MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentEventPrinter, DebugEventPrinter } from '../../../../proto/flow/text/event-printer.ts';
import type { PrintOptions } from '../../../../proto/flow/text/print-options.ts';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';
import {
  GetAgentEventsResponseSchema,
  GetDebugEventsResponseSchema,
} from '../../../../proto/gen/observer/observer_pb.ts';
import { sampleTime } from '../../../support/build-responses.ts';

type AgentEventInit = NonNullable<MessageInitShape<typeof GetAgentEventsResponseSchema>['agentEvent']>;
type DebugEventInit = NonNullable<MessageInitShape<typeof GetDebugEventsResponseSchema>['debugEvent']>;

const base: PrintOptions = { format: 'compact', time: compileTimeFormat('StampMilli'), nodeName: false };

function agentText(
  events: readonly (AgentEventInit | undefined)[],
  options: Partial<PrintOptions> = {},
): string {
  const printer = new AgentEventPrinter({ ...base, ...options });
  const lines = events.map((agentEvent) =>
    printer.print(
      create(GetAgentEventsResponseSchema, {
        nodeName: 'n1',
        time: sampleTime(),
        ...(agentEvent !== undefined && { agentEvent }),
      }),
    ),
  );
  return lines.join('') + printer.end();
}

function debugText(events: readonly DebugEventInit[], options: Partial<PrintOptions> = {}): string {
  const printer = new DebugEventPrinter({ ...base, ...options });
  const lines = events.map((debugEvent) =>
    printer.print(create(GetDebugEventsResponseSchema, { nodeName: 'n1', time: sampleTime(), debugEvent })),
  );
  return lines.join('') + printer.end();
}

const started: AgentEventInit = {
  type: 2,
  notification: { case: 'agentStart', value: { time: sampleTime(1) } },
};

describe('AgentEventPrinter', () => {
  const details = (event: AgentEventInit): string =>
    agentText([event]).replace(/^Mar {2}4 09:15:22\.118: /, '');
  const cases: readonly (readonly [AgentEventInit, string])[] = [
    [started, 'AGENT_STARTED (start time: Mar  4 09:15:22.119)'],
    [
      { type: 0, notification: { case: 'unknown', value: { type: '9', notification: '{}' } } },
      'AGENT_EVENT_UNKNOWN (type: 9, notification: {})',
    ],
    [
      {
        type: 3,
        notification: { case: 'policyUpdate', value: { labels: ['a', 'b'], revision: 4n, ruleCount: 2n } },
      },
      'POLICY_UPDATED (labels: [a,b], revision: 4, count: 2)',
    ],
    [
      { type: 4, notification: { case: 'policyUpdate', value: {} } },
      'POLICY_DELETED (labels: [], revision: 0, count: 0)',
    ],
    [
      { type: 5, notification: { case: 'endpointRegenerate', value: { id: 7n, labels: ['x'] } } },
      'ENDPOINT_REGENERATE_SUCCESS (id: 7, labels: [x])',
    ],
    [
      { type: 6, notification: { case: 'endpointRegenerate', value: { id: 7n, error: 'no' } } },
      'ENDPOINT_REGENERATE_FAILURE (id: 7, labels: [], error: no)',
    ],
    [
      {
        type: 7,
        notification: { case: 'endpointUpdate', value: { id: 8n, namespace: 'shop', podName: 'cart' } },
      },
      'ENDPOINT_CREATED (id: 8, namespace: shop, pod name: cart)',
    ],
    [{ type: 8, notification: { case: 'endpointUpdate', value: { id: 8n } } }, 'ENDPOINT_DELETED (id: 8)'],
    [
      { type: 9, notification: { case: 'ipcacheUpdate', value: { cidr: '10.0.0.1/32', identity: 5 } } },
      'IPCACHE_UPSERTED (cidr: 10.0.0.1/32, identity: 5, encrypt key: 0)',
    ],
    [
      {
        type: 10,
        notification: {
          case: 'ipcacheUpdate',
          value: {
            cidr: 'fd00::/64',
            oldIdentity: 0,
            hostIp: '1.1.1.1',
            oldHostIp: '2.2.2.2',
            encryptKey: 3,
          },
        },
      },
      'IPCACHE_DELETED (cidr: fd00::/64, identity: 0, old identity: 0, host ip: 1.1.1.1, old host ip: 2.2.2.2, encrypt key: 3)',
    ],
    [
      {
        type: 11,
        notification: {
          case: 'serviceUpsert',
          value: {
            id: 3,
            frontendAddress: { ip: 'fd00::1', port: 80 },
            backendAddresses: [{ ip: '10.0.0.1', port: 8080 }, { ip: 'fd00::2' }],
            type: 'ClusterIP',
            trafficPolicy: 'Local',
            name: 'web',
            namespace: 'shop',
          },
        },
      },
      'SERVICE_UPSERTED (id: 3, frontend: [fd00::1]:80, backends: [10.0.0.1:8080,[fd00::2]:0], type: ClusterIP, traffic policy: Local, namespace: shop, name: web)',
    ],
    [{ type: 11, notification: { case: 'serviceUpsert', value: {} } }, 'SERVICE_UPSERTED (id: 0)'],
    [{ type: 12, notification: { case: 'serviceDelete', value: { id: 4 } } }, 'SERVICE_DELETED (id: 4)'],
    [{ type: 2 }, 'AGENT_STARTED (UNKNOWN)'],
    [{ type: 3, notification: { case: 'agentStart', value: {} } }, 'POLICY_UPDATED (UNKNOWN)'],
    [{ type: 99 as 2, notification: { case: 'agentStart', value: {} } }, '99 (UNKNOWN)'],
  ];
  for (const [event, text] of cases) it(`prints ${text}`, () => assert.equal(details(event), `${text}\n`));

  it('prints the node when asked, and ignores an answer without an event', () => {
    assert.equal(
      agentText([undefined, started], { nodeName: true }),
      'Mar  4 09:15:22.118 [n1]: AGENT_STARTED (start time: Mar  4 09:15:22.119)\n',
    );
  });

  it('prints a table', () => {
    assert.equal(
      agentText([started, { type: 8, notification: { case: 'endpointUpdate', value: { id: 8n } } }], {
        format: 'table',
        nodeName: true,
      }),
      `TIMESTAMP             NODE   TYPE               DETAILS
Mar  4 09:15:22.118   n1     AGENT_STARTED      start time: Mar  4 09:15:22.119
Mar  4 09:15:22.118   n1     ENDPOINT_DELETED   id: 8
`,
    );
    assert.equal(agentText([], { format: 'table' }), '');
  });

  it('prints records whose separator has no line break', () => {
    assert.equal(
      agentText([started, started], { format: 'dict' }),
      `  TIMESTAMP: Mar  4 09:15:22.118
       TYPE: AGENT_STARTED
    DETAILS: start time: Mar  4 09:15:22.119
------------  TIMESTAMP: Mar  4 09:15:22.118
       TYPE: AGENT_STARTED
    DETAILS: start time: Mar  4 09:15:22.119
`,
    );
  });

  it('prints JSON', () => {
    assert.equal(
      agentText([started], { format: 'json' }),
      '{"agent_event":{"type":"AGENT_STARTED","agent_start":{"time":"2026-03-04T09:15:22.119204511Z"}},"node_name":"n1","time":"2026-03-04T09:15:22.118204511Z"}\n',
    );
  });
});

describe('DebugEventPrinter', () => {
  const event: DebugEventInit = {
    type: 6,
    source: { ID: 311, namespace: 'shop', podName: 'cart' },
    hash: 0xab,
    cpu: 3,
    message: 'looked up',
  };

  it('prints a line', () => {
    assert.equal(
      debugText([event], { nodeName: true }),
      'Mar  4 09:15:22.118 [n1]: shop/cart (ID: 311) DBG_CT_LOOKUP MARK: 0xab CPU: 03 (looked up)\n',
    );
  });

  it('says N/A for what is absent', () => {
    assert.equal(debugText([{}]), 'Mar  4 09:15:22.118: N/A DBG_EVENT_UNKNOWN MARK: N/A CPU: N/A ()\n');
    assert.equal(
      debugText([{ type: 99 as 1, source: {}, hash: 0, cpu: 128 }]),
      'Mar  4 09:15:22.118: ID: 0 99 MARK: 0x0 CPU: 128 ()\n',
    );
  });

  it('names an endpoint by its one reserved label', () => {
    const from = (source: DebugEventInit['source']): string =>
      /118: (.*) DBG/.exec(debugText([{ ...event, ...(source !== undefined && { source }) }]))![1];
    assert.equal(from({ ID: 4, labels: ['reserved:host'] }), 'reserved:host (ID: 4)');
    assert.equal(from({ ID: 4, labels: ['reserved:host', 'a:b'] }), 'ID: 4');
    assert.equal(from({ ID: 4, labels: ['k8s:app=x'] }), 'ID: 4');
    assert.equal(from({ ID: 4, namespace: 'shop' }), 'ID: 4');
  });

  it('prints a table with an empty column', () => {
    assert.equal(
      debugText([event], { format: 'table' }),
      `TIMESTAMP             FROM                     TYPE            CPU/MARK   MESSAGE
Mar  4 09:15:22.118   shop/cart (ID: 311)      DBG_CT_LOOKUP   03 0xab    looked up
`,
    );
  });

  it('prints records', () => {
    assert.equal(
      debugText([event], { format: 'dict', nodeName: true }),
      `  TIMESTAMP: Mar  4 09:15:22.118
       NODE: n1
       TYPE: DBG_CT_LOOKUP
       FROM: shop/cart (ID: 311)
       MARK: 0xab
        CPU: 03
    MESSAGE: looked up
`,
    );
  });

  it('escapes what a terminal would act on', () => {
    assert.match(debugText([{ message: '\u001b[31mx\r' }]), /\(\^\[\[31mx\\r\)\n$/);
  });
});
