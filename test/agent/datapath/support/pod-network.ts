/**
 * A node and its pods as network namespaces, made step by step as a CNI plugin would, with everything a network does to them later.
 *
 *   pod ─ eth0 ──── veth NAME ┐
 *   pod ─ eth0 ──── veth NAME ┴ node ─ dev0 ──── far0 ─ outside
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { removePinDir } from '../../../../agent/kernel/bpffs.ts';
import { queryTcx, type TcxDirection } from '../../../../agent/kernel/tcx-link.ts';
import { enterNetns, inNetns } from '../../../../agent/kernel/netns.ts';

function run(command: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stderr}${stdout}`.trim()}`);
  return stdout;
}

/** Addresses of a pod, as the cluster knows them. */
export interface PodAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface PlugOptions {
  /** With host routes on the node. Default true. */
  readonly routed?: boolean;
  /** Index of the node's side; 0 = the next. */
  readonly index?: number;
}

export class PodNetwork {
  readonly node: string;
  readonly pinDir: string;
  private readonly prefix: string;

  /**
   * Makes the node's namespace and puts this thread (so: the process's main thread and what it starts) into it, since the datapath works on the namespace it runs in.
   * @param name of the test, unique among all test files
   */
  constructor(name: string) {
    this.prefix = `kern-${name}`;
    this.node = `${this.prefix}-node`;
    this.pinDir = `/sys/fs/bpf/${this.prefix}`;
    this.remove(); // what an earlier run left behind when it was killed
    this.addNamespace(this.node);
    this.addNamespace(this.outside);
    this.addDevice();
    enterNetns(`/run/netns/${this.node}`);
    this.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  }

  /** The node's device dev0, to an outside with one address. */
  addDevice(): void {
    this.ip('link add name dev0 type veth peer name far0 netns', this.outside);
    this.ip('addr add 192.168.5.1/24 dev dev0');
    this.ip('addr add fd05::1/64 dev dev0 nodad');
    this.ip('link set dev dev0 up');
    this.ipOf(this.outside, 'addr add 192.168.5.2/24 dev far0');
    this.ipOf(this.outside, 'addr add fd05::2/64 dev far0 nodad');
    this.ipOf(this.outside, 'link set dev far0 up');
    this.ipOf(this.outside, 'route add default via 192.168.5.1');
    this.ip('route add default via 192.168.5.2');
  }

  /** Runs `ip` in the node's namespace; arguments are split at spaces. */
  ip(...args: readonly string[]): string {
    return this.ipOf(this.node, ...args);
  }

  ipOf(netns: string, ...args: readonly string[]): string {
    return run('nsenter', [`--net=/run/netns/${netns}`, 'ip', ...args.join(' ').split(' ')]);
  }

  /** A pod's namespace with its veth, called `name` on the node, with routes on both sides. */
  addPod(name: string, addresses: PodAddresses, options: PlugOptions = {}): void {
    this.addNamespace(this.pod(name));
    this.plug(name, addresses, options);
  }

  /** Joins a pod's namespace to the node. */
  plug(name: string, addresses: PodAddresses, { routed = true, index = 0 }: PlugOptions = {}): void {
    const withIndex = index === 0 ? [] : ['index', String(index)];
    this.ip('link add name', name, ...withIndex, 'type veth peer name eth0 netns', this.pod(name));
    this.setUpPod(name, addresses);
    if (routed) this.routePod(name, addresses);
  }

  /** Deletes the node's side of a pod's veth, and the pod's with it. */
  unplug(name: string): void {
    this.ip('link del dev', name);
  }

  private setUpPod(name: string, { ipv4, ipv6 }: PodAddresses): void {
    const netns = this.pod(name);
    this.ip(`link set dev ${name} up`);
    this.ipOf(netns, 'link set eth0 up');
    if (ipv4 !== undefined) {
      this.ipOf(netns, `addr add ${ipv4}/32 dev eth0`);
      this.ipOf(netns, 'route add 169.254.1.1 dev eth0');
      this.ipOf(netns, 'route add default via 169.254.1.1');
      // Without a delay: by default the kernel answers for others after up to 0.8 s.
      this.sysctl(`net.ipv4.conf.${name}.proxy_arp=1`, `net.ipv4.neigh.${name}.proxy_delay=0`);
    }
    if (ipv6 !== undefined) {
      this.ipOf(netns, `addr add ${ipv6}/128 dev eth0 nodad`);
      this.ip(`addr add fe80::1/64 dev ${name} nodad`);
      this.ipOf(netns, 'route add default via fe80::1 dev eth0');
    }
  }

  /** The node's host routes to a pod. */
  routePod(name: string, { ipv4, ipv6 }: PodAddresses): void {
    if (ipv4 !== undefined) this.ip(`route add ${ipv4}/32 dev ${name}`);
    if (ipv6 !== undefined) this.ip(`route add ${ipv6}/128 dev ${name}`);
  }

  /** The interface first: with the namespace the kernel takes it away at a time of its own. */
  removePod(name: string): void {
    this.unplug(name);
    run('ip', ['netns', 'del', this.pod(name)]);
  }

  /** Name of a pod's namespace. */
  pod(name: string): string {
    return `${this.prefix}-${name}`;
  }

  get outside(): string {
    return `${this.prefix}-outside`;
  }

  hasLink(name: string): boolean {
    return (
      spawnSync('nsenter', [`--net=/run/netns/${this.node}`, 'ip', 'link', 'show', 'dev', name]).status === 0
    );
  }

  ifindex(name: string): number {
    return Number(/^(\d+):/.exec(this.ip(`link show dev ${name}`))?.[1]);
  }

  macOf(netns: string, name: string): string {
    return /link\/ether (\S+)/.exec(this.ipOf(netns, `link show dev ${name}`))?.[1] ?? '';
  }

  /** Pings from a namespace; whether an answer came. */
  ping(netns: string, address: string): boolean {
    const args = [`--net=/run/netns/${netns}`, 'ping', '-nqc', '1', '-W', '2', address];
    return spawnSync('nsenter', args).status === 0;
  }

  /** How many programs are at a side of one of the node's interfaces. */
  attachedTo(name: string, direction: TcxDirection): number {
    return inNetns(`/run/netns/${this.node}`, () => queryTcx(this.ifindex(name), direction).length);
  }

  /** Pins in the pin directory, links or maps. */
  pins(kind: 'links' | 'maps'): string[] {
    if (!existsSync(this.pinDir)) return [];
    return readdirSync(this.pinDir)
      .filter((name) => name.startsWith('link_') === (kind === 'links'))
      .sort();
  }

  /** Removes namespaces and pins. */
  remove(): void {
    const all = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
    for (const netns of all) if (netns.startsWith(`${this.prefix}-`)) run('ip', ['netns', 'del', netns]);
    removePinDir(this.pinDir);
  }

  /** In the node's namespace. */
  private sysctl(...settings: readonly string[]): void {
    run('nsenter', [`--net=/run/netns/${this.node}`, 'sysctl', '-qw', ...settings]);
  }

  private addNamespace(netns: string): void {
    run('ip', ['netns', 'add', netns]);
    this.ipOf(netns, 'link set lo up');
  }
}
