/**
 * From a policy's file saved to the first packet that it lets through, with connections opened and closed beside it as fast as one CPU can: an agent's process, two pods of its
 * node, and policies that open one port or the other in turn. What is asked every two milliseconds is answered by a process in the pod, which is part of the time. Needs root
 * and half a minute.
 */
import { createAgentHome } from '../test/e2e/support/agent-process.ts';
import { namespaceManifest, nodeManifest, podManifest } from '../test/e2e/support/manifests.ts';
import { Prober } from '../test/e2e/support/prober.ts';
import { type Bench, median } from './report.ts';
import { prepareTraffic, sampleTraffic } from './support/traffic-sample.ts';
import { createTwoNodes } from './support/two-nodes.ts';

const PORTS = [7100, 7101] as const;
const CHANGES = 100;
const ASK_EVERY_MS = 2;
const GIVE_UP_MS = 30_000;

const opens = (port: number): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'turns', namespace: 'travel' },
  spec: {
    podSelector: { matchLabels: { app: 'server' } },
    ingress: [{ ports: [{ port, protocol: 'UDP' }] }],
  },
});

async function firstEcho(prober: Prober, address: string, port: number): Promise<number> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (performance.now() - startMs > GIVE_UP_MS) {
        clearInterval(timer);
        reject(new Error(`port ${port} stays closed`));
        return;
      }
      void prober.ask('udp', address, port, 500).then((answer) => {
        if (answer !== 'echoed') return;
        clearInterval(timer);
        resolve(performance.now() - startMs);
      });
    }, ASK_EVERY_MS);
  });
}

export const run: Bench = async (report) => {
  prepareTraffic();
  const lab = createTwoNodes('poll-', 3);
  const [near, far] = lab.nodes;
  const home = createAgentHome(near);
  const [client, server, busy] = near.pods;
  const probers = [new Prober(client), new Prober(server)];
  const abort = { isOver: false };
  try {
    home.write(
      'cluster.yaml',
      namespaceManifest('travel'),
      nodeManifest(near, 'node1'),
      nodeManifest(far, 'node2'),
      podManifest(client, 'client', 'node1'),
      podManifest(server, 'server', 'node1'),
      podManifest(busy, 'busy', 'node1'),
    );
    await home.start();
    for (const port of PORTS) await probers[1].serve('udp', server.ipv4, port);
    for (const load of [false, true]) {
      abort.isOver = !load;
      const traffic = (async () => {
        while (!abort.isOver) await sampleTraffic('crr', far.pods[0], busy, 'ipv4');
      })();
      const times: number[] = [];
      for (let i = 0; i < CHANGES; i++) {
        home.write('policies.yaml', opens(PORTS[i % 2]));
        times.push(await firstEcho(probers[0], server.ipv4, PORTS[i % 2]));
      }
      abort.isOver = true;
      await traffic;
      const sorted = times.toSorted((a, b) => a - b);
      const name = load ? 'under connections' : 'quiet';
      const row = { bench: 'policy-latency', case: name, unit: 'ms', baseline: null, ratio: null };
      report({ ...row, metric: 'saved to enforced, p50', value: median(times) });
      report({ ...row, metric: 'saved to enforced, p99', value: sorted[Math.floor(CHANGES * 0.99)] });
    }
  } finally {
    abort.isOver = true;
    for (const prober of probers) prober.end();
    await home.remove();
    lab.remove();
  }
};
