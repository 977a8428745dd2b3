import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MessageList, type Reject, type Sink, SinkError } from '../../../exporter/sink/sink.ts';
import { podFrame } from '../../support/build-frames.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';
import { brokenFrame, listOf } from './messages.ts';
import { never } from './spool.ts';

/** A kind of sink, and a way to look into its store. */
export interface SinkRig {
  readonly sink: Sink;
  /** Waits until the store shows so many messages, and tells which: the pod of a flow, or `lost`. Repeats are told as often as they are there. */
  readonly stored: (count: number) => Promise<string[]>;
}

export const context = { signal: never, retried: (): void => {} };

const uuidOf = (i: number): string => `b9fab269-04ae-495c-9d12-${String(i).padStart(12, '0')}`;

/** Flows of pods with these numbers. */
export function podFlows(from: number, to: number): MessageList {
  return listOf(
    ...Array.from({ length: to - from }, (_, i) =>
      podFrame(`pod-${from + i}`, 80, 1, from + i, { uuid: uuidOf(from + i) }),
    ),
  );
}

export const podNames = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `pod-${from + i}`);

/** Writes until it is done, as a delivery does: a write that throws is repeated, and what was stored all the same is there twice then. */
export async function writeUntilDone(sink: Sink, messages: MessageList): Promise<readonly Reject[]> {
  for (let left = 3; ; left--) {
    try {
      return await sink.write(messages, context);
    } catch (error) {
      if (left === 0 || !(error instanceof SinkError)) throw error;
      await sleep(100);
    }
  }
}

const once = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** What every sink does. `makeRig` makes one with an empty store each time. */
export function checkSink(makeRig: () => Promise<SinkRig>): void {
  it('stores every message once a write has resolved, notices of loss too', async () => {
    const { sink, stored } = await makeRig();
    await sink.open();
    assert.deepEqual(await writeUntilDone(sink, podFlows(0, 200)), []);
    assert.deepEqual(await writeUntilDone(sink, listOf(lostFrame('n1', 1_772_615_722_000_000_000n, 5))), []);
    assert.deepEqual(once(await stored(201)), ['lost', ...podNames(0, 200)].sort());
    await sink.close();
  });

  it('takes as many writes at once as it says', async () => {
    const { sink, stored } = await makeRig();
    await sink.open();
    const writes = Array.from({ length: sink.maxInFlight }, (_, i) =>
      writeUntilDone(sink, podFlows(i * 50, i * 50 + 50)),
    );
    await Promise.all(writes);
    assert.deepEqual(once(await stored(writes.length * 50)), podNames(0, writes.length * 50).sort());
    await sink.close();
  });

  it('can be closed, opened again, and closed twice', async () => {
    const { sink, stored } = await makeRig();
    await sink.open();
    await writeUntilDone(sink, podFlows(0, 2));
    await sink.close();
    await sink.open();
    await writeUntilDone(sink, podFlows(2, 4));
    await sink.close();
    await sink.close();
    assert.deepEqual(once(await stored(4)), podNames(0, 4));
  });
}

/** What every sink does that looks into messages: one that is none is rejected by its place, and the others are stored. */
export function checkRejects(makeRig: () => Promise<SinkRig>): void {
  it('rejects a message that is none, and stores those around it', async () => {
    const { sink, stored } = await makeRig();
    await sink.open();
    const list = listOf(podFrame('pod-0', 80), brokenFrame(), podFrame('pod-1', 80));
    const rejects = await writeUntilDone(sink, list);
    assert.deepEqual(
      rejects.map(({ index, cause }) => [index, cause]),
      [[1, 'malformed']],
    );
    assert.deepEqual(once(await stored(2)), podNames(0, 2));
    await sink.close();
  });
}
