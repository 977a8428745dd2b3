import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LabStore } from '../config.ts';
import type { LabPaths } from '../paths.ts';
import { ROOT, type Supervisor } from '../process/supervisor.ts';
import { freePorts } from '../servers/server-process.ts';
import { exportConfig, storesLegend } from './export-config.ts';

const run = promisify(execFile);

/** Where people look for these servers. */
const USUAL_PORTS: Readonly<Record<LabStore, number>> = { kafka: 9092, elasticsearch: 9200 };
/** Fetching a server and starting it on a busy machine. */
const READY_MS = 600_000;
const POLL_MS = 1000;
const STOP_GRACE_MS = 8000;

/** Real servers beside the lab, and an exporter that brings them every flow. Started once, closed once. */
export class Stores {
  /** What to try, once flows go there; '' when no store was asked for. Rejects when it cannot be. */
  ready: Promise<string> = Promise.resolve('');
  private readonly names: readonly LabStore[];
  private readonly paths: LabPaths;
  private readonly processes: Supervisor;
  private readonly log: (line: string) => void;

  constructor(
    names: readonly LabStore[],
    paths: LabPaths,
    processes: Supervisor,
    log: (line: string) => void,
  ) {
    this.names = names;
    this.paths = paths;
    this.processes = processes;
    this.log = log;
  }

  /** Begins to start them; `ready` tells how that goes. */
  start(signal: AbortSignal): void {
    if (this.names.length === 0) return;
    this.ready = this.startAll(signal);
    this.ready.catch(() => {}); // whoever waits for it is told
  }

  close(): Promise<void> {
    return this.processes.stopAll(STOP_GRACE_MS);
  }

  private async startAll(signal: AbortSignal): Promise<string> {
    const { paths, names } = this;
    await run('sh', [join(ROOT, 'scripts/setup-servers.sh')], { signal });
    rmSync(paths.serversDir, { recursive: true, force: true });
    const ports = new Map<LabStore, number>();
    for (const name of names) {
      const port = await portOf(name);
      ports.set(name, port);
      mkdirSync(join(paths.serversDir, name), { recursive: true });
      this.log(`starting ${name} on 127.0.0.1:${port}, which is fetched the first time`);
      this.processes.start({
        name,
        script: 'lab/servers/main.ts',
        args: [name, join(paths.serversDir, name), String(port)],
        logFile: `${name}.log`,
      });
    }
    writeFileSync(paths.exportConfig, exportConfig(paths, ports));
    const search = ports.get('elasticsearch');
    if (search !== undefined) await this.setUp(`http://127.0.0.1:${search}`, signal);
    this.processes.start({
      name: 'exporter',
      script: 'cli/main.ts',
      args: ['export', '--config', paths.exportConfig],
      logFile: 'export.log',
    });
    this.log(`flows go to ${names.join(' and ')}`);
    return storesLegend(paths, ports);
  }

  /** Installs the templates, as anybody would, once the server answers. */
  private async setUp(url: string, signal: AbortSignal): Promise<void> {
    const args = [join(ROOT, 'cli/main.ts'), 'export', 'setup', 'elasticsearch', '--url', url];
    const deadline = performance.now() + READY_MS;
    for (;;) {
      try {
        await run(process.execPath, args, { signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (performance.now() > deadline) {
          const { stderr, message } = error as Error & { stderr?: string };
          throw new Error(`Elasticsearch cannot be set up: ${stderr?.trim() || message}`, { cause: error });
        }
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

/** The usual port of a server, or another when somebody has that one. */
async function portOf(name: LabStore): Promise<number> {
  const usual = USUAL_PORTS[name];
  const isFree = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(usual, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return isFree ? usual : (await freePorts(1))[0];
}
