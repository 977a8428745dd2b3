import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { constant, type DatapathEvent, DatapathNode } from '../../bench/support/datapath-node.ts';
import { createTwoNodes, type Pod, type TwoNodes } from '../../bench/support/two-nodes.ts';
import { PROTO } from './support/build-packet.ts';
import { askFromPod, runInPod, serveInPod } from './support/pod-process.ts';

const PORT = 7000;
let lab: TwoNodes;
let datapaths: DatapathNode[];
let client: Pod;
let neighbour: Pod;
let remote: Pod;

before(() => {
  lab = createTwoNodes('bpft-');
  const [left, right] = lab.nodes;
  [client, neighbour] = left.pods;
  [remote] = right.pods;
  datapaths = [left, right].map((node, index) => {
    const datapath = new DatapathNode({ deviceIfindex: node.deviceIfindex });
    datapath.describe(node, lab.nodes[1 - index]);
    datapath.attach(node);
    return datapath;
  });
});

after(() => {
  for (const datapath of datapaths ?? []) datapath.close();
  lab?.remove();
});

const pointNames = new Map(
  ['TO_ENDPOINT', 'TO_HOST', 'TO_STACK', 'FROM_ENDPOINT', 'FROM_NETWORK', 'TO_NETWORK'].map((name) => [
    constant(`TRACE_${name}`),
    name.toLowerCase().replace('_', '-'),
  ]),
);
const reasonNames = new Map(
  ['NEW', 'ESTABLISHED', 'REPLY', 'RELATED', 'UNKNOWN'].map((name) => [
    constant(`TRACE_REASON_${name}`),
    name.toLowerCase(),
  ]),
);

/** An event in words, such as "to-network new S": the TCP flags that begin or end a connection are S, F and R. */
function inWords(event: DatapathEvent): string {
  if (event.type === constant('EVENT_TYPE_DROP')) return `drop ${event.subType}`;
  const flags = event.protocol === PROTO.tcp ? event.captured[event.l4Offset + 13] : 0;
  const letters = ['F', 'S', 'R'].filter((_, bit) => (flags & (1 << bit)) !== 0).join('');
  return [pointNames.get(event.subType), reasonNames.get(event.reason), letters]
    .filter((word) => word !== '')
    .join(' ');
}

/** What each node told since the last look, of one protocol, in words. */
function told(protocol: number): string[][] {
  return datapaths.map((datapath) =>
    datapath
      .drain()
      .filter((event) => event.protocol === protocol)
      .map(inWords),
  );
}

const ICMP_ECHOES = [0, 8, 128, 129];
const ICMP_UNREACHABLE = [3, 1];

/** The same of certain ICMP types alone: neighbour discovery goes on when it likes. */
function toldOfIcmp(protocol: number, types: readonly number[]): string[][] {
  return datapaths.map((datapath) =>
    datapath
      .drain()
      .filter((event) => event.protocol === protocol && event.l4Offset !== 0)
      .filter(({ captured, l4Offset }) => types.includes(captured[l4Offset]))
      .map(inWords),
  );
}

/** The events that a send to an endpoint, out of the node, makes with redirects and without. */
const onWay = (redirect: boolean, point: string, rest: string): string[] =>
  redirect ? [`${point} ${rest}`] : [`to-stack ${rest}`, `${point} ${rest}`];

function configure(redirect: boolean): void {
  const flags = redirect ? 0 : constant('SETTING_NO_REDIRECT');
  for (const datapath of datapaths) {
    datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 3600, flags });
    datapath.drain();
  }
}

