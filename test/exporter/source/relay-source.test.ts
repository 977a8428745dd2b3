import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { RelaySource } from '../../../exporter/source/relay-source.ts';
import { Spool } from '../../../exporter/spool/spool.ts';
import type { SpoolOptions } from '../../../exporter/spool/spool-options.ts';
import { RpcCode, RpcError, parseAddress } from '../../../rpc/index.ts';
import { FakeAgent } from '../../relay/support/fake-agent.ts';
import { decodeRun, flowFrame, lostFrame, wordOf } from '../../relay/support/flow-bytes.ts';
import { Scratch } from '../../relay/support/scratch.ts';
import { until } from '../../support/rpc-test-server.ts';
import { podFrame } from '../../support/build-frames.ts';
import { spoolOptions } from '../support/spool.ts';

let scratch = new Scratch();
afterEach(async () => {
  await scratch.clear();
  scratch = new Scratch();
});

/** A moment `ms` before now, in ns. */
const ago = (ms: number): bigint => BigInt(Date.now() - ms) * 1_000_000n;

interface Running {
  readonly source: RelaySource;
  readonly spool: Spool;
  /** Everything in the spool, in a word each. */
  readonly words: () => Promise<string[]>;
  readonly stop: () => Promise<void>;
  readonly ended: Promise<void>;
  readonly log: string[];
}

async function run(
  agent: FakeAgent,
  change: { start?: 'now' | 'oldest'; overlapMs?: number; spool?: SpoolOptions } = {},
): Promise<Running> {
  const spool = await Spool.open(change.spool ?? spoolOptions({ retainUs: 1e9 }));
  const log: string[] = [];
  const source = new RelaySource({
    source: {
      kind: 'relay',
      address: parseAddress(agent.options.address),
      start: change.start ?? 'oldest',
      overlapMs: change.overlapMs ?? 10_000,
    },
    spool,
    whitelist: [],
    log: (_level, message) => log.push(message),
  });
  const stop = new AbortController();
  const ended = source.run(stop.signal);
  ended.catch(() => {});
  return {
    source,
    spool,
    log,
    ended,
    words: async () => {
      const words: string[] = [];
      for await (const frames of spool.framesSince(Number.NEGATIVE_INFINITY)) {
        words.push(...decodeRun(frames).map(wordOf));
      }
      return words;
    },
    stop: async () => {
      stop.abort();
      await ended;
      await spool.close();
    },
  };
}

async function startAgent(): Promise<FakeAgent> {
  return scratch.keep(await new FakeAgent({ address: scratch.socket('agent'), nodeName: 'n1' }).start());
}

describe('the source of an exporter', () => {
  it('puts what it follows into the spool, byte for byte, losses included', async () => {
    const agent = await startAgent();
    const frames = [
      flowFrame('n1', ago(50), 'a'),
      lostFrame('n1', ago(40), 7),
      flowFrame('n1', ago(30), 'b'),
    ];
    agent.append(...frames);
    const { source, spool, stop } = await run(agent);
    await until(() => spool.end === 3);
    const found: Buffer[] = [];
    for await (const { bytes } of spool.framesSince(Number.NEGATIVE_INFINITY)) found.push(Buffer.from(bytes));
    assert.deepEqual(Buffer.concat(found), Buffer.concat(frames));
    assert.deepEqual(source.counts, {
      flows: 2,
      duplicates: 0,
      lostNotices: 1,
      lostEvents: 7,
      nodeNotices: 0,
      malformed: 0,
    });
    await stop();
  });

  it('begins now, unless it is told to begin with the oldest flow', async () => {
    const agent = await startAgent();
    agent.append(flowFrame('n1', ago(5000), 'old'));
    const { spool, words, stop } = await run(agent, { start: 'now' });
    await agent.asked();
    agent.append(flowFrame('n1', ago(-100), 'new'));
    await until(() => spool.end === 1);
    assert.deepEqual(await words(), ['new']);
    await stop();
  });

  it('goes on after a break with what it missed, and takes nothing twice', async () => {
    const agent = await startAgent();
    agent.append(
      podFrame('cart-1', 80, 1, 1, { uuid: 'b9fab269-04ae-495c-9d12-000000000001', Summary: 'a' }),
    );
    agent.append(flowFrame('n1', ago(200), 'b'));
    const { source, spool, words, stop } = await run(agent);
    await until(() => spool.end === 2);
    await agent.stop();
    await until(() => source.breaks > 0);
    // A late one, older than what was there, and new ones.
    agent.append(flowFrame('n1', ago(400), 'late'), flowFrame('n1', ago(10), 'c'));
    await agent.start(agent.ring);
    await until(() => spool.end === 4);
    assert.deepEqual((await words()).sort(), ['a', 'b', 'c', 'late']);
    assert.equal(source.counts.duplicates, 1);
    assert.equal(source.gaps, 0);
    await stop();
  });

  it('goes on after a restart where the spool ends', async () => {
    const agent = await startAgent();
    const options = spoolOptions({ retainUs: 1e9 });
    agent.append(flowFrame('n1', ago(90), 'a'), flowFrame('n1', ago(80), 'b'));
    const first = await run(agent, { spool: options });
    await until(() => first.spool.end === 2);
    await first.stop();
    agent.append(flowFrame('n1', ago(70), 'c'));
    const second = await run(agent, { spool: options });
    await until(() => second.spool.end === 3);
    assert.deepEqual(await second.words(), ['a', 'b', 'c']);
    assert.equal(second.source.counts.duplicates, 2);
    await second.stop();
  });

  it('tells when nothing of what it knows came again: the source may have lost flows meanwhile', async () => {
    const agent = await startAgent();
    agent.append(flowFrame('n1', ago(90), 'a'));
    const { source, spool, log, stop } = await run(agent, { overlapMs: 20 });
    await until(() => spool.end === 1);
    await agent.stop();
    await agent.start(); // with an empty history
    await agent.asked(2);
    await until(() => {
      agent.append(flowFrame('n1', ago(0), 'z'));
      return source.gaps === 1;
    });
    assert.match(log.join('\n'), /none of the newest flows in the spool came again/);
    await stop();
  });

  it('is not led astray by a node whose clock runs ahead', async () => {
    const agent = await startAgent();
    agent.append(flowFrame('n1', ago(-3_600_000), 'tomorrow'), flowFrame('n1', ago(50), 'a'));
    const { spool, stop } = await run(agent);
    await until(() => spool.end === 2);
    assert.ok(spool.newestTimeUs <= Date.now() * 1000);
    await stop();
  });

  it('tries again for as long as the source is away, and gives up when it is no source', async () => {
    const agent = await startAgent();
    agent.refusal = new RpcError(RpcCode.Unavailable, 'starting');
    const { source, spool, ended } = await run(agent);
    await agent.asked(2);
    assert.equal(source.state.name, 'connecting');
    agent.refusal = new RpcError(RpcCode.Unimplemented, 'no such method');
    await assert.rejects(ended, { message: 'no such method' });
    await spool.close();
  });
});
