/**
 * `node scripts/bundle-cli.ts`: makes the bundle that `./sluice` starts its client commands from, in build/cli/KEY/, where KEY tells the files that it was made of. Does
 * nothing if it is there. Set-up and `npm start` run it; without a bundle of exactly the present sources `./sluice` runs those.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const root = join(import.meta.dirname, '..');
const bundles = join(root, 'build/cli');
/** What a process that still runs may have yet to load is left in place. */
const KEPT_BUNDLES = 2;
/** Folders whose code may be in it: those that the key covers, in scripts/cli-key.sh, and packages, which package-lock.json stands for. */
const COVERED = new Set([
  'cli',
  'flags',
  'proto',
  'rpc',
  'cluster',
  'history',
  'node_modules',
  'package.json',
]);

/** What tells the present sources under a folder from any others. */
export function cliKey(folder: string = root): string {
  const script = join(root, 'scripts/cli-key.sh');
  return execFileSync('sh', ['-c', '. "$0" && cli_key', script], { cwd: folder, encoding: 'utf8' }).trim();
}

/** Makes the bundle of the present sources if there is none, and resolves to its entry's path. Throws Error, leaving nothing behind, if it cannot be made. */
export async function bundleCli(): Promise<string> {
  const key = cliKey();
  const folder = join(bundles, key);
  const entry = join(folder, 'main.js');
  if (existsSync(entry)) return entry;
  mkdirSync(bundles, { recursive: true });
  const draft = join(bundles, `draft-${process.pid}`); // as deep as the bundle: what it imports from outside is relative
  try {
    await writeBundle(draft);
    if (cliKey() !== key) throw new Error('sources changed while they were bundled');
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  removeOld();
  return entry;
}

async function writeBundle(folder: string): Promise<void> {
  const { build } = await import('vite'); // takes long to load, and is not needed if the bundle is there
  const topOf = (path: string): string => relative(root, path).split(sep)[0];
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true },
    build: {
      ssr: 'cli/main.ts',
      outDir: folder,
      target: 'node24',
      minify: false,
      rolldownOptions: {
        // Processes of their own, which are never started from the bundle.
        external: (id) => ['agent', 'relay', 'exporter', 'lab', 'policy'].includes(topOf(id)),
        output: { entryFileNames: 'main.js', chunkFileNames: '[name]-[hash].js' },
      },
    },
    plugins: [
      {
        name: 'sluice:covered',
        generateBundle(_options, output) {
          for (const file of Object.values(output)) {
            if (file.type !== 'chunk') continue;
            const stray = file.moduleIds.find((id) => id.startsWith(root) && !COVERED.has(topOf(id)));
            if (stray !== undefined) {
              throw new Error(
                `${relative(root, stray)} is bundled, but scripts/cli-key.sh does not cover it`,
              );
            }
          }
        },
      },
    ],
  });
}

function removeOld(): void {
  const byAge = readdirSync(bundles)
    .map((name) => ({ path: join(bundles, name), madeMs: statSync(join(bundles, name)).mtimeMs }))
    .sort((a, b) => b.madeMs - a.madeMs);
  for (const { path } of byAge.slice(KEPT_BUNDLES)) rmSync(path, { recursive: true, force: true });
}

if (import.meta.main) {
  try {
    await bundleCli();
  } catch (error) {
    // Not worth stopping for.
    console.error(
      `the command line was not bundled, it starts from its sources: ${(error as Error).message}`,
    );
  }
}
