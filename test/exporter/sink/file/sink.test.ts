import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { FileSink } from '../../../../exporter/sink/file/sink.ts';
import { checkRejects, checkSink, type SinkRig } from '../../support/sink-contract.ts';
import { scratchDirectory } from '../../support/scratch-directory.ts';

function makeRig(): Promise<SinkRig> {
  const path = join(scratchDirectory(), 'flows.jsonl');
  const rotation = { maxBytes: 1e9, maxAgeMs: 0, maxBackups: 0, compress: 'none', sync: true } as const;
  const stored = (): Promise<string[]> => {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const events = lines.map((line) => JSON.parse(line) as { flow?: { source: { pod_name: string } } });
    return Promise.resolve(events.map(({ flow }) => flow?.source.pod_name ?? 'lost'));
  };
  const sink = new FileSink({ kind: 'file', path, ...rotation }, (error) => {
    throw error;
  });
  return Promise.resolve({ sink, stored });
}

describe('the sink for files', () => {
  checkSink(makeRig);
  checkRejects(makeRig);
});
