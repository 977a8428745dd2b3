import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as layout from '../../../agent/decode/event-layout.ts';
import { readCHeader } from '../../../bench/support/c-header.ts';

const root = join(import.meta.dirname, '../../..');
const header = readCHeader('flow_event_shared.h');
const struct = header.structs.get('flow_event');
assert.ok(struct);

describe("the agent's view of an event", () => {
  it('has every member of struct flow_event where the C header puts it', () => {
    assert.deepEqual(
      Object.entries(layout.flowEventLayout),
      [...struct.fields].map(([name, { offset }]) => [name, offset]),
    );
    assert.equal(layout.FLOW_EVENT_BYTES, struct.size);
  });

  const constants = Object.entries(layout).filter(
    ([name, value]) => typeof value === 'number' && name !== 'FLOW_EVENT_BYTES',
  );
  it('gives constants the values of the C header', () => {
    assert.ok(constants.length > 10);
    for (const [name, value] of constants) assert.equal(value, header.defines.get(name), name);
  });

  it('knows every counter by its index', () => {
    const camel = (name: string): string =>
      name
        .replace(/^COUNTER_/, '')
        .toLowerCase()
        .replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const defined = [...header.defines].filter(
      ([name]) => name.startsWith('COUNTER_') && name !== 'COUNTER_MAX',
    );
    assert.deepEqual(
      layout.counters,
      Object.fromEntries(defined.map(([name, index]) => [camel(name), index])),
    );
  });

  it('names the source files that drops point to, each of which exists', () => {
    const text = readFileSync(join(root, 'bpf/shared/flow_event_shared.h'), 'utf8');
    const files = [...text.matchAll(/^#define SOURCE_FILE_\w+ (\d+)\s+\/\* (\S+) \*\//gm)];
    assert.ok(files.length > 0);
    assert.equal(layout.SOURCE_FILES.length, files.length + 1);
    for (const [, index, name] of files) {
      assert.equal(layout.SOURCE_FILES[Number(index)], name);
      assert.ok(
        ['bpf', 'bpf/include'].some((dir) => existsSync(join(root, dir, name))),
        name,
      );
    }
  });
});
