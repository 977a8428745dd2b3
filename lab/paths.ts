import { join } from 'node:path';
import type { ClusterPlan, NodePlan } from './topology/plan.ts';

/** Where a lab keeps what others reach it by. All of it is gone after a clean end. */
export interface LabPaths {
  /** Begins the name of every network namespace. */
  readonly prefix: string;
  readonly runDir: string;
  /** Processes that were started, for the lab that comes after one that was killed. */
  readonly processTable: string;
  readonly topSocket: string;
  /** The CA and every certificate, as `sluice certs` lays them out. */
  readonly tlsDir: string;
  clusterDir(cluster: string): string;
  manifestsDir(cluster: string): string;
  relaySocket(cluster: string): string;
  agentSocket(node: NodePlan): string;
  pinDir(node: NodePlan): string;
  /** Where the process of this name keeps its flows. */
  storeDir(name: string): string;
  /** Data of the servers that run beside the lab, on a disk: it may grow. */
  readonly serversDir: string;
  readonly exportConfig: string;
  readonly exportSocket: string;
}

export const RUN_ROOT = '/run/sluice';
export const PIN_ROOT = '/sys/fs/bpf/sluice';

export function labPaths(name: string): LabPaths {
  const runDir = join(RUN_ROOT, name);
  return {
    prefix: name === 'lab' ? 'sluice' : `sluice-${name}`,
    runDir,
    processTable: join(runDir, 'processes'),
    topSocket: join(runDir, 'relay.sock'),
    tlsDir: join(runDir, 'tls'),
    clusterDir: (cluster) => join(runDir, cluster),
    manifestsDir: (cluster) => join(runDir, cluster, 'manifests'),
    relaySocket: (cluster) => join(runDir, cluster, 'relay.sock'),
    agentSocket: (node) => join(runDir, node.cluster, node.name, 'agent.sock'),
    storeDir: (name) => join(runDir, 'flows', name),
    serversDir: join(import.meta.dirname, '../build/lab-servers', name),
    exportConfig: join(runDir, 'export.yaml'),
    exportSocket: join(runDir, 'export.sock'),
    pinDir: (node) => join(PIN_ROOT, `${name}-${node.cluster}-${node.name}`),
  };
}

/** The node in whose namespace a cluster's relay runs. */
export function relayNode(cluster: ClusterPlan): NodePlan {
  return cluster.nodes[0];
}
