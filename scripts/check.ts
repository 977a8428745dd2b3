/**
 * `npm run check`: what needs no test to run: format, lint (with types), type check. `npm test` begins with the same.
 */
import { spawnSync } from 'node:child_process';

const root = `${import.meta.dirname}/..`;

const checks: readonly { name: string; command: string; args: readonly string[]; mend: string }[] = [
  { name: 'format', command: 'oxfmt/bin/oxfmt', args: ['--check', '.'], mend: 'npm run format' },
  {
    name: 'lint',
    command: 'oxlint/bin/oxlint',
    args: ['--type-aware', '--deny-warnings', '.'],
    mend: 'see the messages above',
  },
  { name: 'types', command: 'typescript/bin/tsc', args: ['-p', '.'], mend: 'see the messages above' },
  {
    name: 'types of the UI',
    command: 'typescript/bin/tsc',
    args: ['-p', 'ui'],
    mend: 'see the messages above',
  },
];

/**
 * Runs every check, printing what one has to say only when it fails. The tools are started by their path inside
 * their package, because npm 9 leaves node_modules/.bin empty (both platform packages of Node claim the same name there).
 */
export function runChecks(): { passed: number; failures: readonly string[] } {
  const failures: string[] = [];
  for (const { name, command, args, mend } of checks) {
    const result = spawnSync(process.execPath, [`node_modules/${command}`, ...args], {
      cwd: root,
      encoding: 'utf8',
    });
    if (result.status === 0) {
      console.log(`✔ ${name}`);
      continue;
    }
    failures.push(name);
    console.log(`✖ ${name}\n${result.stdout}${result.stderr}${result.error?.message ?? ''}`);
    console.log(`  to mend: ${mend}`);
  }
  return { passed: checks.length - failures.length, failures };
}

if (import.meta.main) process.exitCode = runChecks().failures.length > 0 ? 1 : 0;
