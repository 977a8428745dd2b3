import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createTwoNodes, type Pod } from '../../../bench/support/two-nodes.ts';
import { type AgentHome, type AgentProcess, createAgentHome } from '../support/agent-process.ts';
import { nodeManifest } from '../support/manifests.ts';
import { Prober } from '../support/prober.ts';
import {
  type Member,
  memberOf,
  namespaceObject,
  outside,
  OUTSIDE_RANGES,
  placement,
  podObject,
  PORTS,
  type Probe,
} from './cast.ts';

/** One state of policies and labels, and what may pass in it. Nobody is denied what no policy says. */
export interface Step {
  readonly policies: readonly object[];
  readonly allows: (probe: Probe) => boolean;
  /** More labels of namespaces, by their names, and of pods, by `namespace/name`. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface ConformanceCase {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What is expected to be dropped is waited for so long at first; what is expected to pass, and does not, is tried again. */
const SILENCE_MS = 350;
const SETTLE_WITHIN_MS = 60_000;

interface Place extends Member {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Two nodes with an agent each, nine pods that serve TCP and UDP on two ports of both families, and a machine outside. */
export class ConformanceLab {
  private readonly nodes: ReturnType<typeof createTwoNodes>;
  private readonly homes: AgentHome[];
  private agents: AgentProcess[] = [];
  private readonly places: Place[] = [];
  private readonly pods = new Map<string, { pod: Pod; node: number }>();
  private readonly probers = new Map<string, Prober>();
  private readonly near: ReadonlySet<string> = new Set(placement[0]);
  probes = 0;

  constructor(prefix: string) {
    this.nodes = createTwoNodes(prefix, Math.max(...placement.map((names) => names.length)));
    this.homes = this.nodes.nodes.map((node) => createAgentHome(node));
    for (const [node, names] of placement.entries()) {
      for (const [i, name] of names.entries()) {
        const pod = this.nodes.nodes[node].pods[i];
        this.pods.set(name, { pod, node });
        this.places.push({ ...memberOf(name), ipv4: pod.ipv4, ipv6: pod.ipv6 });
      }
    }
    this.places.push(...outside);
  }

  async start(): Promise<void> {
    const [near, far] = this.nodes.nodes;
    const ip = (netns: string, args: string): void => {
      const { status, stderr } = spawnSync('nsenter', [
        `--net=/run/netns/${netns}`,
        'ip',
        ...args.split(' '),
      ]);
      assert.equal(status, 0, `ip ${args}: ${String(stderr)}`);
    };
    ip(near.netns, `route add ${OUTSIDE_RANGES.ipv4} via ${far.ipv4}`);
    ip(near.netns, `route add ${OUTSIDE_RANGES.ipv6} via ${far.ipv6}`);
    for (const { ipv4, ipv6 } of outside) {
      ip(far.netns, `addr add ${ipv4}/32 dev lo`);
      ip(far.netns, `addr add ${ipv6}/128 dev lo nodad`);
    }
    for (const [name, { pod }] of this.pods) this.probers.set(name, new Prober(pod));
    const machine = new Prober({ netns: far.netns });
    for (const { name } of outside) this.probers.set(name, machine);
    this.writeState({});
    this.agents = await Promise.all(this.homes.map((home, i) => home.start({ nodeName: `node${i + 1}` })));
    await Promise.all(
      this.places.flatMap((place) =>
        (['tcp', 'udp'] as const).flatMap((protocol) =>
          PORTS.flatMap((port) =>
            (['ipv4', 'ipv6'] as const).map((family) =>
              this.probers.get(place.name)!.serve(protocol, place[family], port),
            ),
          ),
        ),
      ),
    );
  }

  /** Puts a step's state in force and holds every connection that there can be against what it allows. */
  async check({ policies, allows, labels = {} }: Step): Promise<void> {
    const before = await this.revisions();
    this.writeState(labels);
    for (const home of this.homes) home.write('policies.yaml', ...policies, this.marker());
    await this.newRevisions(before);
    const until = Date.now() + SETTLE_WITHIN_MS;
    let open = this.allProbes();
    for (let ms = SILENCE_MS; ; ms = Math.min(4 * ms, 8000)) {
      const answers = await Promise.all(open.map(({ probe, ask }) => ask(allows(probe) ? ms : SILENCE_MS)));
      this.probes += open.length;
      const wrong = open.filter(({ probe }, i) => (answers[i] === 'echoed') !== allows(probe));
      if (wrong.length === 0) return;
      const texts = wrong
        .slice(0, 6)
        .map(({ text, probe }) => `${text} ${allows(probe) ? 'fails' : 'passes'}`);
      assert.ok(Date.now() < until, `${wrong.length} are wrong: ${texts.join('; ')}`);
      open = wrong;
    }
  }

  async remove(): Promise<void> {
    for (const prober of new Set(this.probers.values())) prober.end();
    for (const home of this.homes) await home.remove();
    this.nodes.remove();
  }

  private marks = 0;

  /** A policy that selects nobody and is another one each time: by it the agents tell that they have seen the file. */
  private marker(): object {
    return {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `mark-${++this.marks}`, namespace: 'nowhere' },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    };
  }

  private writeState(labels: NonNullable<Step['labels']>): void {
    const [near, far] = this.nodes.nodes;
    const objects = [
      ...['x', 'y', 'z'].map((name) => namespaceObject(name, labels[name])),
      nodeManifest(near, 'node1'),
      nodeManifest(far, 'node2'),
      ...[...this.pods].map(([name, { pod, node }]) =>
        podObject(memberOf(name), pod, `node${node + 1}`, labels[name]),
      ),
    ];
    for (const home of this.homes) home.write('cluster.yaml', ...objects);
  }

  private allProbes(): { probe: Probe; text: string; ask: (ms: number) => Promise<string> }[] {
    return this.places.flatMap((from) =>
      this.places.flatMap((to) => {
        const isReachable = from.name !== to.name && (this.isPodPair(from, to) || this.isToOutside(from, to));
        if (!isReachable) return [];
        const prober = this.probers.get(from.name)!;
        return (['tcp', 'udp'] as const).flatMap((protocol) =>
          PORTS.flatMap((port) =>
            (['ipv4', 'ipv6'] as const).map((family) => ({
              probe: { from, to, protocol, port },
              text: `${from.name} to ${to.name} ${protocol} ${port} ${family}`,
              ask: (ms: number) => prober.ask(protocol, to[family], port, ms),
            })),
          ),
        );
      }),
    );
  }

  private isPodPair(from: Place, to: Place): boolean {
    return from.namespace !== 'out' && to.namespace !== 'out';
  }

  /** The machine outside stands where the second node does: to that node's pods it is the node. */
  private isToOutside(from: Place, to: Place): boolean {
    return to.namespace === 'out' && this.near.has(from.name);
  }

  private async revisions(): Promise<number[]> {
    return Promise.all(
      this.agents.map(async (agent) => {
        const client = agent.client('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
        try {
          const { response } = await client.unary('GetStatus');
          const [node] = response.nodes as { counters?: Record<string, string>; problems?: object[] }[];
          assert.deepEqual(node.problems ?? [], []);
          return Number(node.counters?.policyRevision ?? 0);
        } finally {
          client.close();
        }
      }),
    );
  }

  private async newRevisions(before: readonly number[]): Promise<void> {
    const until = Date.now() + SETTLE_WITHIN_MS;
    for (;;) {
      const now = await this.revisions();
      if (now.every((revision, i) => revision > before[i])) return;
      assert.ok(Date.now() < until, 'an agent has not seen the policies');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
