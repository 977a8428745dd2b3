import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectGate } from '../../../relay/peer/connect-gate.ts';

describe('ConnectGate', () => {
  it('lets so many attempts run at once and no more, each of them once, in turn', async () => {
    const gate = new ConnectGate(3);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        gate.run(async () => {
          order.push(i);
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
        }),
      ),
    );
    assert.equal(most, 3);
    assert.deepEqual(
      order,
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it('gives the place of an attempt that fails to the next', async () => {
    const gate = new ConnectGate(1);
    const failed = gate.run(() => Promise.reject(new Error('refused')));
    const next = gate.run(() => Promise.resolve('connected'));
    await assert.rejects(failed, { message: 'refused' });
    assert.equal(await next, 'connected');
  });
});
