/**
 * `npm run fuzz -- [--seconds N] [--seed N]`: throws mutated protobuf, gRPC envelopes, HTTP/2 frames, HTTP/1.1 and TLS at a server in a process of its own, and tells what
 * it holds before and after. Exit status: 0 when it lived and leaked nothing, 1 when not, 2 for a mistake in the command line.
 */
import { parseArgs } from 'node:util';
import { leakOf } from './leak.ts';
import { runFuzz } from './run-fuzz.ts';

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    process.stderr.write(`error: invalid value "${text}" for --${name}: expected a whole number\n`);
    process.exit(2);
  }
  return value;
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
});
const result = await runFuzz({
  seed: numberOf('seed', values.seed),
  timeMs: numberOf('seconds', values.seconds) * 1000,
  attacks: Number.MAX_SAFE_INTEGER,
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
const leak = leakOf(result);
if (leak !== null) process.stderr.write(`error: ${leak}\n`);
process.exitCode = leak === null ? 0 : 1;
