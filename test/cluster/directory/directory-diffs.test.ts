import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createDirectorySource } from '../../../cluster/index.ts';
import { podYaml } from '../support/build-manifest.ts';
import { ChangeCollector } from '../support/collect-changes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const file = fc.constantFrom('a.yaml', 'b.yaml', 'x/a.yaml', 'x/y/c.yaml', 'z/d.yaml');
const folder = fc.constantFrom('x', 'x/y', 'z');
const documents = fc.array(
  fc.tuple(
    fc.constantFrom('p', 'q', 'r'),
    fc.constantFrom('10.1.0.1', '10.1.0.2'),
    fc.constantFrom('x', 'y'),
  ),
  { maxLength: 3 },
);
const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), file, documents, atomic: fc.boolean() }),
  fc.record({ do: fc.constant('break' as const), file }),
  fc.record({ do: fc.constant('remove' as const), path: fc.oneof(file, folder) }),
  fc.record({ do: fc.constant('move' as const), from: folder, to: folder }),
  fc.record({ do: fc.constant('pause' as const) }),
);

const BROKEN = 'kind: [';

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does to a directory what people and programs do to directories. */
async function act(dir: string, action: Step): Promise<void> {
  switch (action.do) {
    case 'write': {
      const path = join(dir, action.file);
      const text = action.documents
        .map(([name, address, tier]) => podYaml(name, address, { tier }))
        .join('---\n');
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(action.atomic ? `${path}.tmp` : path, text);
      if (action.atomic) renameSync(`${path}.tmp`, path);
      break;
    }
    case 'break': {
      const path = join(dir, action.file);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, BROKEN);
      break;
    }
    case 'remove':
      rmSync(join(dir, action.path), { recursive: true, force: true });
      break;
    case 'move':
      try {
        renameSync(join(dir, action.from), join(dir, action.to));
      } catch {
        // into itself, onto one that is not empty, or not there: nothing happened
      }
      break;
    default:
      await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

describe('a watched directory', () => {
  it('ends in the state that a fresh load has, whatever happened to it', { timeout: 120_000 }, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const dir = temporaryDirectory(t);
        // No rescan: what events and polling do not show has to show here.
        const options = { dir, cluster: 'east', clusterId: 1, settleMs: 3, rescanMs: 1e9 };
        const source = createDirectorySource(options);
        const seen = new ChangeCollector();
        await source.start(seen.listener);
        for (const action of steps) await act(dir, action);
        // A broken file keeps its last good state, of which a fresh load cannot know: none stays.
        for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
          const path = join(dir, name);
          if (statSync(path).isFile() && readFileSync(path, 'utf8') === BROKEN) rmSync(path);
        }
        mkdirSync(join(dir, 'x/y'), { recursive: true });
        writeFileSync(join(dir, 'x/y/last.yaml'), podYaml('last', '10.9.9.9'));
        await seen.until(() => seen.endpoint('last') !== undefined);
        await source.close();
        const fresh = createDirectorySource({ ...options, readOnly: true });
        const expected = new ChangeCollector();
        await fresh.start(expected.listener);
        await fresh.close();
        assert.deepEqual(seen.objects, expected.objects);
        assert.deepEqual(seen.problems, expected.problems);
      }),
      { numRuns: 40 },
    );
  });
});
