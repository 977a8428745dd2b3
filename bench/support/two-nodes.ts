/**
 * Two nodes joined by a link, pods on each, all network namespaces of this machine: what the datapath's tests and benchmarks
 * stand on. Addresses, MACs and interface indices are chosen, not discovered, so whoever fills the maps knows them.
 *
 *   pod a ─ vetha ┐                              ┌ vetha ─ pod a
 *   pod b ─ vethb ┴ node 1 ─ eth0 ──── eth0 ─ node 2
 */
import { spawnSync } from 'node:child_process';

export interface Pod {
  readonly netns: string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** Of the host side of the pod's veth, in the node's namespace. */
  readonly hostIfindex: number;
  readonly podMac: string;
  readonly hostMac: string;
  readonly identity: number;
  readonly endpointId: number;
}

export interface TestNode {
  readonly netns: string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** Where the pods' routes point. */
  readonly gatewayIpv4: string;
  readonly gatewayIpv6: string;
  readonly deviceIfindex: number;
  readonly pods: readonly Pod[];
}

export interface TwoNodes {
  readonly nodes: readonly [TestNode, TestNode];
  /** Removes the namespaces, and with them interfaces and routes. */
  remove(): void;
}

function ip(args: readonly string[], input?: string): void {
  const { status, stderr } = spawnSync('ip', args, { input: input ?? '', encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** Runs many `ip` commands of one namespace in one process. */
function ipBatch(netns: string, commands: readonly string[]): void {
  // Not `ip -n`, which remounts / on its way and so fails in a chroot.
  const { status, stderr } = spawnSync('nsenter', [`--net=/run/netns/${netns}`, 'ip', '-batch', '-'], {
    input: `${commands.join('\n')}\n`,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`ip -batch in ${netns}: ${stderr.trim()}`);
}

/** Sets sysctls in a namespace. Throws if one is refused. */
export function sysctl(netns: string, settings: readonly string[]): void {
  const { status, stderr } = spawnSync(
    'nsenter',
    [`--net=/run/netns/${netns}`, 'sysctl', '-qw', ...settings],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`sysctl in ${netns}: ${stderr.trim()}`);
}

function describePod(prefix: string, node: number, index: number): Pod {
  const letter = 'abcdefgh'[index];
  const host = index + 2;
  return {
    netns: `${prefix}n${node}${letter}`,
    ipv4: `10.${node}.0.${host}`,
    ipv6: `fd00:${node}::${host}`,
    hostIfindex: 100 + index,
    podMac: `02:00:00:0${node}:01:0${index}`,
    hostMac: `02:00:00:0${node}:02:0${index}`,
    identity: 1000 + node * 10 + index,
    endpointId: node * 10 + index,
  };
}

function describeNode(prefix: string, node: number, pods: number): TestNode {
  return {
    netns: `${prefix}n${node}`,
    ipv4: `192.168.77.${node}`,
    ipv6: `fd00:77::${node}`,
    gatewayIpv4: `10.${node}.0.1`,
    gatewayIpv6: `fd00:${node}::1`,
    deviceIfindex: 50,
    pods: Array.from({ length: pods }, (_, index) => describePod(prefix, node, index)),
  };
}

/** Forwarding on; no address waits for duplicate detection, no router advertisement is asked for. */
const NODE_SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.tcp_congestion_control=reno',
];
const POD_SYSCTLS = ['net.ipv6.conf.default.accept_dad=0', 'net.ipv4.tcp_congestion_control=reno'];

function addPod(node: TestNode, pod: Pod): void {
  const host = `veth${pod.netns.at(-1)}`;
  ip(['netns', 'add', pod.netns]);
  sysctl(pod.netns, POD_SYSCTLS);
  ipBatch(node.netns, [
    `link add name ${host} index ${pod.hostIfindex} address ${pod.hostMac} type veth peer name eth0 address ${pod.podMac} netns ${pod.netns}`,
    `link set ${host} up`,
    `addr add ${node.gatewayIpv4}/32 dev ${host}`,
    `addr add ${node.gatewayIpv6}/128 dev ${host} nodad`,
    `route add ${pod.ipv4}/32 dev ${host}`,
    `route add ${pod.ipv6}/128 dev ${host}`,
  ]);
  ipBatch(pod.netns, [
    'link set lo up',
    'link set eth0 up',
    `addr add ${pod.ipv4}/32 dev eth0`,
    `addr add ${pod.ipv6}/128 dev eth0 nodad`,
    `route add ${node.gatewayIpv4} dev eth0 scope link`,
    `route add default via ${node.gatewayIpv4} dev eth0`,
    `route add ${node.gatewayIpv6} dev eth0`,
    `route add default via ${node.gatewayIpv6} dev eth0`,
  ]);
}

/** A fresh veth reports its carrier up to a second late, and IPv6 has no route before. */
function awaitReachable(netns: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    const ping = ['ping', '-c', '1', '-W', '1', address];
    let tries = 10;
    while (spawnSync('nsenter', [`--net=/run/netns/${netns}`, ...ping]).status !== 0) {
      if (--tries === 0) throw new Error(`${address} does not answer ${netns}`);
    }
  }
}

/**
 * Builds everything, undoing it if a step fails. Leftovers of a killed run with the same prefix are removed first.
 * @param prefix starts every namespace's name; two users at once need two
 */
export function createTwoNodes(prefix: string, podsPerNode = 2): TwoNodes {
  const nodes = [describeNode(prefix, 1, podsPerNode), describeNode(prefix, 2, podsPerNode)] as const;
  const names = nodes.flatMap((node) => [...node.pods.map((pod) => pod.netns), node.netns]);
  const remove = (): void => {
    for (const name of names) spawnSync('ip', ['netns', 'del', name]);
  };
  remove();
  try {
    for (const node of nodes) {
      ip(['netns', 'add', node.netns]);
      sysctl(node.netns, [...NODE_SYSCTLS, 'net.ipv6.conf.default.accept_dad=0']);
    }
    const [left, right] = nodes;
    ipBatch(left.netns, [
      `link add name eth0 index ${left.deviceIfindex} type veth peer name eth0 index ${right.deviceIfindex} netns ${right.netns}`,
    ]);
    for (const [node, other] of [
      [left, right],
      [right, left],
    ] as const) {
      ipBatch(node.netns, [
        'link set lo up',
        `addr add ${node.ipv4}/24 dev eth0`,
        `addr add ${node.ipv6}/64 dev eth0 nodad`,
        'link set eth0 up',
      ]);
      for (const pod of node.pods) addPod(node, pod);
      ipBatch(node.netns, [
        ...other.pods.map((pod) => `route add ${pod.ipv4}/32 via ${other.ipv4}`),
        ...other.pods.map((pod) => `route add ${pod.ipv6}/128 via ${other.ipv6}`),
      ]);
    }
    for (const pod of left.pods) {
      for (const other of [...left.pods, ...right.pods]) {
        if (other !== pod) awaitReachable(pod.netns, [other.ipv4, other.ipv6]);
      }
    }
    return { nodes, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
