import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportProcess, startExport } from '../support/export-process.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';
import { podNames } from '../support/sink-contract.ts';
import { produce, startBroker } from '../support/topic.ts';

const { broker, missing } = await startBroker();
const running: ExportProcess[] = [];

after(async () => {
  for (const process of running) await process.end('SIGKILL');
  await broker?.stop();
});

/** The pods in a file of JSON lines, once all that are wanted are there. */
async function podsIn(file: string, wanted: number): Promise<string[]> {
  let names: string[] = [];
  for (let i = 0; i < 600; i++) {
    names = linesOf(file).map(
      (line) => (JSON.parse(line) as { flow: { source: { pod_name: string } } }).flow.source.pod_name,
    );
    if (new Set(names).size >= wanted) break;
    await sleep(100);
  }
  return names.sort();
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return []; // not made yet
  }
}

async function start(topic: string, directory: string): Promise<ExportProcess> {
  const configFile = join(directory, 'export.yaml');
  writeFileSync(
    configFile,
    `source: { kafka: { brokers: ["${broker!.address}"], topic: ${topic}, group: ${topic} }, start: oldest }
spool: { directory: ${join(directory, 'spool')}, maxBytes: 64Mi }
metrics: { listen: "127.0.0.1:0" }
sinks: [{ name: all, file: { path: ${join(directory, 'flows.jsonl')} } }]
`,
  );
  const process = await startExport(configFile);
  running.push(process);
  return process;
}

describe('a topic as the source', { skip: missing !== '' && missing }, () => {
  it('is read from its beginning, protobuf and JSON, and from where it was left after a restart', async () => {
    const directory = scratchDirectory();
    await produce(broker!, 'source-1', 'protobuf', 0, 100);
    await produce(broker!, 'source-1', 'json', 100, 200);
    const first = await start('source-1', directory);
    assert.deepEqual(await podsIn(join(directory, 'flows.jsonl'), 200), podNames(0, 200).sort());
    assert.equal(await first.end('SIGTERM'), 0);
    await produce(broker!, 'source-1', 'protobuf', 200, 300);
    const second = await start('source-1', directory);
    assert.deepEqual(await podsIn(join(directory, 'flows.jsonl'), 300), podNames(0, 300).sort());
    assert.equal(await second.end('SIGTERM'), 0);
  });

  it('loses nothing when the exporter is killed while it reads', async () => {
    const directory = scratchDirectory();
    await produce(broker!, 'source-2', 'protobuf', 0, 100);
    const first = await start('source-2', directory);
    await podsIn(join(directory, 'flows.jsonl'), 100);
    const writing = produce(broker!, 'source-2', 'protobuf', 100, 2000);
    await first.end('SIGKILL');
    await writing;
    await start('source-2', directory);
    const found = new Set(await podsIn(join(directory, 'flows.jsonl'), 2000));
    assert.deepEqual([...found].sort(), podNames(0, 2000).sort());
  });

  it('says what is wrong while the topic is missing, and follows once it is there', async () => {
    const directory = scratchDirectory();
    await start('source-3', directory);
    await produce(broker!, 'source-3', 'protobuf', 0, 50);
    assert.deepEqual(await podsIn(join(directory, 'flows.jsonl'), 50), podNames(0, 50).sort());
  });
});
