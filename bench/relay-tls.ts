/** The relay over 128 agents that see 200,000 flows/s together: over mTLS, as between machines, and over Unix sockets as the baseline. */
import { join } from 'node:path';
import { fleetCertificates } from '../cli/certs/fleet-certificates.ts';
import { makeAuthority, makeCertificates } from '../cli/certs/make-certificates.ts';
import type { Bench } from './report.ts';
import { measureRelay } from './support/measure-relay.ts';
import { reportPaced } from './support/report-paced.ts';

const FOR_MS = 10_000;
const DAY_MS = 86_400_000;

async function makeFleet(dir: string): Promise<void> {
  const options = {
    dir: join(dir, 'tls'),
    lifetimeMs: DAY_MS,
    authorityLifetimeMs: DAY_MS,
    renewBeforeMs: 0,
    keyType: 'ecdsa-p256',
    nowMs: Date.now(),
  } as const;
  await makeAuthority(options);
  await makeCertificates(fleetCertificates({ clusters: ['east'], nodes: [], relayHosts: [] }), options);
}

export const run: Bench = async (report) => {
  const load = { peers: 128, size: 'large', flowsPerSecond: 200_000, forMs: FOR_MS } as const;
  const plain = await measureRelay('raw-relay.ts', load);
  reportPaced(report, 'relay-tls', 'Unix sockets, 128 peers', plain);
  const tls = await measureRelay('raw-relay.ts', { ...load, prepare: makeFleet });
  reportPaced(report, 'relay-tls', 'mTLS, 128 peers', tls);
  report({
    bench: 'relay-tls',
    case: 'mTLS, 128 peers',
    metric: 'CPU per million',
    value: tls.cpuPerMillion,
    unit: 's',
    baseline: 'Unix sockets, 128 peers',
    ratio: tls.cpuPerMillion / plain.cpuPerMillion,
  });
};
