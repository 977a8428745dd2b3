import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProgramPlan } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import { pace } from './pace.ts';
import type { Tally } from './tally.ts';
import { UpstreamCaller } from './upstream.ts';

/** Every probe is a process, so a high rate of the lab must not become a storm of them. */
const MAX_PER_SECOND = 5;

/** Watches others by ICMP echo, one process of ping for each probe: Node opens no raw sockets. */
export function runPinger(config: AppConfig, program: ProgramPlan & { role: 'pinger' }, tally: Tally): void {
  const caller = new UpstreamCaller(config);
  const ping = async (): Promise<void> => {
    const host = program.hosts[Math.floor(Math.random() * program.hosts.length)];
    const address = await caller.choose({ host, family: 'any' });
    await promisify(execFile)('ping', ['-n', '-q', '-c', '1', '-W', '1', address]);
  };
  pace(Math.min(MAX_PER_SECOND, program.perSecond * config.rate), 'echo', ping, tally);
}
