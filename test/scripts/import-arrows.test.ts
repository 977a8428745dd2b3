import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

/**
 * The linter's import rules match the text of an import; this test resolves the path, so that no detour gets around them.
 * A room may import itself and what stands behind it here.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  rpc: ['proto'],
  flags: ['proto'],
  cluster: ['proto'],
  policy: ['proto', 'cluster'],
  history: ['proto', 'rpc'],
  agent: ['proto', 'rpc', 'cluster', 'policy', 'history'],
  relay: ['proto', 'rpc', 'cluster', 'policy', 'history'],
  exporter: ['proto', 'rpc', 'cluster', 'policy', 'history'],
  ui: ['proto', 'flags', 'policy'],
  cli: ['proto', 'rpc', 'flags', 'cluster', 'policy', 'history', 'agent', 'relay', 'exporter', 'lab'],
  lab: ['proto', 'rpc', 'cluster', 'policy', 'history'],
};

const root = join(import.meta.dirname, '../..');
const importOf = /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

function relativeImports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(importOf)]
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((path) => path.startsWith('.'))
    .map((path) => normalize(join(dirname(file), path)));
}

describe('imports between rooms', () => {
  for (const [room, allowed] of Object.entries(arrows)) {
    it(`${room} imports ${allowed.length === 0 ? 'no other room' : `only ${allowed.join(', ')}`}`, () => {
      const files = globSync(`${room}/**/*.{ts,tsx}`, { cwd: root });
      for (const file of files) {
        for (const target of relativeImports(file)) {
          const targetRoom = target.split('/')[0];
          assert.ok(
            targetRoom === room || allowed.includes(targetRoom) || !target.includes('/'),
            `${file} imports ${target}, but ${room} may import ${allowed.join(', ') || 'no other room'}`,
          );
        }
      }
    });
  }

  it('policy takes from cluster only what is pure: its model and the reading of manifests', () => {
    const pure = /^cluster\/(model|address|security-labels|manifest\/(text|field|metadata|objects))\.ts$/;
    for (const file of globSync('policy/**/*.ts', { cwd: root })) {
      for (const target of relativeImports(file)) {
        if (target.startsWith('cluster/')) assert.match(target, pure, `${file} imports ${target}`);
      }
    }
  });

  it('cli starts a process by its index and options only', () => {
    for (const file of globSync('cli/**/*.ts', { cwd: root })) {
      for (const target of relativeImports(file)) {
        assert.match(
          target,
          /^(?!(agent|relay|exporter|lab)\/)|^[a-z]+\/(index|config)\.ts$/,
          `${file} imports ${target}`,
        );
      }
    }
  });
});
