import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameMessage } from '../../proto/flow/frame.ts';
import {
  createRpcServer,
  parseAddress,
  type RawCall,
  RpcCode,
  RpcConnection,
  RpcError,
} from '../../rpc/index.ts';

/** More than a stream reads ahead of a listener that takes its time. */
const MESSAGES = 40;
const MESSAGE_BYTES = 8 * 1024;

describe('a stream that is read late', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-late-'));
  after(() => rmSync(dir, { recursive: true }));

  it('gives every message that was sent before the error that ends it', async () => {
    const address = parseAddress(`unix://${dir}/server.sock`);
    const server = await createRpcServer({
      listen: [address],
      rawStreams: new Map([
        [
          '/test/Stream',
          async (call: RawCall) => {
            for (let i = 0; i < MESSAGES; i++) call.write(frameMessage(new Uint8Array(MESSAGE_BYTES)));
            call.flush();
            await Promise.resolve();
            throw new RpcError(RpcCode.Unavailable, 'going down');
          },
        ],
      ]),
    });
    const connection = new RpcConnection(address);
    let messages = 0;
    try {
      await assert.rejects(
        connection.stream('/test/Stream', new Uint8Array(0), {}, async ({ count }) => {
          messages += count;
          await sleep(5);
        }),
        { message: 'going down' },
      );
      assert.equal(messages, MESSAGES);
    } finally {
      connection.close();
      await server.close(0);
    }
  });
});
