/**
 * `npm test [-- PATTERN ...]`: format, lint, types, then every test, closing with the line `N passed, N failed`.
 *
 * Test files run in a process each. Those named `*.root.test.ts` touch what the machine has once (BPF, network
 * namespaces, ports of the lab) and run one at a time; all others run side by side. A pattern keeps the files whose path contains it, and
 * leaves the checks out.
 */
import { availableParallelism } from 'node:os';
import { globSync } from 'node:fs';
import { spec } from 'node:test/reporters';
import { run } from 'node:test';
import { runChecks } from './check.ts';

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, each with its reason: told again at the end, where a reader of a long log looks first. */
  readonly failures: string[];
}

/** The first lines of why a test failed; what the runner wraps around a failure is of no use. */
function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return (cause.stack ?? cause.message).split('\n').slice(0, 8).join('\n    ');
}

/** Runs test files and adds their results to the tally. A file without a single test counts as failed. */
async function runFiles(files: readonly string[], concurrency: number, tally: Tally): Promise<void> {
  if (files.length === 0) return;
  const events = run({ files: [...files], concurrency, isolation: 'process', timeout: 600_000 });
  events.on('test:summary', (summary) => {
    if (summary.file === undefined) return;
    const { tests, passed, skipped, todo } = summary.counts;
    tally.passed += passed;
    tally.skipped += skipped + todo;
    // Failed and cancelled alike.
    tally.failed += tests - passed - skipped - todo;
  });
  events.on('test:fail', ({ name, file, details }) => {
    // A suite or file that fails for one of its tests has nothing to say of its own.
    if (details.error.message.includes('subtest')) return;
    tally.failures.push(`${file ?? ''}: ${name}\n    ${reasonOf(details.error)}`);
  });
  // No summary comes from a file without a test, or from one that dies (a crash in native code, an exit).
  const summarised = new Set<string>();
  events.on('test:summary', (summary) => {
    if (summary.file !== undefined) summarised.add(summary.file);
  });
  const report = events.compose(spec);
  for await (const text of report) process.stdout.write(text);
  for (const file of files) {
    if (summarised.has(file)) continue;
    tally.failures.push(`${file}: registered no test, or died before its end`);
    tally.failed++;
  }
}

const patterns = process.argv.slice(2);
const unknownFlag = patterns.find((pattern) => pattern.startsWith('-'));
if (unknownFlag !== undefined) {
  console.error(`error: unknown flag "${unknownFlag}"; usage: npm test [-- PATH-PATTERN ...]`);
  process.exit(2);
}
const root = `${import.meta.dirname}/..`;
const files = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .map((file) => `${import.meta.dirname.replace(/\/scripts$/, '')}/${file}`)
  .sort();
if (files.length === 0) {
  console.error(`error: no test file matches ${patterns.map((pattern) => `"${pattern}"`).join(', ')}`);
  process.exit(2);
}

const tally: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
if (patterns.length === 0) {
  const { passed, failures } = runChecks();
  tally.passed += passed;
  tally.failed += failures.length;
  tally.failures.push(...failures.map((name) => `the check of ${name}, whose output is at the beginning`));
}
const isRootTest = (file: string): boolean => file.endsWith('.root.test.ts');
await runFiles(
  files.filter((file) => !isRootTest(file)),
  Math.max(2, availableParallelism()),
  tally,
);
await runFiles(files.filter(isRootTest), 1, tally);
for (const failure of tally.failures) console.log(`failed: ${failure}`);
if (tally.skipped > 0) console.log(`${tally.skipped} skipped: each names above what it lacks`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed > 0 ? 1 : 0;
