import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { ProgramPlan } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import type { Tally } from './tally.ts';

const IDLE_MS = 30_000;

/** A cache that speaks lines: `GET key` is answered with `HIT value` or, the first time, `MISS`. */
export function runCache(config: AppConfig, program: ProgramPlan & { role: 'cache' }, tally: Tally): void {
  const values = new Map<string, string>();
  for (const address of [config.addresses.ipv4, config.addresses.ipv6]) {
    const server = createServer((socket) => {
      socket.setTimeout(IDLE_MS, () => socket.end());
      socket.on('error', () => socket.destroy());
      createInterface({ input: socket }).on('line', (line) => {
        const key = line.replace(/^GET /, '').slice(0, 100);
        const value = values.get(key);
        tally.count(value === undefined ? 'miss' : 'hit');
        socket.write(value === undefined ? 'MISS\n' : `HIT ${value}\n`);
        if (values.size > 10_000) values.clear();
        values.set(key, 'x'.repeat(200));
      });
    });
    server.on('error', (error) => tally.fail('listen', error));
    server.listen(program.port, address);
  }
}
