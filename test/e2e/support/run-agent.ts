/** Runs an agent with the options given as JSON, until SIGTERM; logs on stderr. SIGUSR2 blocks its main thread for three seconds. */
import { type AgentOptions, runAgent } from '../../../agent/index.ts';

const STALL_MS = 3000;

const options = JSON.parse(process.argv[2]) as AgentOptions;
const abort = new AbortController();
process.on('SIGTERM', () => abort.abort());
process.on('SIGUSR2', () => {
  process.stderr.write('stalled\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
});
process.exitCode = await runAgent(options, {
  signal: abort.signal,
  log: (line) => process.stderr.write(`${line}\n`),
});
