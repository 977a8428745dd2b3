import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { constant, DatapathNode } from '../../bench/support/datapath-node.ts';
import { createTwoNodes, type Pod, type TestNode, type TwoNodes } from '../../bench/support/two-nodes.ts';
import {
  ethernet,
  ETHERTYPE,
  ipv4,
  ipv6,
  ipv6Extension,
  PROTO,
  tcp,
  TCP_FLAG,
  udp,
} from './support/build-packet.ts';
import { askFromPod, runInPod, serveInPod } from './support/pod-process.ts';
import { sendFrame } from './support/send-frame.ts';

const PORT = 7000;
let lab: TwoNodes;
let left: TestNode;
let right: TestNode;
let datapaths: DatapathNode[];
let client: Pod;
let neighbour: Pod;
let remote: Pod;

function ip(netns: string, command: string): void {
  const { status, stderr } = spawnSync(
    'nsenter',
    [`--net=/run/netns/${netns}`, 'ip', ...command.split(' ')],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
}

before(() => {
  lab = createTwoNodes('bpfl-');
  [left, right] = lab.nodes;
  [client, neighbour] = left.pods;
  [remote] = right.pods;
  datapaths = lab.nodes.map((node, index) => {
    const datapath = new DatapathNode({ deviceIfindex: node.deviceIfindex });
    datapath.describe(node, lab.nodes[1 - index]);
    datapath.attach(node);
    datapath.configure({});
    return datapath;
  });
});

after(() => {
  for (const datapath of datapaths ?? []) datapath.close();
  lab?.remove();
});

describe('packets larger than the next link', () => {
  before(() => {
    ip(left.netns, 'link set vethb mtu 1400');
    ip(neighbour.netns, 'link set eth0 mtu 1400');
    for (const node of lab.nodes) ip(node.netns, 'link set eth0 mtu 1300');
  });
  after(() => {
    ip(left.netns, 'link set vethb mtu 1500');
    ip(neighbour.netns, 'link set eth0 mtu 1500');
    for (const node of lab.nodes) ip(node.netns, 'link set eth0 mtu 1500');
  });

  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [name, mtu] of [
      ['a neighbour', 1400],
      ['another node', 1300],
    ] as const) {
      const target = (): Pod => (mtu === 1400 ? neighbour : remote);

      it(`are answered by the node, towards ${name} over ${family}`, async () => {
        const output = await runInPod(client, [
          'ping',
          '-M',
          'do',
          '-s',
          '1420',
          '-c',
          '1',
          '-W',
          '1',
          target()[family],
        ]);
        assert.match(
          output,
          new RegExp(`Frag needed and DF set \\(mtu = ${mtu}\\)|Packet too big: mtu=${mtu}`),
        );
      });

      it(`do not break a stream towards ${name} over ${family}`, async () => {
        const server = await serveInPod(target(), 'tcp', target()[family], PORT);
        try {
          assert.equal(await askFromPod(client, 'tcp', target()[family], PORT, 3_000_000), 'echoed');
        } finally {
          server.kill();
        }
      });
    }
  }

  it('are fragmented by the node where IPv4 lets it', async () => {
    await runInPod(client, ['ip', 'route', 'flush', 'cache']);
    for (const target of [neighbour, remote]) {
      const output = await runInPod(client, [
        'ping',
        '-M',
        'dont',
        '-s',
        '1450',
        '-c',
        '1',
        '-W',
        '1',
        target.ipv4,
      ]);
      assert.match(output, / 0% packet loss/);
    }
  });
});

describe('a stolen address on a real interface', () => {
  for (const [family, stolen] of [
    ['ipv4', '10.9.9.9'],
    ['ipv6', 'fd00:9::9'],
  ] as const) {
    it(`gets nowhere over ${family}, and is told`, async () => {
      ip(client.netns, `addr add ${stolen}/${family === 'ipv4' ? 32 : 128} dev eth0`);
      for (const datapath of datapaths) datapath.drain();
      for (const target of [neighbour[family], remote[family], left[family]]) {
        const output = await runInPod(client, ['ping', '-c', '1', '-W', '1', '-I', stolen, target]);
        assert.match(output, /100% packet loss/);
      }
      const drops = datapaths.map((datapath) =>
        // The pings alone: neighbour discovery, dropped as well, comes when it likes.
        datapath.drain().filter(({ type, captured, l4Offset }) => {
          return type === constant('EVENT_TYPE_DROP') && [8, 128].includes(captured[l4Offset]);
        }),
      );
      assert.deepEqual(
        drops[0].map(({ subType, source }) => [subType, source.identity]),
        [1, 2, 3].map(() => [constant('DROP_INVALID_SOURCE_IP'), client.identity]),
      );
      assert.deepEqual(drops[1], []);
      ip(client.netns, `addr del ${stolen}/${family === 'ipv4' ? 32 : 128} dev eth0`);
    });
  }
});

