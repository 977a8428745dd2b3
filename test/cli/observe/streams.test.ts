import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { RpcCode } from '../../../rpc/rpc-error.ts';
import { flowResponse, lostResponse, nodeStatusResponse, sampleTime } from '../../support/build-responses.ts';
import { emptyResponse, failedCall, type FakeServer, startFakeServer } from '../support/fake-server.ts';
import { finished, runCli, startCli } from '../support/run-cli.ts';

const LINE =
  'Mar  4 09:15:22.118: shop/cart-7d9:41532 (ID:20417) -> shop/pay-5b7:8443 (ID:31002) to-endpoint FORWARDED (TCP Flags: SYN)\n';

describe('sluice observe, on a stream', { concurrency: 2 }, () => {
  let server: FakeServer;
  let failing: FakeServer;
  before(async () => {
    server = await startFakeServer({
      flows: [
        nodeStatusResponse({ stateChange: 1, nodeNames: ['n1', 'n2'] }),
        flowResponse(),
        emptyResponse(),
        lostResponse({ source: 1, numEventsLost: 7n, cpu: 1 }),
        lostResponse({ source: 3, numEventsLost: 5n }),
        flowResponse({ time: sampleTime(3) }),
      ],
      agentEvents: [
        {
          time: sampleTime(),
          nodeName: 'n1',
          agentEvent: { type: 2, notification: { case: 'agentStart', value: { time: sampleTime() } } },
        },
      ],
      peers: [],
      headers: { 'hubble-server-version': '1.99.0' },
    });
    failing = await startFakeServer({
      flows: [flowResponse()],
      flowsError: failedCall(RpcCode.ResourceExhausted, 'too many\ncalls \u001b[31m'),
      isUnhealthy: true,
    });
  });
  after(async () => {
    await server.close();
    await failing.close();
  });
  const run = (line: string, env: Readonly<Record<string, string>> = {}) =>
    runCli([...line.split(' '), '--server', server.address], env);

  it('warns once of a server that is newer', async () => {
    const { err } = await run('observe');
    assert.equal(err.match(/level=warn msg="the server is newer/g)?.length, 1);
  });

  it('tells all node states and what it ignores with -D', async () => {
    const { err } = await run('observe -D');
    assert.match(err, /\[relay-0\]: Receiving flows from 2 nodes: n1, n2\n/);
    assert.match(err, /level=debug msg="a response without anything known in it is ignored"\n/);
  });

  it('tells losses in one line on stderr when they are to be added up', async () => {
    const { out, err } = await run('observe --loss-interval 1h');
    assert.doesNotMatch(out, /LOST/);
    assert.match(
      err,
      /Mar {2}4 09:15:22\.118: EVENTS LOST: 12 \(7 PERF_EVENT_RING_BUFFER of n1, 5 HUBBLE_RING_BUFFER of n1\)\n$/,
    );
  });

  it('groups like lines', async () => {
    const { out } = await run('observe --group --loss-interval 1h');
    assert.equal(out, `${LINE.replace(':41532', '').trimEnd()} x2 until Mar  4 09:15:22.121\n`);
  });

  it('prints bare flows when asked for legacy JSON', async () => {
    const { out } = await run('observe -o json', { HUBBLE_COMPAT: 'legacy-json-output' });
    const [first] = out.split('\n');
    assert.ok(first.startsWith('{"time":"2026-03-04T09:15:22.118204511Z",'), first);
    assert.doesNotMatch(out, /node_status/);
  });

  it('asks for the fields that are named', async () => {
    await run('observe -o json --field-mask time,source.pod_name');
    assert.ok(
      server.flowRequests.some(({ fieldMask }) => fieldMask?.paths.join() === 'time,source.pod_name'),
    );
  });

  it('replays 20 agent events also when following, and does not send --first', async () => {
    const { out } = await run('observe agent-events -f --first 3 --print-node-name');
    assert.equal(out, 'Mar  4 09:15:22.118 [n1]: AGENT_STARTED (start time: Mar  4 09:15:22.118)\n');
    const request = server.agentEventRequests.at(-1)!;
    assert.deepEqual([request.number, request.follow, request.first], [20n, true, false]);
  });

  for (const flag of ['--color always', '--numeric', '--count', '--verdict DROPPED', '-o csv']) {
    it(`refuses ${flag} for events`, async () => {
      const { err, status } = await run(`observe debug-events ${flag}`);
      assert.equal(status, 1);
      assert.match(err, /^error: (?:unknown flag|invalid value "csv")[^\n]*\n$/);
    });
  }

  it('keeps the rows before an error, which is told on one line', async () => {
    for (const [format, expected] of [
      ['compact', LINE],
      ['table', /^TIMESTAMP .*\nMar {2}4 .*\n$/],
    ] as const) {
      const { out, err, status } = await runCli(['observe', '-o', format, '--server', failing.address]);
      if (typeof expected === 'string') assert.equal(out, expected);
      else assert.match(out, expected);
      assert.equal(err, 'error: RESOURCE_EXHAUSTED: too many. calls ^[[31m\n');
      assert.equal(status, 1);
    }
  });

  it('ends with 1 for a server that is not healthy', async () => {
    const { out, err, status } = await runCli(['status', '--server', failing.address]);
    assert.equal(out, `Healthcheck (via ${failing.address}): Unavailable: NOT_SERVING\n`);
    assert.equal(err, `error: ${failing.address} is not healthy: NOT_SERVING\n`);
    assert.equal(status, 1);
  });

  it('refuses what list and status do not print', async () => {
    for (const line of ['list nodes -o yaml', 'list namespaces -o tab', 'status -o wide']) {
      const { err, status } = await run(line);
      assert.match(err, /^error: invalid value "\w+" for -o, --output: expected one of [^\n]*\n$/);
      assert.equal(status, 1);
    }
  });

  it('leaves signals other than Ctrl-C to the system', async () => {
    const child = startCli(['observe', '-f', '-s', '--server', server.address]);
    await once(child.stdout, 'readable');
    const end = finished(child);
    child.kill('SIGTERM');
    assert.equal((await end).status, 'SIGTERM');
  });
});
