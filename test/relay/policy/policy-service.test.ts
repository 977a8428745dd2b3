import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Datapath,
  type DumpRequest,
  type DumpResponse,
  DumpTable,
} from '../../../proto/gen/sluice/v1/datapath_pb.ts';
import { Observer } from '../../../proto/gen/observer/observer_pb.ts';
import { Diagnostics } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import {
  NodeAnswerState,
  Policies,
  PolicyState,
  type TraceResult,
  TraceVerdict,
} from '../../../proto/gen/sluice/v1/policy_pb.ts';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  callStream,
  callUnary,
  createRpcServer,
  parseAddress,
  RpcConnection,
  type RpcServer,
} from '../../../rpc/index.ts';
import { type RunningRelay, startRelay } from '../support/run-relay.ts';

/** An agent of so many policies and rows, whose answers are made here. */
async function fakeAgent(
  address: string,
  nodeName: string,
  { policies, rows, isOld = false }: { policies: readonly string[]; rows: number; isOld?: boolean },
): Promise<RpcServer> {
  const node = { nodeName, state: NodeAnswerState.ANSWERED, revision: 3n };
  const [cluster] = nodeName.split('/');
  return createRpcServer({
    listen: [parseAddress(address)],
    routes: (router) => {
      router.service(Observer, { serverStatus: () => ({ version: 'sluice v0.1.0', uptimeNs: 1n }) });
      router.service(Diagnostics, { getStatus: () => ({ nodes: [{ nodeName, component: 'agent' }] }) });
      if (isOld) return;
      router.service(Policies, {
        listPolicies: ({ after, limit }) => {
          const names = policies.filter((name) => `${cluster}/shop/${name}/NetworkPolicy` > after);
          const page = names.slice(0, limit || 500);
          return {
            policies: page.map((name) => ({
              cluster,
              namespace: 'shop',
              name,
              kind: 'NetworkPolicy',
              digest: 'd',
              state: PolicyState.IN_FORCE,
              counts: { allowed: 1n },
              versions: [{ digest: 'd', nodes: 1, nodesEnforced: 1, nodeNames: [nodeName] }],
            })),
            next: names.length > page.length ? `${cluster}/shop/${page.at(-1)}/NetworkPolicy` : '',
            nodes: [node],
          };
        },
        getPolicy: ({ name }) => {
          if (!policies.includes(name))
            throw new ConnectError(`there is no policy shop/${name}`, Code.NotFound);
          return {
            policies: [
              {
                policy: {
                  cluster,
                  namespace: 'shop',
                  name,
                  kind: 'NetworkPolicy',
                  digest: 'd',
                  versions: [{ digest: 'd', nodes: 1, nodesEnforced: 1 }],
                },
                manifest: `# ${nodeName}\n`,
                revisionsNode: nodeName,
              },
            ],
            nodes: [node],
          };
        },
        trace: ({ from, to }) => {
          const isMine = (end: string): boolean => end.endsWith(`-${nodeName.split('/')[1]}`);
          const decision = (end: string): TraceResult['egress'] & object =>
            ({
              verdict: isMine(end) ? TraceVerdict.DENIED : TraceVerdict.ALLOWED,
              isPoliced: true,
              nodeName,
              isAuthoritative: isMine(end),
            }) as TraceResult['egress'] & object;
          return {
            traces: [
              {
                verdict: TraceVerdict.ALLOWED,
                from: { name: from, cluster },
                to: { name: to, cluster },
                egress: decision(from),
                ingress: decision(to),
              },
            ],
          };
        },
      });
      router.service(Datapath, {
        async *dump({ limit }: DumpRequest) {
          const told = Math.min(rows, limit);
          for (let i = 0; i < told; i += 10) {
            const ipcache = Array.from({ length: Math.min(10, told - i) }, (_, n) => ({
              cidr: `10.0.0.${i + n}/32`,
            }));
            yield { nodeName, ipcache };
          }
          yield { nodeName, node, isCut: rows > limit };
        },
      });
    },
  });
}

