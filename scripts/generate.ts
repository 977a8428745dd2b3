/**
 * `npm run generate`: makes proto/gen from the schema. The result is checked in; a test makes it again and wants no difference.
 *   usage: node scripts/generate.ts [OUT]      OUT is proto/gen by default
 */
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Generates the TypeScript of every schema file into `out`, in place of what was there. Throws when buf reports an error; `out` is then as it was. */
export function generate(out: string): void {
  const unfinished = `${out}.new`;
  const buf = `node_modules/@bufbuild/buf-linux-${arch() === 'arm64' ? 'aarch64' : 'x64'}/bin/buf`;
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es'],
        out: unfinished,
        // One run of the plugin, not one per folder.
        strategy: 'all',
        opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
      },
    ],
  };
  rmSync(unfinished, { recursive: true, force: true });
  execFileSync(buf, ['generate', 'proto', '--template', JSON.stringify(template)], {
    cwd: root,
    stdio: 'inherit',
  });
  rmSync(out, { recursive: true, force: true });
  renameSync(unfinished, out);
}

if (import.meta.main) {
  const out = process.argv[2] ?? join(root, 'proto/gen');
  if (out.startsWith('-')) {
    console.error(`error: unknown flag "${out}"; usage: node scripts/generate.ts [OUT]`);
    process.exit(2);
  }
  generate(resolve(out));
}
