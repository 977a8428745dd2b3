import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readFlowFile } from '../../../cli/observe/input-file.ts';
import { messageJson } from '../../../proto/flow/text/json-text.ts';
import { FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import {
  type GetFlowsResponse,
  GetFlowsRequestSchema,
  GetFlowsResponseSchema,
} from '../../../proto/gen/observer/observer_pb.ts';
import { flowResponse, lostResponse, nodeStatusResponse, sampleTime } from '../../support/build-responses.ts';
import { runCli } from '../support/run-cli.ts';

const lineOf = (response: GetFlowsResponse): string => messageJson(GetFlowsResponseSchema, response);
const numbered = (i: number): GetFlowsResponse =>
  flowResponse({ Summary: `f${i}`, verdict: i % 2 === 0 ? 2 : 1, time: sampleTime(i) });

/** f0 to f9, a loss behind f3 and a node state behind f6. */
const lines = Array.from({ length: 10 }, (_, i) => lineOf(numbered(i)));
lines.splice(7, 0, lineOf(nodeStatusResponse({ stateChange: 2, nodeNames: ['n3'] })));
lines.splice(4, 0, lineOf(lostResponse({ source: 1, numEventsLost: 3n })));
const ALL = 2n ** 64n - 1n;

describe('readFlowFile()', () => {
  let directory: string;
  let path: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-file-'));
    path = join(directory, 'flows.json');
  });
  after(() => rmSync(directory, { recursive: true }));

  /** What a request selects from a text: summaries of flows, `loss`, `node`. */
  async function select(
    text: string,
    request: MessageInitShape<typeof GetFlowsRequestSchema> = {},
  ): Promise<string> {
    writeFileSync(path, text);
    const taken: string[] = [];
    await readFlowFile(path, create(GetFlowsRequestSchema, request), {
      take: (message) => {
        const { responseTypes } = fromBinary(GetFlowsResponseSchema, message);
        const { case: kind, value } = responseTypes;
        taken.push(
          kind === 'flow'
            ? value.Summary
            : kind === 'lostEvents'
              ? 'loss'
              : kind === undefined
                ? 'nothing'
                : 'node',
        );
      },
      afterChunk: () => true,
      silent: true,
    });
    return taken.join(' ');
  }

  const dropped = create(FlowFilterSchema, { verdict: [2] });
  const requests: readonly (readonly [string, MessageInitShape<typeof GetFlowsRequestSchema>, string])[] = [
    ['nothing', {}, 'f0 f1 f2 f3 loss f4 f5 f6 node f7 f8 f9'],
    ['all', { number: ALL }, 'f0 f1 f2 f3 loss f4 f5 f6 node f7 f8 f9'],
    ['the last two', { number: 2n }, 'f8 f9'],
    ['the last four, a node state among them', { number: 4n }, 'node f7 f8 f9'],
    ['more than there are', { number: 100n }, 'f0 f1 f2 f3 loss f4 f5 f6 node f7 f8 f9'],
    ['the first five, a loss among them', { number: 5n, first: true }, 'f0 f1 f2 f3 loss'],
    ['what an allow filter matches', { whitelist: [dropped] }, 'f0 f2 f4 f6 f8'],
    ['what a deny filter does not match', { blacklist: [dropped] }, 'f1 f3 loss f5 node f7 f9'],
    ['the last two that match', { number: 2n, whitelist: [dropped] }, 'f6 f8'],
    ['the first two that match', { number: 2n, first: true, whitelist: [dropped] }, 'f0 f2'],
    ['what is not older', { since: sampleTime(8) }, 'f8 f9'],
    ['what is not younger, to the nanosecond', { until: sampleTime(1) }, 'f0 f1 loss node'],
    ['a span', { since: sampleTime(2), until: sampleTime(3) }, 'f2 f3'],
  ];
  for (const [what, request, expected] of requests) {
    it(`selects for ${what}: ${expected}`, async () =>
      assert.equal(await select(`${lines.join('\n')}\n`, request), expected));
  }

  it('selects the same from lines that have to be decoded', async () => {
    // Spaces before colons: JSON that the fast way does not read.
    const slow = lines.map((line) => line.replaceAll('":', '" :')).join('\r\n');
    for (const [, request, expected] of requests) assert.equal(await select(slow, request), expected);
  });

  it('takes a response without a time as of 1970', async () => {
    const text = '{"flow":{"Summary":"old"}}';
    assert.equal(await select(text, { until: sampleTime() }), 'old');
    assert.equal(await select(text, { since: sampleTime() }), '');
    assert.equal(await select(text, { since: { seconds: 0n, nanos: 0 } as never }), 'old');
  });

  it('keeps a million at most', async () => {
    await assert.rejects(select('', { number: 1_000_001n }), {
      name: 'UsageError',
      message: '--last 1000001 with --input-file: expected 1000000 at most',
    });
  });

  it('refuses a filter that does not compile', async () => {
    await assert.rejects(select('', { whitelist: [{ sourceIp: ['x'] }] }), { name: 'UsageError' });
  });

  it('names a line that is too long, after what stands before it', async () => {
    const text = `${lines[0]}\n{"node_name":"${'x'.repeat(70_000)}"}\n`;
    await assert.rejects(select(text), { message: `cannot read ${path}: line 2 is longer than 65536 bytes` });
  });

  it('stops when its reader wants no more', async () => {
    writeFileSync(path, `${lines.join('\n')}\n`.repeat(1000));
    let count = 0;
    const request = create(GetFlowsRequestSchema);
    await readFlowFile(path, request, { take: () => count++, afterChunk: () => false, silent: true });
    assert.ok(count > 0 && count < 12_000, String(count));
  });
});

