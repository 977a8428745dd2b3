import { join } from 'node:path';
import { podConfig, worldConfig } from '../app/pod-config.ts';
import type { LabOptions } from '../config.ts';
import { type LabPaths, relayNode } from '../paths.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../topology/plan.ts';
import type { ProcessSpec } from './supervisor.ts';

const CLI = 'cli/main.ts';
const AGENT_PORT = 4244;
const RELAY_PORT = 4245;
/** The programs are small, and there are many: a heap that is collected early keeps each of them so. */
const APP_NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64'] as const;

/** A server's certificate, for clients that show one themselves. */
function serverTls({ tlsDir }: LabPaths, certificate: string): string[] {
  return [
    `--tls-cert-file=${join(tlsDir, `${certificate}.crt`)}`,
    `--tls-key-file=${join(tlsDir, `${certificate}.key`)}`,
    `--tls-client-ca-files=${join(tlsDir, 'ca.crt')}`,
  ];
}

/** One agent for each node, each in its node's namespace. */
export function agentSpecs(plan: LabPlan, paths: LabPaths): ProcessSpec[] {
  return plan.clusters.flatMap((cluster) =>
    cluster.nodes.map((node) => agentSpec(plan, paths, cluster, node)),
  );
}

/** What a lab keeps on disk, which often is memory: some hours at its usual rate. */
const AGENT_STORE_BYTES = 16 * 1024 * 1024;
const RELAY_STORE_BYTES = 64 * 1024 * 1024;

function agentSpec(plan: LabPlan, paths: LabPaths, cluster: ClusterPlan, node: NodePlan): ProcessSpec {
  const remote = plan.clusters.filter((other) => other !== cluster);
  return {
    name: `${cluster.name}/${node.name} agent`,
    script: CLI,
    netns: node.netns,
    logFile: `${cluster.name}/${node.name}/agent.log`,
    args: [
      'agent',
      `--node-name=${node.name}`,
      `--cluster-name=${cluster.name}`,
      `--cluster-id=${cluster.id}`,
      `--state-dir=${paths.manifestsDir(cluster.name)}`,
      ...remote.map(({ name, id }) => `--remote-cluster=${name}=${id}:${paths.manifestsDir(name)}`),
      `--listen=unix://${paths.agentSocket(node)}`,
      `--listen=:${AGENT_PORT}`,
      ...serverTls(paths, `agents/${cluster.name}/${node.name}`),
      '--device=eth0',
      `--pin-dir=${paths.pinDir(node)}`,
      `--store-dir=${paths.storeDir(`${cluster.name}-${node.name}`)}`,
      `--store-bytes=${AGENT_STORE_BYTES}`,
      '--unpin-on-exit',
    ],
  };
}

/** A relay for each cluster, which finds the agents through the one of its own node and speaks mTLS with all. */
export function clusterRelaySpecs(plan: LabPlan, paths: LabPaths): ProcessSpec[] {
  return plan.clusters.map((cluster) => ({
    name: `${cluster.name} relay`,
    script: CLI,
    netns: relayNode(cluster).netns,
    logFile: `${cluster.name}/relay.log`,
    args: [
      'relay',
      `--name=${cluster.name}`,
      `--store-dir=${paths.storeDir(cluster.name)}`,
      `--store-bytes=${RELAY_STORE_BYTES}`,
      `--listen=unix://${paths.relaySocket(cluster.name)}`,
      `--listen=:${RELAY_PORT}`,
      ...serverTls(paths, 'relay-server'),
      `--peer-service=unix://${paths.agentSocket(relayNode(cluster))}`,
      `--peer-tls-ca-files=${join(paths.tlsDir, 'ca.crt')}`,
      `--peer-tls-cert-file=${join(paths.tlsDir, 'relay-client.crt')}`,
      `--peer-tls-key-file=${join(paths.tlsDir, 'relay-client.key')}`,
    ],
  }));
}

/** The relay above the clusters, in the machine's own namespace, where people are: they need no certificate on the loopback, and may use one. */
export function topRelaySpec(plan: LabPlan, paths: LabPaths, { name, port }: LabOptions): ProcessSpec {
  return {
    name: 'relay above the clusters',
    script: CLI,
    logFile: 'relay.log',
    args: [
      'relay',
      `--name=${name}`,
      `--store-dir=${paths.storeDir('relay')}`,
      `--store-bytes=${RELAY_STORE_BYTES}`,
      `--listen=unix://${paths.topSocket}`,
      ...(port === 0
        ? []
        : [`--listen=127.0.0.1:${port}`, '--insecure', ...serverTls(paths, 'relay-server')]),
      ...plan.clusters.map((cluster) => `--peer=unix://${paths.relaySocket(cluster.name)}`),
    ],
  };
}

/** The program of every pod, in its pod's namespace, and those of the outside world. */
export function programSpecs(plan: LabPlan, paths: LabPaths, rate: number): ProcessSpec[] {
  const pods = plan.clusters.flatMap((cluster) =>
    cluster.nodes.flatMap((node) =>
      node.pods.map((pod) => ({
        name: `${cluster.name}/${pod.workload.namespace}/${pod.name}`,
        netns: pod.netns,
        logFile: `${cluster.name}/${node.name}/${pod.workload.namespace}-${pod.name}.log`,
        config: podConfig(plan, cluster, pod, rate, (other) => paths.manifestsDir(other)),
      })),
    ),
  );
  const world = plan.world.map((host) => ({
    name: `world/${host.name}`,
    netns: plan.outsideNetns,
    logFile: `world/${host.name}.log`,
    config: worldConfig(plan, host, rate),
  }));
  return [...world, ...pods].map(({ config, ...spec }) => ({
    ...spec,
    script: 'lab/app/main.ts',
    args: [JSON.stringify(config)],
    nodeFlags: APP_NODE_FLAGS,
  }));
}
