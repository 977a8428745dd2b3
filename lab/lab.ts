import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeLab } from './clean.ts';
import type { LabOptions } from './config.ts';
import { buildNetwork } from './network/build-network.ts';
import { keepRoutes } from './network/keep-routes.ts';
import { planNetwork } from './network/network-plan.ts';
import type { LabPaths } from './paths.ts';
import { agentSpecs, clusterRelaySpecs, programSpecs, topRelaySpec } from './process/lab-processes.ts';
import { makeCertificates } from './process/make-certificates.ts';
import { type ProcessSpec, Supervisor } from './process/supervisor.ts';
import { FlowTally, watchFlows } from './report/flow-watch.ts';
import { Stores } from './stores/stores.ts';
import { clusterManifests } from './topology/manifests.ts';
import type { LabPlan } from './topology/plan.ts';

const STOP_GRACE_MS = 4_000;
/** Between two processes that start: dozens at once would only wait for each other, and the agents with them. */
const STAGGER_MS = 60;

/** The running parts of a lab, from network to programs. Built once, closed once. */
export class Lab {
  readonly plan: LabPlan;
  readonly paths: LabPaths;
  /** Flows of the whole fleet since the start, over a real stream. */
  readonly tally = new FlowTally();
  restarts = 0;
  private readonly options: LabOptions;
  private readonly log: (line: string) => void;
  private readonly abort = new AbortController();
  private readonly watching: Promise<void>[] = [];
  private readonly programs: Supervisor;
  private readonly observers: Supervisor;
  /** Servers that get the flows, and the exporter that brings them there. */
  private readonly stores: Stores;

  constructor(plan: LabPlan, paths: LabPaths, options: LabOptions, log: (line: string) => void) {
    this.plan = plan;
    this.paths = paths;
    this.options = options;
    this.log = log;
    const supervise = {
      logDir: options.logDir,
      tableFile: paths.processTable,
      onEnd: (spec: ProcessSpec, reason: string): void => {
        this.restarts++;
        log(`${spec.name} ended (${reason}): started again; its log: ${join(options.logDir, spec.logFile)}`);
      },
    };
    this.programs = new Supervisor(supervise);
    this.observers = new Supervisor(supervise);
    this.stores = new Stores(options.stores, paths, new Supervisor(supervise), log);
  }

  /** Builds and starts everything. Rejects with what failed; `close` then removes what there is. Ends early when the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    const { plan, paths, options } = this;
    for (const dir of [paths.runDir, options.logDir]) mkdirSync(dir, { recursive: true });
    const network = planNetwork(plan);
    await Promise.all([buildNetwork(network), makeCertificates(plan, paths)]);
    this.log(`network is up: ${network.namespaces.length} namespaces`);
    this.stores.start(this.abort.signal);
    this.writeManifests();
    for (const spec of agentSpecs(plan, paths)) await this.startOne(this.observers, spec, signal);
    for (const spec of clusterRelaySpecs(plan, paths)) await this.startOne(this.observers, spec, signal);
    await this.startOne(this.observers, topRelaySpec(plan, paths, options), signal);
    const top = { kind: 'unix', path: paths.topSocket } as const;
    this.watching.push(watchFlows(top, this.tally, this.abort.signal, this.log));
    for (const node of plan.clusters.flatMap((cluster) => cluster.nodes)) {
      const namespace = network.namespaces.find(({ netns }) => netns === node.netns);
      if (namespace !== undefined) keepRoutes(namespace, paths.processTable, this.abort.signal, this.log);
    }
    for (const spec of programSpecs(plan, paths, options.rate)) {
      await this.startOne(this.programs, spec, signal);
    }
    this.log(
      `started: ${this.observers.states.length} agents and relays, ${this.programs.states.length} programs`,
    );
  }

  /** Nodes of which no flow has come yet. */
  get silentNodes(): string[] {
    const names = this.plan.clusters.flatMap(({ nodes }) =>
      nodes.map(({ cluster, name }) => `${cluster}/${name}`),
    );
    return names.filter((name) => !this.tally.nodes.has(name));
  }

  /** Waits until flows go to the stores that were asked for; resolves with what to try on them, '' without any. Rejects when one cannot be started. */
  storesReady(): Promise<string> {
    return this.stores.ready;
  }

  /** Ends all processes, programs first, and removes every trace. */
  async close(): Promise<void> {
    this.abort.abort();
    await this.programs.stopAll(STOP_GRACE_MS);
    await this.stores.close();
    await this.observers.stopAll(STOP_GRACE_MS);
    await Promise.all(this.watching);
    await removeLab(this.plan, this.paths);
  }

  private async startOne(supervisor: Supervisor, spec: ProcessSpec, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    supervisor.start(spec);
    await sleep(STAGGER_MS, undefined, { signal });
  }

  private writeManifests(): void {
    for (const cluster of this.plan.clusters) {
      for (const node of cluster.nodes) mkdirSync(dirname(this.paths.agentSocket(node)), { recursive: true });
      const dir = this.paths.manifestsDir(cluster.name);
      rmSync(dir, { recursive: true, force: true });
      for (const [name, text] of clusterManifests(cluster)) {
        mkdirSync(dirname(join(dir, name)), { recursive: true });
        writeFileSync(join(dir, name), text);
      }
    }
  }
}