describe('sluice observe --input-file', { concurrency: 2 }, () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-file-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const fileWith = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };

  it('tells on stderr of lines that are no responses, and once of fields that it does not know', async () => {
    const good = '{"flow":{"Summary":"good"}}';
    const text = `${good}\n\nrubbish\n{"flow":{"new_field":1}}\n{"newer_field":2,"flow":{}}\n{"flow":5}\n${good}`;
    const { out, err, status } = await runCli([
      'observe',
      '--input-file',
      fileWith('a.json', text),
      '-o',
      'json',
    ]);
    assert.equal(out, `${good}\n{"flow":{}}\n{"flow":{}}\n${good}\n`);
    assert.equal(status, 0);
    const told = err.trimEnd().split('\n');
    assert.deepEqual(
      told.map((line) => /msg="([^"]*)"/.exec(line)?.[1]),
      ['line ignored', 'line ignored', 'unknown fields are ignored', 'line ignored'],
    );
  });

  it('keeps quiet about them with -s', async () => {
    const { err } = await runCli(['observe', '-s', '--input-file', fileWith('b.json', 'rubbish\n')]);
    assert.equal(err, '');
  });

  it('prints the rows of a table before it tells what went wrong', async () => {
    const text = `${lines[0]}\n${'x'.repeat(70_000)}`;
    const { out, err, status } = await runCli([
      'observe',
      '-o',
      'tab',
      '--input-file',
      fileWith('c.json', text),
    ]);
    assert.match(out, /^TIMESTAMP .*\n.* f0\n$/);
    assert.match(err, /^error: cannot read .*c\.json: line 2 is longer than 65536 bytes\n$/);
    assert.equal(status, 1);
  });

  it('counts flows', async () => {
    const path = fileWith('d.json', lines.join('\n'));
    const { out, err } = await runCli([
      'observe',
      '--input-file',
      path,
      '--count',
      '--not',
      '--verdict',
      'DROPPED',
    ]);
    assert.equal(out, '5\n');
    assert.match(err, /1 node unavailable: n3\n.*: EVENTS LOST: 3 \(3 PERF_EVENT_RING_BUFFER of n1\)\n$/);
  });

  it('ignores --follow, except beside --first', async () => {
    const path = fileWith('e.json', lines[0]);
    assert.equal((await runCli(['observe', '-f', '--input-file', path])).status, 0);
    assert.equal((await runCli(['observe', '-f', '--first', '1', '--input-file', path])).status, 1);
  });

  it('tells when there is no such file', async () => {
    const { err, status } = await runCli(['observe', '--input-file', join(directory, 'none')]);
    assert.match(err, /^error: cannot read .*none: ENOENT[^\n]*\n$/);
    assert.equal(status, 1);
  });
});
