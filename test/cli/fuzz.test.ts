import fc from 'fast-check';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { describeError } from '../../cli/describe-error.ts';
import { parseFlags } from '../../flags/parse-flags.ts';
import { printingSink } from '../../cli/observe/flow-sink.ts';
import { readFlowFile } from '../../cli/observe/input-file.ts';
import { observeCommand } from '../../cli/observe/observe.ts';
import { rawFiltersText } from '../../cli/observe/raw-filters.ts';
import { flowsRequest } from '../../cli/observe/run-flows.ts';
import { serverFlags } from '../../flags/server-flags.ts';
import { Settings } from '../../cli/settings/settings.ts';
import { messageJson } from '../../proto/flow/text/json-text.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { flowResponse, lostResponse, nodeStatusResponse } from '../support/build-responses.ts';

const specs = [...observeCommand.flags!, ...serverFlags];

describe('any command line', () => {
  const value = fc.oneof(
    fc.constantFrom(
      '',
      'a/b',
      '10.0.0.0/8',
      '5',
      '-1',
      '0x10',
      '{}',
      '{"verdict":[2]}',
      'trace:to-stack',
      'json',
      '5m',
      '2026-03-04',
      'SYN,ACK',
      '*',
      'a in (b)',
      'true',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const flag = fc
    .constantFrom(...specs)
    .chain((spec) =>
      fc.oneof(
        { weight: 4, arbitrary: value.map((text) => [`--${spec.name}=${text}`]) },
        { weight: 2, arbitrary: value.map((text) => [`--${spec.name}`, text]) },
        { weight: 1, arbitrary: value.map((text) => [`-${spec.short ?? 'x'}${text}`]) },
        { weight: 1, arbitrary: fc.constant(['--not']) },
      ),
    );
  const anything = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => [text]);
  const line = fc.array(fc.oneof({ weight: 5, arbitrary: flag }, { weight: 1, arbitrary: anything }), {
    maxLength: 6,
  });

  it('makes a request or one line that says what is wrong', async () => {
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(line, async (parts) => {
        try {
          const { uses } = parseFlags(parts.flat(), specs);
          const settings = await Settings.load(uses, { HOME: '/nowhere' });
          const { request } = flowsRequest(uses, settings, Date.now());
          assert.match(rawFiltersText(request), /^(?:\{\}|(?:allow|deny)list:)\n/);
          requests++;
        } catch (error) {
          if (!(error instanceof Error) || error.name !== 'UsageError') throw error;
          const text = describeError(error);
          assert.match(text, /^error: [^\n]+\n$/);
          // oxlint-disable-next-line no-control-regex -- what a terminal must not get
          assert.doesNotMatch(text, /[\u001b\r]/);
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(requests > 200, `${requests} requests`);
  });
});

describe('any input file', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-fuzz-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  const base = Buffer.from(
    [
      flowResponse({ Summary: 'é\u001b[31m' }),
      lostResponse({ source: 1, numEventsLost: 9n }),
      nodeStatusResponse({ stateChange: 4, nodeNames: ['n'], message: 'm' }),
    ]
      .map((response) => `${messageJson(GetFlowsResponseSchema, response)}\n`)
      .join(''),
  );
  const change = fc.record({
    at: fc.nat(base.length),
    cut: fc.nat(4),
    bytes: fc.uint8Array({ maxLength: 4 }),
  });
  const formats = fc.constantFrom('compact', 'dict', 'table', 'csv', 'json', 'legacy-json');

  it('is printed, or refused with one line', async () => {
    const path = join(directory, 'flows.json');
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 5 }),
        formats,
        fc.boolean(),
        async (changes, format, colour) => {
          let bytes = base;
          for (const { at, cut, bytes: piece } of changes) {
            bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + cut)]);
          }
          writeFileSync(path, bytes);
          const sink = printingSink({
            print: {
              format,
              colour,
              time: () => 'T',
              nodeName: true,
              names: true,
              policyNames: 'always',
              allNodeStates: true,
            },
            isGrouped: format === 'compact' && changes.length % 2 === 0,
            lossIntervalMs: 0,
          });
          let out = '';
          try {
            await readFlowFile(path, create(GetFlowsRequestSchema), {
              take: (message) => (out += sink.print(message).out),
              afterChunk: () => true,
              silent: true,
            });
            out += sink.end(true).out;
          } catch (error) {
            // JSON of a time that is none.
            if (!(error instanceof RangeError)) throw error;
            assert.match(describeError(error), /^error: invalid timestamp[^\n]+\n$/);
          }
          // oxlint-disable-next-line no-control-regex -- what a terminal must not get
          if (!colour) assert.doesNotMatch(out, /[\u001b\r]/);
        },
      ),
      { numRuns: 600 },
    );
  });
});
