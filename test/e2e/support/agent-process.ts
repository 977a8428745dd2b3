import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TestNode } from '../../../bench/support/two-nodes.ts';
import { type AgentOptions, removePins } from '../../../agent/index.ts';
import { parseAddress } from '../../../rpc/index.ts';
import { connectForeign, type ForeignClient } from '../../support/grpc-client.ts';

const root = join(import.meta.dirname, '../../..');
const runner = join(import.meta.dirname, 'run-agent.ts');
const READY_WITHIN_MS = 120_000;

/** An agent's process, its log and where it serves. */
export interface AgentProcess {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly log: readonly string[];
  /** Sends a signal and waits for the end: exit status, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
  client(file: string, service: string): ForeignClient;
}

/** A node on which agents are started: manifests, pins and a directory for sockets of its own. */
export interface AgentHome {
  readonly stateDir: string;
  readonly pinDir: string;
  /** Writes a file of manifests. */
  write(name: string, ...objects: readonly object[]): void;
  /** Starts an agent and waits until it serves. Throws with its log when it does not. */
  start(options?: Partial<AgentOptions>): Promise<AgentProcess>;
  /** Ends what still runs and removes everything. */
  remove(): Promise<void>;
}

/** Makes a home for agents of cluster `east` in a node's namespace. */
export function createAgentHome(node: TestNode): AgentHome {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-agt-'));
  const stateDir = join(dir, 'manifests');
  const pinDir = `/sys/fs/bpf/sluice/${node.netns}-${process.pid}`;
  const running = new Set<AgentProcess>();
  mkdirSync(stateDir);
  let started = 0;
  const write = (name: string, ...objects: readonly object[]): void =>
    writeFileSync(join(stateDir, name), objects.map((object) => stringify(object)).join('---\n'));
  return {
    stateDir,
    pinDir,
    write,
    start: async (changed = {}) => {
      const socket = join(dir, `agent-${++started}.sock`);
      const options: AgentOptions = {
        nodeName: 'node1',
        clusterName: 'east',
        clusterId: 1,
        stateDir,
        remoteClusters: [],
        listen: [parseAddress(`unix://${socket}`)],
        insecure: false,
        device: 'eth0',
        bpfObject: join(root, 'build/bpf/datapath.bpf.o'),
        pinDir,
        aggregation: 'medium',
        aggregationIntervalMs: 5000,
        captureBytes: 0,
        noRedirect: false,
        ringBytesPerCpu: 1024 * 1024,
        historyFlows: 65_535,
        historyBytes: 64 * 1024 * 1024,
        unpinOnExit: false,
        ...changed,
      };
      const child = spawn(
        'nsenter',
        [`--net=/run/netns/${node.netns}`, process.execPath, runner, JSON.stringify(options)],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      const agent = watchProcess(child, socket);
      running.add(agent);
      child.once('exit', () => running.delete(agent));
      await ready(agent);
      return agent;
    },
    remove: async () => {
      await Promise.all([...running].map((agent) => agent.end('SIGKILL')));
      removePins(pinDir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function watchProcess(child: ChildProcess, socket: string): AgentProcess {
  const log: string[] = [];
  let rest = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    log.push(...lines);
  });
  return {
    child,
    socket,
    log,
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null)
        return child.exitCode ?? String(child.signalCode);
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
      return child.exitCode ?? String(child.signalCode);
    },
    client: (file, service) => connectForeign(`unix://${socket}`, file, service),
  };
}

async function ready(agent: AgentProcess): Promise<void> {
  const until = Date.now() + READY_WITHIN_MS;
  while (!agent.log.some((line) => line.includes('msg="agent ready"'))) {
    const { exitCode, signalCode } = agent.child;
    if (exitCode !== null || signalCode !== null || Date.now() > until) {
      throw new Error(`agent is not ready (exit ${exitCode ?? signalCode}):\n${agent.log.join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