describe('a relay over policies and maps', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-rpol-'));
  const address = (name: string): string => `unix://${join(dir, name)}.sock`;
  const servers: RpcServer[] = [];
  let relay: RunningRelay;
  let connection: RpcConnection;

  before(async () => {
    servers.push(
      await fakeAgent(address('n1'), 'east/n1', { policies: ['a', 'b', 'd', 'e'], rows: 25 }),
      await fakeAgent(address('n2'), 'east/n2', { policies: ['b', 'c', 'f'], rows: 40 }),
      await fakeAgent(address('n3'), 'west/n3', { policies: [], rows: 0, isOld: true }),
    );
    const peers = ['n1', 'n2', 'n3', 'gone'].map(address);
    relay = await startRelay(address('relay'), peers, {}, 3);
    connection = new RpcConnection(parseAddress(relay.address));
  });
  after(async () => {
    connection?.close();
    await relay?.stop();
    await Promise.all(servers.map((server) => server.close(0)));
    rmSync(dir, { recursive: true, force: true });
  });

  it('lists every policy once, in whatever pages, and tells who did not answer', async () => {
    for (const limit of [2, 3, 500]) {
      const found: string[] = [];
      let after = '';
      do {
        const page = await callUnary(connection, Policies.method.listPolicies, { limit, after });
        for (const { name, nodesEnforced, nodesTotal, counts } of page.policies) {
          found.push(`${name} ${nodesEnforced}/${nodesTotal} ${counts?.allowed}`);
        }
        const states = Object.fromEntries(page.nodes.map(({ nodeName, state }) => [nodeName, state]));
        assert.equal(states['east/n1'], NodeAnswerState.ANSWERED);
        assert.equal(states['west/n3'], NodeAnswerState.UNSUPPORTED);
        assert.equal(states[address('gone')], NodeAnswerState.UNAVAILABLE);
        after = page.next;
      } while (after !== '');
      assert.deepEqual(found, ['a 1/2 1', 'b 2/2 2', 'c 1/2 1', 'd 1/2 1', 'e 1/2 1', 'f 1/2 1']);
    }
  });

  it('asks only the nodes that are meant, and refuses patterns that are none', async () => {
    const { policies, nodes } = await callUnary(connection, Policies.method.listPolicies, {
      nodeNames: ['east/n2'],
    });
    assert.deepEqual(
      policies.map(({ name }) => name),
      ['b', 'c', 'f'],
    );
    assert.deepEqual(
      nodes.map(({ nodeName }) => nodeName),
      ['east/n2'],
    );
    await assert.rejects(callUnary(connection, Policies.method.listPolicies, { nodeNames: ['a/b/c'] }), {
      message: /node_names "a\/b\/c"/,
    });
  });

  it('gets a policy from who has it, and says when nobody has', async () => {
    const { policies, nodes } = await callUnary(connection, Policies.method.getPolicy, {
      namespace: 'shop',
      name: 'c',
    });
    assert.deepEqual([policies.length, policies[0].manifest], [1, '# east/n2\n']);
    assert.equal(nodes.find(({ nodeName }) => nodeName === 'east/n1')?.state, NodeAnswerState.ANSWERED);
    await assert.rejects(callUnary(connection, Policies.method.getPolicy, { namespace: 'shop', name: 'x' }), {
      message: /there is no policy shop\/x/,
    });
  });

  it('has each end of a connection judged by the node that enforces it', async () => {
    const ask = async (from: string, to: string): Promise<TraceResult> => {
      const { traces } = await callUnary(connection, Policies.method.trace, {
        from,
        to,
        port: 80,
        protocol: 6,
      });
      assert.equal(traces.length, 1);
      return traces[0];
    };
    const trace = await ask('shop/a-n1', 'shop/b-n2');
    assert.deepEqual([trace.egress?.nodeName, trace.ingress?.nodeName], ['east/n1', 'east/n2']);
    assert.equal(trace.verdict, TraceVerdict.DENIED);
    assert.equal((await ask('x', 'y')).verdict, TraceVerdict.ALLOWED);
  });

  it('passes on the rows of all nodes, up to as many as were asked for', async () => {
    const dump = async (limit: number): Promise<DumpResponse[]> => {
      const messages: DumpResponse[] = [];
      await callStream(
        connection,
        Datapath.method.dump,
        { table: DumpTable.IPCACHE, limit },
        {},
        (message) => {
          messages.push(message);
        },
      );
      return messages;
    };
    const rowsOf = (messages: readonly DumpResponse[]): number =>
      messages.reduce((sum, { ipcache }) => sum + ipcache.length, 0);
    const all = await dump(0);
    assert.equal(rowsOf(all), 65);
    const states = Object.fromEntries(all.flatMap(({ node }) => (node ? [[node.nodeName, node.state]] : [])));
    assert.deepEqual(states, {
      'east/n1': NodeAnswerState.ANSWERED,
      'east/n2': NodeAnswerState.ANSWERED,
      'west/n3': NodeAnswerState.UNSUPPORTED,
      [address('gone')]: NodeAnswerState.UNAVAILABLE,
    });
    assert.ok(all.every(({ isCut }) => !isCut));
    const some = await dump(33);
    assert.equal(rowsOf(some), 33);
    assert.ok(some.some(({ isCut }) => isCut));
  });
});
