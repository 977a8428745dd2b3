import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import { after, before, describe, it } from 'node:test';
import {
  FlowRing,
  FlowStore,
  LossLedger,
  parseFlowsRequest,
  readHistory,
  RingFeed,
} from '../../history/index.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../proto/gen/observer/observer_pb.ts';
import { storeDirectory } from './store/support/store-files.ts';
import { batchOf, createTestSink, flows, pointAt, textsOf, type TestSink } from './support/flow-frames.ts';

const CAPACITY = 100;

/** Waits for something that takes another thread; fails when it does not come. */
async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, 'waited for a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('history in memory and on disk', () => {
  let directory: string;
  let remove: () => void;
  let ring: FlowRing;
  let store: FlowStore;
  let feed: RingFeed;
  const lost: string[] = [];

  const open = async (): Promise<void> => {
    ring = new FlowRing({ capacity: CAPACITY, maxBytes: 2 ** 24 });
    store = await FlowStore.open({
      directory,
      maxBytes: 2 ** 26,
      maxAgeMs: 0,
      log: () => {},
      onLost: (count, why) => lost.push(`${count} ${why}`),
    });
    feed = new RingFeed(ring, store);
  };

  before(async () => {
    ({ directory, remove } = storeDirectory());
    await open();
    put(0, 1000);
  });
  after(async () => {
    feed.close();
    await store.close();
    remove();
  });

  const put = (from: number, to: number, step = 30): void => {
    for (let i = from; i < to; i += step) ring.append(flows(i, Math.min(step, to - i)));
  };

  const read = (request: Partial<GetFlowsRequest>, sink: TestSink = createTestSink()): Promise<void> => {
    const bytes = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, request as object));
    const { selection } = parseFlowsRequest(bytes);
    return readHistory({ ring, feed }, bytes, selection, sink, { nodeName: 'n', ledger: new LossLedger() });
  };

  const textsFor = async (request: Partial<GetFlowsRequest>): Promise<string[]> => {
    const sink = createTestSink();
    await read(request, sink);
    return textsOf(sink.chunks);
  };

  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, i) => String(from + i));
  const time = (number: number): object => {
    const { seconds, nanos } = pointAt(number * 1000);
    return { seconds: BigInt(seconds), nanos };
  };

  it('is read from its very beginning to its end without a gap or a duplicate', async () => {
    assert.equal(ring.oldestSeq, 900);
    assert.deepEqual(await textsFor({}), numbers(0, 1000));
    assert.deepEqual(await textsFor({ number: 2n ** 64n - 1n }), numbers(0, 1000));
    assert.deepEqual(lost, []);
  });

  it('gives the first flows, and the newest, however far back they are', async () => {
    assert.deepEqual(await textsFor({ first: true, number: 5n }), numbers(0, 5));
    assert.deepEqual(await textsFor({ number: 5n }), numbers(995, 1000));
    assert.deepEqual(await textsFor({ number: 333n }), numbers(667, 1000));
    assert.deepEqual(await textsFor({ number: 5000n }), numbers(0, 1000));
  });

  it('counts only flows that match', async () => {
    const even = { whitelist: [{ verdict: [1] }] } as unknown as Partial<GetFlowsRequest>;
    const expected = numbers(0, 1000).filter((number) => Number(number) % 2 === 0);
    assert.deepEqual(await textsFor({ ...even, number: 120n }), expected.slice(-120));
    assert.deepEqual(await textsFor({ ...even, first: true, number: 120n }), expected.slice(0, 120));
    assert.deepEqual(await textsFor({ ...even, number: 20n }), expected.slice(-20));
  });

  it('answers for a span of time, wherever it is', async () => {
    const span = async (since: number, until: number): Promise<string[]> =>
      textsFor({ since: time(since), until: time(until) } as Partial<GetFlowsRequest>);
    assert.deepEqual(await span(100, 199), numbers(100, 200));
    assert.deepEqual(await span(850, 949), numbers(850, 950));
    assert.deepEqual(await span(950, 2000), numbers(950, 1000));
    assert.deepEqual(await span(2000, 3000), []);
  });

  it('stops with its reader', async () => {
    const sink = createTestSink();
    sink.isFull = true;
    const reading = read({}, sink);
    await until(() => sink.chunks.length > 0);
    sink.abort.abort();
    await reading;
    assert.ok(textsOf(sink.chunks).length < 1000);
  });

  it('goes over into what is still to come', async () => {
    const sink = createTestSink();
    const reading = read({ follow: true, since: time(550) } as Partial<GetFlowsRequest>, sink);
    await until(() => textsOf(sink.chunks).length >= 450);
    put(1000, 1060);
    await until(() => textsOf(sink.chunks).length >= 510);
    sink.abort.abort();
    await reading;
    assert.deepEqual(textsOf(sink.chunks), numbers(550, 1060));
  });

  it('follows at once where nothing old is asked for', async () => {
    const sink = createTestSink();
    const reading = read({ follow: true }, sink);
    put(1060, 1061);
    await until(() => textsOf(sink.chunks).length >= 2);
    sink.abort.abort();
    await reading;
    assert.deepEqual(textsOf(sink.chunks), ['1059', '1060']);
  });

  it('keeps what was lost in its place', async () => {
    ring.append(batchOf([{ number: 0, ns: 60_000, isLost: true }]));
    put(1061, 1300);
    const texts = await textsFor({ number: 300n });
    assert.deepEqual(texts, [...numbers(1000, 1061), 'lost 5', ...numbers(1061, 1300)]);
  });

  it('leaves out numbers that the ring itself has lost', async () => {
    ring.append(flows(1300, 250));
    put(1550, 1600);
    const texts = await textsFor({ since: time(1290) } as Partial<GetFlowsRequest>);
    assert.deepEqual(texts.slice(0, 10), numbers(1290, 1300));
    const lostAt = texts.indexOf('lost 150');
    assert.ok(lostAt >= 10);
    assert.deepEqual(texts.toSpliced(lostAt, 1).slice(10), numbers(1450, 1600));
  });

  it('outlives the process', async () => {
    feed.close();
    await store.close();
    await open();
    put(1600, 1620);
    assert.deepEqual(await textsFor({ number: 100n }), numbers(1520, 1620));
    assert.deepEqual((await textsFor({})).slice(0, 1000), numbers(0, 1000));
    assert.deepEqual(lost, []);
  });
});
