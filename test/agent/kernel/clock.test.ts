import assert from 'node:assert/strict';
import { it } from 'node:test';
import { realtimeOffsetNs } from '../../../agent/kernel/clock.ts';

it('realtimeOffsetNs() turns the kernel’s monotonic time into wall-clock time', () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const now = process.hrtime.bigint() + realtimeOffsetNs();
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  // A millisecond of slack: Date.now() cuts off, and the clock may be slewed meanwhile.
  assert.ok(now >= before - 1_000_000n && now <= after + 1_000_000n, `${before} ${now} ${after}`);
});
