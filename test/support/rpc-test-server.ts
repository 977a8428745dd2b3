import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRpcServer, parseAddress, type RpcServer, type RpcServerOptions } from '../../rpc/index.ts';

/** A server of a test, on a Unix socket and a free TCP port of the loopback. */
export interface RpcTestServer {
  readonly rpc: RpcServer;
  /** `unix:///…` */
  readonly unix: string;
  readonly port: number;
  /** Closes it. Fails when a client has left a connection open. */
  close(): Promise<void>;
}

/** Starts a server; in plaintext on TCP unless TLS files are given. */
export async function startRpcServer(options: Omit<RpcServerOptions, 'listen'>): Promise<RpcTestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-rpc-'));
  const unix = `unix://${directory}/server.sock`;
  const rpc = await createRpcServer({
    insecure: options.tls === undefined,
    ...options,
    listen: [parseAddress(unix), parseAddress('127.0.0.1:0')],
  });
  const tcp = rpc.addresses[1];
  return {
    rpc,
    unix,
    port: tcp.kind === 'tcp' ? tcp.port : 0,
    close: async () => {
      await until(() => rpc.connectionCount === 0).catch(() => {});
      const left = rpc.connectionCount;
      await rpc.close(0);
      rmSync(directory, { recursive: true });
      assert.equal(left, 0, `${left} connections left open by the test`);
    },
  };
}

/** Waits for a condition. Throws when it does not come true within ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`condition did not come true: ${condition.toString()}`);
}
