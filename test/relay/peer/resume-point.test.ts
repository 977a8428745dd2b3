import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FlowBatch } from '../../../proto/flow/flow-batch.ts';
import { type GetFlowsRequest, GetFlowsRequestSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { ResumePoint } from '../../../relay/peer/resume-point.ts';
import { batchOf, decodeRun, flowFrame, lostFrame, wordOf } from '../support/flow-bytes.ts';
import type { RequestInit } from '../support/follow.ts';

const BASE = 1_700_000_000_000_000_000n;
const flow = (ns: number, word: string): Uint8Array => flowFrame('n', BASE + BigInt(ns), word);
const words = (batch: FlowBatch | null): string[] => (batch === null ? [] : decodeRun(batch).map(wordOf));
const point = (request: RequestInit = {}): ResumePoint =>
  new ResumePoint(create(GetFlowsRequestSchema, { follow: true, ...request }));
const sinceNs = ({ since }: GetFlowsRequest): bigint =>
  since === undefined ? -1n : since.seconds * 1_000_000_000n + BigInt(since.nanos) - BASE;

describe('ResumePoint', () => {
  it('asks with the whole request at first', () => {
    const { number, since, follow } = point({ number: 20n }).next(0, 1000);
    assert.deepEqual([number, since, follow], [20n, undefined, true]);
  });

  it('goes on at the exact time of the newest flow, without a number', () => {
    const resume = point({ number: 20n });
    resume.next(0, 1000);
    resume.receive(batchOf([flow(1_234_567, 'a'), flow(1_234_890, 'b'), flow(1_234_600, 'late')]), 50);
    const request = resume.next(0, 2000);
    assert.equal(sinceNs(request), 1_234_890n);
    assert.equal(request.number, 0n);
    assert.equal(request.follow, true);
  });

  it('leaves out what it has seen at that time, and nothing else of that time', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(10, 'a'), flow(20, 'b'), flow(20, 'c')]), 50);
    resume.next(0, 2000);
    assert.deepEqual(
      words(resume.receive(batchOf([flow(20, 'b'), flow(20, 'c'), flow(20, 'd'), flow(30, 'e')]), 60)),
      ['d', 'e'],
    );
    assert.deepEqual(words(resume.receive(batchOf([flow(40, 'f')]), 70)), ['f']);
  });

  it('leaves it out across batches, too', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(20, 'b'), flow(20, 'c')]), 50);
    resume.next(0, 2000);
    assert.equal(resume.receive(batchOf([flow(20, 'b')]), 60), null);
    assert.deepEqual(words(resume.receive(batchOf([flow(20, 'c'), flow(30, 'd')]), 60)), ['d']);
  });

  it('leaves out notices of loss that were told before the break, and none that are new', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(10, 'a'), lostFrame('n', BASE + 99n, 5), flow(20, 'b')]), 50);
    resume.next(0, 2000);
    const again = batchOf([
      lostFrame('n', BASE + 99n, 5),
      flow(20, 'b'),
      lostFrame('n', BASE + 100n, 6),
      flow(30, 'c'),
    ]);
    assert.deepEqual(words(resume.receive(again, 60)), ['lost 6', 'c']);
  });

  it('takes all as new when the peer no longer has the flow it would go on from', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(20, 'b')]), 50);
    resume.next(0, 2000);
    assert.deepEqual(words(resume.receive(batchOf([lostFrame('n', BASE + 99n, 5), flow(30, 'c')]), 60)), [
      'lost 5',
      'c',
    ]);
  });

  it('is not led astray by the time of a notice of loss', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(20, 'b'), lostFrame('n', BASE + 5_000_000n, 5)]), 50);
    assert.equal(sinceNs(resume.next(0, 2000)), 20n);
  });

  it('wants everything of a process that started after the last word of the old one', () => {
    const resume = point();
    resume.next(0, 1000);
    resume.receive(batchOf([flow(20_000, 'of a clock that was ahead')]), 50);
    const { number, since } = resume.next(51, 2000);
    assert.deepEqual([number, since], [2n ** 64n - 1n, undefined]);
    assert.deepEqual(words(resume.receive(batchOf([flow(10, 'first')]), 60)), ['first']);
    assert.equal(sinceNs(resume.next(51, 3000)), 10n);
  });

  it('keeps the lower bound of the request when it wants everything', () => {
    const resume = point({ since: { seconds: 7n, nanos: 5 } });
    resume.next(0, 1000);
    resume.receive(batchOf([flow(20, 'b')]), 50);
    const { number, since } = resume.next(51, 2000);
    assert.deepEqual([number, since?.seconds, since?.nanos], [0n, 7n, 5]);
  });

  it('wants of a peer that had nothing to tell what it saw since it was asked', () => {
    const resume = point();
    resume.next(0, 1_700_000_000_500);
    const { since } = resume.next(0, 1_700_000_009_000);
    assert.deepEqual([since?.seconds, since?.nanos], [1_700_000_000n, 500_000_000]);
    const replay = point({ number: 20n });
    replay.next(0, 1000);
    assert.deepEqual([replay.next(0, 2000).number, replay.next(0, 2000).since], [20n, undefined]);
  });
});