for (const redirect of [true, false]) {
  for (const family of ['ipv4', 'ipv6'] as const) {
    describe(`real traffic over ${family}, redirects ${redirect ? 'on' : 'off'}`, () => {
      const icmp = family === 'ipv4' ? PROTO.icmp : PROTO.icmpv6;
      before(() => configure(redirect));

      it('TCP to a neighbour is told from SYN to FIN, once per direction and flag', async () => {
        const server = await serveInPod(neighbour, 'tcp', neighbour[family], PORT);
        try {
          assert.equal(await askFromPod(client, 'tcp', neighbour[family], PORT, 1_000_000), 'echoed');
          const [here, there] = told(PROTO.tcp);
          assert.deepEqual(here, [
            ...onWay(redirect, 'to-endpoint', 'new S'),
            ...onWay(redirect, 'to-endpoint', 'reply S'),
            ...onWay(redirect, 'to-endpoint', 'established F'),
            ...onWay(redirect, 'to-endpoint', 'reply F'),
          ]);
          assert.deepEqual(there, []);
        } finally {
          server.kill();
        }
      });

      it('TCP to another node is told on both', async () => {
        const server = await serveInPod(remote, 'tcp', remote[family], PORT);
        try {
          assert.equal(await askFromPod(client, 'tcp', remote[family], PORT, 1_000_000), 'echoed');
          const [here, there] = told(PROTO.tcp);
          assert.deepEqual(here, [
            ...onWay(redirect, 'to-network', 'new S'),
            'to-endpoint reply S',
            ...onWay(redirect, 'to-network', 'established F'),
            'to-endpoint reply F',
          ]);
          assert.deepEqual(there, [
            'to-endpoint new S',
            ...onWay(redirect, 'to-network', 'reply S'),
            'to-endpoint established F',
            ...onWay(redirect, 'to-network', 'reply F'),
          ]);
        } finally {
          server.kill();
        }
      });

      it('a refused TCP connection is told with its reset', async () => {
        assert.equal(await askFromPod(client, 'tcp', remote[family], 9, 1), 'ECONNREFUSED');
        const [here] = told(PROTO.tcp);
        assert.deepEqual(here, [...onWay(redirect, 'to-network', 'new S'), 'to-endpoint reply R']);
      });

      it('UDP, in fragments too', async () => {
        for (const bytes of [100, 5000]) {
          const server = await serveInPod(remote, 'udp', remote[family], PORT);
          try {
            assert.equal(await askFromPod(client, 'udp', remote[family], PORT, bytes), 'echoed');
            const [here, there] = told(PROTO.udp);
            assert.deepEqual(here, [...onWay(redirect, 'to-network', 'new'), 'to-endpoint reply']);
            assert.deepEqual(there, ['to-endpoint new', ...onWay(redirect, 'to-network', 'reply')]);
          } finally {
            server.kill();
          }
        }
      });

      it('UDP to a closed port comes back as a related ICMP error', async () => {
        assert.equal(await askFromPod(client, 'udp', remote[family], 9, 10), 'ECONNREFUSED');
        const [here, there] = toldOfIcmp(icmp, ICMP_UNREACHABLE);
        assert.deepEqual(here, ['to-endpoint related']);
        assert.deepEqual(there, onWay(redirect, 'to-network', 'related'));
      });

      it('pings', async () => {
        told(icmp);
        for (const to of [neighbour, remote]) {
          assert.match(
            await runInPod(client, ['ping', '-c', '2', '-i', '0.1', to[family]]),
            / 0% packet loss/,
          );
        }
        const [here] = toldOfIcmp(icmp, ICMP_ECHOES);
        assert.deepEqual(here, [
          ...onWay(redirect, 'to-endpoint', 'new'),
          ...onWay(redirect, 'to-endpoint', 'reply'),
          ...onWay(redirect, 'to-network', 'new'),
          'to-endpoint reply',
        ]);
      });

      it('a packet whose TTL ends here is answered by the node', async () => {
        const output = await runInPod(client, ['ping', '-c', '1', '-W', '1', '-t', '1', remote[family]]);
        assert.match(output, /Time to live exceeded|Time exceeded/);
      });

      it('takes the short way only when it may', async () => {
        const before = datapaths[0].counter('COUNTER_PACKETS_REDIRECTED');
        await runInPod(client, ['ping', '-c', '1', neighbour[family]]);
        const redirected = datapaths[0].counter('COUNTER_PACKETS_REDIRECTED') - before;
        assert.equal(redirected, redirect ? 2 : 0);
      });
    });
  }
}
