/**
 * `npm run bench -- [NAME ...] [--json]`: runs the named benchmarks (all of them without a name), each in a process of its
 * own so that none inherits another's heap. With --json one object a line, else a table.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { Bench, BenchRow } from './report.ts';

const here = import.meta.dirname;
const names = readdirSync(here)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts' && file !== 'report.ts')
  .map((file) => file.slice(0, -'.ts'.length));

function printRow(row: BenchRow, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(row));
    return;
  }
  const quartiles = row.quartiles?.map((ratio) => ratio.toPrecision(3)).join(' to ');
  const spread = quartiles === undefined ? '' : ` (${quartiles})`;
  const against = row.ratio === null ? '' : `  ${row.ratio.toPrecision(3)}${spread} x ${row.baseline}`;
  console.log(
    `${row.bench.padEnd(8)} ${row.case.padEnd(34)} ${row.metric.padEnd(22)} ${Number(row.value.toPrecision(5))} ${row.unit}${against}`,
  );
}

async function runOne(name: string, json: boolean): Promise<void> {
  const module = (await import(`./${name}.ts`)) as { run: Bench };
  await module.run((row) => printRow(row, json));
}

const args = process.argv.slice(2);
const json = args.includes('--json');
const unknownFlag = args.find((arg) => arg.startsWith('-') && arg !== '--json' && arg !== '--in-process');
const wanted = args.filter((arg) => !arg.startsWith('-'));
const unknown = wanted.filter((name) => !names.includes(name));
if (unknownFlag !== undefined || unknown.length > 0) {
  const what = unknownFlag !== undefined ? `flag "${unknownFlag}"` : `benchmark "${unknown[0]}"`;
  console.error(`error: unknown ${what}; there is --json and: ${names.join(', ')}`);
  process.exit(2);
}
if (args.includes('--in-process') && wanted.length === 1) {
  await runOne(wanted[0], json);
} else {
  let failed = 0;
  for (const name of wanted.length > 0 ? wanted : names) {
    const flags = json ? ['--json'] : [];
    const child = spawnSync(
      process.execPath,
      ['--expose-gc', `${here}/main.ts`, name, '--in-process', ...flags],
      {
        stdio: 'inherit',
      },
    );
    if (child.status !== 0) {
      console.error(`error: benchmark ${name} ended with status ${child.status ?? child.signal}`);
      failed++;
    }
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
