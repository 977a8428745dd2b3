/** The program in each pod of the lab: `main.ts CONFIG`, where CONFIG is an AppConfig as JSON. Runs until it is told to end. */
import type { AppConfig } from './app-config.ts';
import { Tally } from './tally.ts';

const LOG_INTERVAL_MS = 10_000;

const config = JSON.parse(process.argv[2]) as AppConfig;
const tally = new Tally(config.name, LOG_INTERVAL_MS);
const { program } = config;

// Each role's modules are loaded by the processes that need them only: most need no YAML and no HTTP.
switch (program.role) {
  case 'web':
    (await import('./web.ts')).runWeb(config, program, tally);
    break;
  case 'cache':
    (await import('./cache.ts')).runCache(config, program, tally);
    break;
  case 'cluster-dns':
    await (await import('./dns/cluster-dns.ts')).runClusterDns(config, tally);
    break;
  case 'world-dns':
    (await import('./dns/world-dns.ts')).runWorldDns(config, tally);
    break;
  case 'client':
    (await import('./client.ts')).runClient(config, program, tally);
    break;
  case 'scanner':
    (await import('./scanner.ts')).runScanner(config, program, tally);
    break;
  default:
    (await import('./pinger.ts')).runPinger(config, program, tally);
}
