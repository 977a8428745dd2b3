import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { LossCause } from '../../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { BareUpstream } from '../support/bare-upstream.ts';
import { flowFrame } from '../support/flow-bytes.ts';
import { Scratch } from '../support/scratch.ts';

const DELAY_MS = 40;

/** Keeps this thread from doing anything, as a machine without a CPU to spare does. */
function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A socket and its other end. */
async function socketPair(path: string): Promise<{ near: Socket; far: Socket; close: () => void }> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  const near = connect(path);
  const [far] = (await once(server, 'connection')) as [Socket];
  return {
    near,
    far,
    close: () => {
      near.destroy();
      far.destroy();
      server.close();
    },
  };
}

describe('Upstream', () => {
  const scratch = new Scratch();
  after(() => scratch.clear());

  it('reads what waits in its sockets before it lets flows go that became due while it had no CPU', async () => {
    const { near, far } = scratch.keep(await socketPair(scratch.socket('late').slice('unix://'.length)));
    const upstream = scratch.keep(new BareUpstream(['a', 'b'], DELAY_MS));
    const now = BigInt(Date.now()) * 1_000_000n;
    near.on('data', () => upstream.receive('b', flowFrame('b', now - 1_000_000n, 'older')));
    upstream.receive('a', flowFrame('a', now, 'newer'));
    far.write('x');
    freeze(3 * DELAY_MS);
    await upstream.merged(2);
    assert.deepEqual(upstream.words, ['older', 'newer']);
    assert.equal(upstream.ledger.total(LossCause.RELAY_LATE), 0);
  });
});
