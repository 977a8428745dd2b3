import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serveAgent } from '../../../agent/serve/agent-server.ts';
import { EventLog } from '../../../agent/serve/event-log.ts';
import { FilterFailures } from '../../../agent/serve/filter-failures.ts';
import { NamespaceLog } from '../../../agent/serve/namespace-log.ts';
import { PeerLog } from '../../../agent/serve/peer-log.ts';
import { FlowRing, LossLedger } from '../../../history/index.ts';
import {
  type AgentEvent,
  AgentEventSchema,
  AgentEventType,
  type DebugEvent,
} from '../../../proto/gen/flow/flow_pb.ts';
import { NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { parseAddress, type RpcServer } from '../../../rpc/index.ts';
import { batchOf } from '../../relay/support/flow-bytes.ts';
import { podFrame } from '../../support/build-frames.ts';
import { collect, connectForeign, type ForeignClient, type Loose } from '../../support/grpc-client.ts';
import { Scratch } from '../../relay/support/scratch.ts';

/** The second in which every event here happened. */
const SECOND = 1_772_615_722;
const at = (seconds: number, nanos = 0): Loose => ({ seconds, nanos });

describe('a foreign client at an agent', () => {
  const scratch = new Scratch();
  const address = scratch.socket('agent');
  const agentEvents = new EventLog<AgentEvent>(4);
  const failures = new FilterFailures(() => {});
  let server: RpcServer;
  let observer: ForeignClient;

  before(async () => {
    const ring = new FlowRing({ capacity: 1000, maxBytes: 1024 * 1024 });
    const state = {
      nodeName: 'n1',
      version: '0.1.0',
      startedMs: Date.now(),
      ring,
      ledger: new LossLedger(),
      agentEvents,
      debugEvents: new EventLog<DebugEvent>(1),
      namespaces: new NamespaceLog(),
      peers: new PeerLog('east', null, false),
      report: () => create(NodeReportSchema),
      filterFailures: failures,
    };
    server = await serveAgent(state, { listen: [parseAddress(address)], insecure: false });
    // Five events, of which the log keeps four: identities 1 to 4, a second apart.
    for (let identity = 0; identity < 5; identity++) {
      const value = { cidr: '10.0.0.1/32', identity };
      const event = create(AgentEventSchema, {
        type: AgentEventType.IPCACHE_UPSERTED,
        notification: { case: 'ipcacheUpdate', value },
      });
      agentEvents.add(event, (SECOND + identity) * 1000);
    }
    ring.append(batchOf([podFrame('cart-1', 80, 1, 0), podFrame('cart-2', 80, 2, 1)]));
    observer = scratch.keep(connectForeign(address, 'observer/observer.proto', 'observer.Observer'));
  });
  after(async () => {
    await server.close(0);
    await scratch.clear();
  });

  /** Identities of the events that a request selects. */
  async function identities(request: Loose): Promise<number[]> {
    const { messages, code } = await collect(observer.stream('GetAgentEvents', request));
    assert.equal(code, status.OK);
    return messages.map(({ agent_event: event, node_name: nodeName }) => {
      assert.equal(nodeName, 'n1');
      return ((event as Loose)['ipcache_update'] as Loose)['identity'] as number;
    });
  }

  const selections: readonly (readonly [Loose, readonly number[]])[] = [
    [{}, [1, 2, 3, 4]],
    [{ number: 2 }, [3, 4]],
    [{ number: 9 }, [1, 2, 3, 4]],
    [{ number: '18446744073709551615' }, [1, 2, 3, 4]],
    [{ number: 2, first: true }, [1, 2]],
    [{ first: true }, [1, 2, 3, 4]],
    [{ since: at(SECOND + 3) }, [3, 4]],
    [{ since: at(SECOND + 3, 1) }, [4]],
    [{ since: at(SECOND + 9) }, []],
    [{ since: at(SECOND + 2), number: 2 }, [2, 3]],
    [{ until: at(SECOND + 2) }, [1, 2]],
    [{ until: at(SECOND + 2), number: 3 }, [2]],
    [{ since: at(SECOND + 2), until: at(SECOND + 3) }, [2, 3]],
    [{ since: at(SECOND + 2), until: at(SECOND + 3), first: true, number: 1 }, [2]],
    [{ until: at(SECOND) }, []],
    [{ follow: true, number: 3, until: at(SECOND + 3) }, [2, 3]],
  ];
  for (const [request, expected] of selections) {
    it(`gets the agent events of ${JSON.stringify(request)}`, async () => {
      assert.deepEqual(await identities(request), expected);
    });
  }

  const refused: readonly (readonly [string, Loose, RegExp])[] = [
    ['GetAgentEvents', { first: true, follow: true }, /first and follow/],
    ['GetDebugEvents', { first: true, follow: true }, /first and follow/],
    ['GetAgentEvents', { since: at(1, -1) }, /^invalid since: 1 s -1 ns/],
    ['GetAgentEvents', { until: at(1, 1_000_000_000) }, /^invalid until: 1 s 1000000000 ns/],
    ['GetDebugEvents', { since: { seconds: '253402300800', nanos: 0 } }, /^invalid since: 253402300800 s/],
    ['GetFlows', { since: at(1, -1), until: at(1, -2) }, /^invalid since: 1 s -1 ns/],
    ['GetFlows', { whitelist: [{ source_ip: ['x'] }], since: at(1, -1) }, /source_ip "x"/],
    ['GetFlows', { until: at(1, -1), field_mask: { paths: ['x'] } }, /^invalid until/],
    ['GetFlows', { number: 0, until: at(1), field_mask: { paths: ['x'] } }, /field mask path "x"/],
  ];
  for (const [method, request, message] of refused) {
    it(`is refused ${method} of ${JSON.stringify(request)}`, async () => {
      const { messages, code, details } = await collect(observer.stream(method, request));
      assert.deepEqual([messages, code], [[], status.INVALID_ARGUMENT]);
      assert.match(details, message);
    });
  }

  it('is told that nodes are listed by relays', async () => {
    await assert.rejects(observer.unary('GetNodes'), { code: status.UNIMPLEMENTED });
  });

  it('gets no flow on which its CEL expression fails; the agent counts them', async () => {
    const before = failures.count;
    const experimental = { cel_expression: ['_flow.source.labels[9] == "x"'] };
    const { messages, code } = await collect(observer.stream('GetFlows', { whitelist: [{ experimental }] }));
    assert.deepEqual([messages, code], [[], status.OK]);
    assert.equal(failures.count, before + 2);
    const denied = await collect(observer.stream('GetFlows', { blacklist: [{ experimental }] }));
    assert.equal(denied.messages.length, 2);
  });
});
