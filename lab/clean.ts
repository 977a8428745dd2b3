import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeNamespaces } from './network/build-network.ts';
import { planNetwork } from './network/network-plan.ts';
import { PIN_ROOT, RUN_ROOT, type LabPaths } from './paths.ts';
import { endProcesses, readProcessTable } from './process/process-table.ts';
import type { LabPlan } from './topology/plan.ts';

const GRACE_MS = 4_000;
const NETNS_DIR = '/run/netns';

/** What was found and removed. */
export interface Removed {
  readonly processes: number;
  readonly namespaces: number;
  readonly pins: number;
}

/**
 * Removes whatever a lab of this name has left on the machine: processes that it noted and that are still the same, its namespaces and with them their links, its pins, its
 * directory with sockets and manifests. Touches nothing else. The lab's lock must be held.
 */
export async function removeLab(plan: LabPlan, paths: LabPaths): Promise<Removed> {
  const processes = await endProcesses(readProcessTable(paths.processTable), GRACE_MS);
  const present = new Set(list(NETNS_DIR));
  const names = planNetwork(plan).namespaces.map(({ netns }) => netns);
  await removeNamespaces(names, present);
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const pins = nodes.map((node) => paths.pinDir(node)).filter((dir) => existsSync(dir));
  for (const dir of pins) rmSync(dir, { recursive: true, force: true });
  for (const dir of [paths.runDir, paths.serversDir]) rmSync(dir, { recursive: true, force: true });
  for (const dir of [PIN_ROOT, RUN_ROOT, dirname(paths.serversDir)]) removeIfEmpty(dir);
  return { processes, namespaces: names.filter((name) => present.has(name)).length, pins: pins.length };
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // there never was a namespace on this machine
  }
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // not there, or somebody else's things are in it
  }
}
