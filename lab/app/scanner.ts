import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ProgramPlan } from '../topology/workloads.ts';
import type { AppConfig } from './app-config.ts';
import { pace } from './pace.ts';
import type { Tally } from './tally.ts';
import { UpstreamCaller } from './upstream.ts';

const TCP_PORTS = [21, 22, 23, 25, 80, 443, 3306, 5432, 6379, 8080, 9200] as const;
const UDP_PORTS = [123, 161, 500, 1900] as const;
const TIMEOUT_MS = 1_000;

/** Tries ports of others, nearly all of them closed: TCP, which is refused, and UDP, which is answered by ICMP. */
export function runScanner(
  config: AppConfig,
  program: ProgramPlan & { role: 'scanner' },
  tally: Tally,
): void {
  const caller = new UpstreamCaller(config);
  const scan = async (): Promise<void> => {
    const host = program.hosts[Math.floor(Math.random() * program.hosts.length)];
    const address = await caller.choose({ host, family: 'any' });
    if (Math.random() < 0.2) await probeUdp(address);
    else await probeTcp(address);
  };
  pace(program.perSecond * config.rate, 'open port', scan, tally);
}

async function probeTcp(host: string): Promise<void> {
  const socket = connect({ host, port: TCP_PORTS[Math.floor(Math.random() * TCP_PORTS.length)] });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } finally {
    socket.destroy();
  }
}

async function probeUdp(host: string): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    // Connected, so that the ICMP error for it comes back as ECONNREFUSED.
    socket.connect(UDP_PORTS[Math.floor(Math.random() * UDP_PORTS.length)], host);
    await once(socket, 'connect');
    socket.send('?');
    await once(socket, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } finally {
    socket.close();
  }
}
