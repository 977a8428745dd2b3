import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLog, type EventSelection } from '../../../agent/serve/event-log.ts';

const all: EventSelection = { number: 0, first: false, follow: false, since: null, until: null };
const at = (ms: number): EventSelection['since'] => ({
  seconds: Math.floor(ms / 1000),
  nanos: (ms % 1000) * 1e6,
});

/** Events 0 to 9 at 1000 to 10,000 ms. */
function tenEvents(capacity = 100): EventLog<number> {
  const log = new EventLog<number>(capacity);
  for (let i = 0; i < 10; i++) log.add(i, (i + 1) * 1000);
  return log;
}

async function read(log: EventLog<number>, selection: Partial<EventSelection>): Promise<number[]> {
  const seen: number[] = [];
  for await (const { event } of log.read({ ...all, ...selection }, new AbortController().signal))
    seen.push(event);
  return seen;
}

describe('EventLog', () => {
  it('gives what is asked for, from either end and between times', async () => {
    const log = tenEvents();
    assert.deepEqual(await read(log, {}), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await read(log, { number: 3 }), [7, 8, 9]);
    assert.deepEqual(await read(log, { number: 3, first: true }), [0, 1, 2]);
    assert.deepEqual(await read(log, { number: 300 }), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await read(log, { since: at(8000) }), [7, 8, 9]);
    assert.deepEqual(await read(log, { since: at(8001) }), [8, 9]);
    assert.deepEqual(await read(log, { until: at(2000) }), [0, 1]);
    assert.deepEqual(await read(log, { since: at(3000), until: at(5000) }), [2, 3, 4]);
    assert.deepEqual(await read(log, { since: at(3000), number: 2 }), [2, 3]);
  });

  it('keeps as many as it may', async () => {
    assert.deepEqual(await read(tenEvents(4), {}), [6, 7, 8, 9]);
    assert.deepEqual(await read(tenEvents(4), { number: 6 }), [6, 7, 8, 9]);
  });

  it('follows from the newest on until it is told to stop', async () => {
    const log = tenEvents();
    const abort = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { event } of log.read({ ...all, follow: true }, abort.signal)) {
        seen.push(event);
        if (event === 11) abort.abort();
      }
    })();
    for (const event of [10, 11]) {
      await new Promise((resolve) => setImmediate(resolve));
      log.add(event);
    }
    await reading;
    assert.deepEqual(seen, [9, 10, 11]);
  });

  it('ends at once for a reader of an empty log who does not follow', async () => {
    assert.deepEqual(await read(new EventLog<number>(1), { first: true }), []);
  });
});
