import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { flowResponse } from '../../support/build-responses.ts';
import { type FakeServer, startFakeServer } from '../support/fake-server.ts';
import { runCli } from '../support/run-cli.ts';

/** Stands for kubectl: notes how it was called, tells the port of a server of ours, and waits to be ended. */
const KUBECTL = `#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
  *"get service hubble-relay"*)
    [ -n "$DENIED" ] && { echo 'E1 noise' >&2; echo "$DENIED" >&2; exit 1; }
    printf 80 ;;
  *port-forward*)
    [ -n "$BUSY" ] && { echo "$BUSY" >&2; exit 1; }
    echo "Forwarding from 127.0.0.1:$PORT -> 4245"
    echo "Handling connection for $PORT"
    trap 'echo ended >> "$CALLS"; exit 0' TERM
    while :; do sleep 0.05; done ;;
esac
`;

describe('sluice --port-forward', () => {
  let server: FakeServer;
  let directory: string;
  before(async () => {
    server = await startFakeServer({ flows: [flowResponse()], listen: ['127.0.0.1:0'] });
    directory = mkdtempSync(join(tmpdir(), 'sluice-kubectl-'));
    writeFileSync(join(directory, 'kubectl'), KUBECTL);
    chmodSync(join(directory, 'kubectl'), 0o755);
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await server.close();
  });

  let runs = 0;
  async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const calls = join(directory, `calls-${runs++}`);
    const port = server.addresses.find((address) => address.startsWith('127.0.0.1:'))!.split(':')[1];
    const result = await runCli(args, {
      PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}`,
      CALLS: calls,
      PORT: port,
      ...env,
    });
    return { ...result, calls: existsSync(calls) ? readFileSync(calls, 'utf8').split('\n') : [] };
  }

  it('reaches the first port of the service hubble-relay by kubectl, and ends it', async () => {
    const { out, err, status, calls } = await run(['observe', '-P', '--server', 'unix:///nowhere.sock']);
    assert.deepEqual({ err, status }, { err: '', status: 0 });
    assert.match(out, /^Mar {2}4 09:15:22\.118: shop\/cart-7d9:41532 /);
    assert.deepEqual(calls.slice(0, 2), [
      '--namespace kube-system get service hubble-relay --output jsonpath={.spec.ports[0].port}',
      '--namespace kube-system port-forward --address 127.0.0.1 service/hubble-relay 4245:80',
    ]);
  });

  it('passes on context, namespace, kubeconfig and port, from flags and the environment', async () => {
    const args = [
      'observe',
      '-P',
      '--kube-context',
      'c',
      '--port-forward-port',
      '0',
      '--kube-namespace=cilium',
    ];
    const { calls, status } = await run(args, { HUBBLE_KUBECONFIG: '/k' });
    assert.equal(status, 0);
    assert.equal(
      calls[1],
      '--kubeconfig /k --context c --namespace cilium port-forward --address 127.0.0.1 service/hubble-relay :80',
    );
  });

  it('tells on one line what kubectl says', async () => {
    const denied = await run(['observe', '-P'], { DENIED: 'services "hubble-relay" not found' });
    assert.deepEqual(
      [denied.status, denied.err],
      [
        1,
        'error: cannot forward a port to the Kubernetes service hubble-relay: services "hubble-relay" not found\n',
      ],
    );
    const busy = await run(['status', '-P'], { BUSY: 'unable to listen on port 4245' });
    assert.match(busy.err, /^error: cannot forward .*: unable to listen on port 4245\n$/);
    assert.equal(busy.status, 1);
  });

  it('tells when there is no kubectl', async () => {
    const { err, status } = await runCli(['observe', '-P'], { PATH: '/nowhere' });
    assert.match(err, /kubectl is not on the PATH\n$/);
    assert.equal(status, 1);
  });

  it('does not go together with a file', async () => {
    const { err, status } = await runCli(['observe', '-P', '--input-file', '-']);
    assert.match(err, /^error: --input-file and --port-forward cannot be used together/);
    assert.equal(status, 1);
  });
});
