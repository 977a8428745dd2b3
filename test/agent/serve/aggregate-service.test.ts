import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serveAgent } from '../../../agent/serve/agent-server.ts';
import { FilterFailures } from '../../../agent/serve/filter-failures.ts';
import { EventLog } from '../../../agent/serve/event-log.ts';
import { NamespaceLog } from '../../../agent/serve/namespace-log.ts';
import { PeerLog } from '../../../agent/serve/peer-log.ts';
import { FlowRing, LossLedger } from '../../../history/index.ts';
import { create } from '@bufbuild/protobuf';
import { Measure } from '../../../proto/gen/sluice/v1/aggregation_pb.ts';
import { NodeReportSchema } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { parseAddress, type RpcServer } from '../../../rpc/index.ts';
import { batchOf, lostFrame } from '../../relay/support/flow-bytes.ts';
import { Scratch } from '../../relay/support/scratch.ts';
import { podFrame } from '../../support/build-frames.ts';
import { sampleTime } from '../../support/build-responses.ts';
import { collect, connectForeign } from '../../support/grpc-client.ts';
import { RowClient } from '../../support/row-client.ts';

describe("an agent's AggregateFlows", () => {
  const scratch = new Scratch();
  const address = scratch.socket('agent');
  let ring: FlowRing;
  let server: RpcServer;
  before(async () => {
    ring = new FlowRing({ capacity: 1000, maxBytes: 1024 * 1024 });
    server = await serveAgent(
      {
        nodeName: 'n1',
        version: '0.1.0',
        startedMs: Date.now(),
        ring,
        ledger: new LossLedger(),
        agentEvents: new EventLog(10),
        debugEvents: new EventLog(10),
        namespaces: new NamespaceLog(),
        peers: new PeerLog('east', null, false),
        report: () => create(NodeReportSchema),
        filterFailures: new FilterFailures(() => {}),
      },
      { listen: [parseAddress(address)], insecure: false },
    );
    ring.append(
      batchOf([
        podFrame('cart-1', 80, 1, 0),
        podFrame('cart-2', 80, 2, 1),
        lostFrame('n1', 1_772_615_722_120_000_000n, 7),
        podFrame('pay-1', 443, 1, 2),
        podFrame('cart-1', 80, 2, 3),
      ]),
    );
  });
  after(async () => {
    await server.close(0);
    await scratch.clear();
  });
  const ask = (
    ...args: ConstructorParameters<typeof RowClient> extends [string, ...infer Rest] ? Rest : never
  ) => scratch.keep(new RowClient(address, ...args));

  it('counts its whole history, and tells the losses in it', async () => {
    const client = ask(['source-pod', 'destination-port']);
    assert.equal(await client.ended, null);
    assert.deepEqual(client.flows, { 'shop/cart-1 80': 2, 'shop/cart-2 80': 1, 'shop/pay-1 443': 1 });
    assert.equal(client.lost, 7);
    assert.equal(client.answers.length, 1);
    const [{ dropped, firstUs, lastUs }] = client.answers;
    assert.equal(
      dropped.reduce((sum, count) => sum + count),
      2n,
    );
    assert.equal(lastUs[0] - firstUs[0], 3000n);
  });

  it('counts what a filter and times let pass', async () => {
    const drops = ask(['source-workload'], { whitelist: [{ verdict: [2] }] });
    await drops.ended;
    assert.deepEqual(drops.flows, { 'shop/cart': 2 });
    const late = ask(['verdict'], { since: sampleTime(2), until: sampleTime(3) });
    await late.ended;
    assert.deepEqual(late.flows, { DROPPED: 1, FORWARDED: 1 });
    const newest = ask(['source-pod'], { number: 2n });
    await newest.ended;
    assert.deepEqual(newest.flows, { 'shop/cart-1': 1, 'shop/pay-1': 1 });
  });

  it('sums up rows beyond the bound, and keeps those with the most of what is asked for', async () => {
    const client = ask(['source-pod'], {}, { maxRows: 1, sortBy: Measure.DROPPED_FLOWS });
    await client.ended;
    assert.deepEqual(client.flows, { 'shop/cart-1': 2 });
    const [{ others, maxMissingFlows }] = client.answers;
    assert.deepEqual([others?.flows, others?.dropped, others?.forwarded], [2n, 1n, 1n]);
    assert.equal(maxMissingFlows, 1n);
  });

  it('goes on with what comes in each interval, and says so when nothing does', async () => {
    const client = ask(['source-pod'], { follow: true, since: sampleTime(3) }, { intervalMs: 100 });
    await client.until(({ total }) => total === 1);
    ring.append(batchOf([podFrame('cart-1', 80, 1, 4), podFrame('new-1', 80, 1, 5)]));
    await client.until(({ total }) => total === 3);
    assert.deepEqual(client.flows, { 'shop/cart-1': 2, 'shop/new-1': 1 });
    const answers = client.answers.length;
    await client.until((now) => now.answers.length > answers + 1);
    assert.equal(client.total, 3);
    assert.ok(client.answers.every(({ elapsedUs }) => elapsedUs > 0n));
    client.close();
  });

  it('refuses what it cannot count, by name', async () => {
    const cases: readonly (readonly [Parameters<typeof ask>, string])[] = [
      [[[]], 'number of keys 0: expected 1 to 8'],
      [[['verdict'], { first: true, follow: true }], 'first and follow cannot be used together'],
      [[['verdict'], {}, { maxRows: 70_000 }], 'max_rows 70000: expected 1 to 65536'],
      [[['verdict'], {}, { intervalMs: 5 }], 'interval_ms 5: expected 100 to 3600000'],
      [[['verdict'], {}, { sortBy: 99 as Measure }], 'sort_by 99 does not exist'],
    ];
    for (const [args, message] of cases) {
      const error = await ask(...args).ended;
      assert.equal(error?.message, message);
    }
  });

  it('is listed by reflection, and can be called by clients that know only its schema', async () => {
    const connect = (file: string, service: string) => scratch.keep(connectForeign(address, file, service));
    const reflection = connect('grpc/reflection/v1/reflection.proto', 'grpc.reflection.v1.ServerReflection');
    const call = reflection.stream('ServerReflectionInfo') as unknown as NodeJS.ReadWriteStream;
    const answer = new Promise<{ list_services_response: { service: { name: string }[] } }>((resolve) =>
      call.once('data', resolve),
    );
    call.write({ list_services: '' } as never);
    const { service } = (await answer).list_services_response;
    call.end();
    assert.ok(service.some(({ name }) => name === 'sluice.v1.Aggregation'));

    const client = connect('sluice/v1/aggregation.proto', 'sluice.v1.Aggregation');
    const { messages, code } = await collect(
      client.stream('AggregateFlows', {
        keys: [{ field: 'VERDICT' }],
        flows: { whitelist: [{ verdict: ['DROPPED'] }] },
      }),
    );
    assert.equal(code, 0);
    const { rows } = messages.at(-1) as { rows: Record<string, unknown> };
    assert.deepEqual([rows['texts'], rows['flows'], rows['dropped']], [['DROPPED'], ['2'], ['2']]);
  });
});