describe('headers that lie outside the linear part of a buffer', () => {
  const macs = (): { destination: string; source: string } => ({
    destination: client.hostMac,
    source: client.podMac,
  });
  const ends = (family: 'ipv4' | 'ipv6'): { source: string; destination: string } => ({
    source: client[family],
    destination: neighbour[family],
  });
  const payload = new Uint8Array(8000);
  const PODS_ETH0 = 'eth0';

  before(() => {
    for (const pod of [client, neighbour]) {
      ip(left.netns, `link set veth${pod.netns.at(-1)} mtu 9000`);
      ip(pod.netns, `link set ${PODS_ETH0} mtu 9000`);
    }
  });

  /** What the node tells of a frame of which the kernel was given so many bytes in one piece. */
  function send(frame: Uint8Array, linearBytes: number): ReturnType<DatapathNode['drain']> {
    datapaths[0].drain();
    const [{ ifindex }] = JSON.parse(
      spawnSync('nsenter', [`--net=/run/netns/${client.netns}`, 'ip', '-j', 'link', 'show', PODS_ETH0], {
        encoding: 'utf8',
      }).stdout,
    ) as { ifindex: number }[];
    sendFrame(client.netns, ifindex, frame, linearBytes);
    return datapaths[0].drain().filter(({ packetLength }) => packetLength === frame.length);
  }

  const frames: readonly (readonly [string, () => Uint8Array, number])[] = [
    [
      'UDP over IPv4',
      () =>
        ethernet(ETHERTYPE.ipv4, ipv4({ protocol: PROTO.udp, ...ends('ipv4') }, udp({}, payload)), macs()),
      42,
    ],
    [
      'UDP over IPv6',
      () => ethernet(ETHERTYPE.ipv6, ipv6({ next: PROTO.udp, ...ends('ipv6') }, udp({}, payload)), macs()),
      62,
    ],
    [
      'TCP with options',
      () =>
        ethernet(
          ETHERTYPE.ipv4,
          ipv4(
            { protocol: PROTO.tcp, ...ends('ipv4') },
            tcp({ flags: TCP_FLAG.syn }, payload, new Uint8Array(40)),
          ),
          macs(),
        ),
      94,
    ],
    [
      'TCP behind long extension headers',
      () =>
        ethernet(
          ETHERTYPE.ipv6,
          ipv6(
            { next: PROTO.destination, ...ends('ipv6') },
            ipv6Extension(
              PROTO.destination,
              ipv6Extension(PROTO.tcp, tcp({ flags: TCP_FLAG.syn }, payload.subarray(5000)), 255),
              200,
            ),
          ),
          macs(),
        ),
      14 + 40 + 201 * 8 + 256 * 8 + 20,
    ],
  ];
  for (const [name, frame, headerEnd] of frames) {
    it(`are read all the same: ${name}`, () => {
      for (const linearBytes of [14, 20, 34, 40, 54, 60]) {
        const [event] = send(frame(), linearBytes);
        assert.ok(event, `no event with ${linearBytes} bytes`);
        assert.equal(event.type, constant('EVENT_TYPE_TRACE'));
        assert.equal(event.subType, constant('TRACE_FROM_ENDPOINT'));
        assert.equal(event.captured.length, Math.min(headerEnd, 4096));
        assert.deepEqual(
          Buffer.from(event.captured),
          Buffer.from(frame().subarray(0, event.captured.length)),
        );
      }
    });
  }

  it('are found missing all the same', () => {
    const broken = ipv4({ protocol: PROTO.udp, totalLength: 9000, ...ends('ipv4') }, udp({}, payload));
    for (const linearBytes of [14, 34]) {
      const [event] = send(ethernet(ETHERTYPE.ipv4, broken, macs()), linearBytes);
      assert.equal(event.type, constant('EVENT_TYPE_DROP'));
      assert.equal(event.subType, constant('DROP_INVALID_PACKET'));
    }
  });
});

const noIptables =
  spawnSync('iptables', ['--version']).error !== undefined &&
  'needs iptables, to translate a service address';

describe('a service address that the node translates', { skip: noIptables }, () => {
  const service = '10.96.0.10';
  const nat = (rule: string): void => {
    const { status, stderr } = spawnSync(
      'nsenter',
      [`--net=/run/netns/${left.netns}`, 'iptables', '-t', 'nat', ...rule.split(' ')],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stderr);
  };

  for (const [name, backend] of [
    ['a neighbour', (): Pod => neighbour],
    ['a pod of another node', (): Pod => remote],
  ] as const) {
    it(`works with redirects on, towards ${name}: its packets stay with the stack both ways`, async () => {
      nat('-F PREROUTING');
      nat(
        `-A PREROUTING -d ${service}/32 -p tcp --dport 80 -j DNAT --to-destination ${backend().ipv4}:${PORT}`,
      );
      const server = await serveInPod(backend(), 'tcp', backend().ipv4, PORT);
      try {
        assert.equal(await askFromPod(client, 'tcp', service, 80, 500_000), 'echoed');
      } finally {
        server.kill();
      }
    });
  }
});
