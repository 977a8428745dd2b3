import { BLACK_HOLE, FABRIC, type LabPlan, type NodePlan, type PodPlan } from '../topology/plan.ts';

/** What pods take for their gateway: on the host side of every veth, as some network plugins have it. */
const POD_GATEWAY = { ipv4: '169.254.1.1', ipv6: 'fe80::1' } as const;
const BRIDGE = 'br0';

/** Settings of every namespace, written before it has links: the defaults are copied when a link appears. */
const COMMON_SYSCTLS: Readonly<Record<string, string>> = {
  // Duplicate address detection would hold back IPv6 for two seconds; the plan uses no address twice.
  'ipv6.conf.default.accept_dad': '0',
  'ipv6.conf.default.accept_ra': '0',
  'ipv6.conf.default.router_solicitations': '0',
  // A carrier that comes and goes must not cost a node its addresses.
  'ipv6.conf.default.keep_addr_on_down': '1',
  'ipv4.conf.all.rp_filter': '0',
  'ipv4.conf.default.rp_filter': '0',
  // What this kernel takes by default, bbr, wants a queueing discipline that namespaces do not have.
  'ipv4.tcp_congestion_control': 'reno',
};

const ROUTER_SYSCTLS: Readonly<Record<string, string>> = {
  ...COMMON_SYSCTLS,
  'ipv4.ip_forward': '1',
  'ipv6.conf.all.forwarding': '1',
  'ipv6.conf.default.forwarding': '1',
};

export interface NamespacePlan {
  readonly netns: string;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Commands of `ip` inside it, once all links are there. Each may be given again. */
  readonly setUp: readonly string[];
}

/** The commands that make the lab's network. */
export interface NetworkPlan {
  readonly namespaces: readonly NamespacePlan[];
  /** Commands of `ip` that make links between namespaces. */
  readonly links: readonly string[];
}

export function planNetwork(plan: LabPlan): NetworkPlan {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const pods = nodes.flatMap((node) => node.pods.map((pod) => ({ pod, node })));
  const uplinks = [
    { port: 'outside', netns: plan.outsideNetns },
    ...nodes.map((node) => ({ port: portOf(node), netns: node.netns })),
  ];
  return {
    namespaces: [
      {
        netns: plan.fabricNetns,
        sysctls: COMMON_SYSCTLS,
        setUp: fabricCommands(uplinks.map(({ port }) => port)),
      },
      { netns: plan.outsideNetns, sysctls: ROUTER_SYSCTLS, setUp: outsideCommands(plan, nodes) },
      ...nodes.map((node) => ({
        netns: node.netns,
        sysctls: ROUTER_SYSCTLS,
        setUp: [...nodeCommands(node), ...nodeRoutes(plan, node)],
      })),
      ...pods.map(({ pod }) => ({ netns: pod.netns, sysctls: COMMON_SYSCTLS, setUp: podCommands(pod) })),
    ],
    links: [
      ...uplinks.map(({ port, netns }) => veth(port, plan.fabricNetns, netns)),
      ...pods.map(({ pod, node }) => veth(pod.link, node.netns, pod.netns)),
    ],
  };
}

/** The node's port on the bridge; taking it down pulls the node's cable. */
export function portOf(node: NodePlan): string {
  return `${node.cluster}-${node.name}`;
}

function veth(name: string, netns: string, peerNetns: string): string {
  return `link add name ${name} netns ${netns} type veth peer name eth0 netns ${peerNetns}`;
}

function fabricCommands(ports: readonly string[]): string[] {
  return [
    // Without snooping, which would keep neighbour discovery from ports that have not asked for its groups.
    `link add name ${BRIDGE} type bridge mcast_snooping 0`,
    `link set ${BRIDGE} up`,
    ...ports.flatMap((port) => [`link set ${port} master ${BRIDGE}`, `link set ${port} up`]),
  ];
}

function outsideCommands(plan: LabPlan, nodes: readonly NodePlan[]): string[] {
  return [
    'link set lo up',
    'link set eth0 up',
    `address replace ${plan.gateway.ipv4}/${FABRIC.ipv4Bits} dev eth0`,
    `address replace ${plan.gateway.ipv6}/${FABRIC.ipv6Bits} dev eth0 nodad`,
    ...plan.world.flatMap(({ addresses }) => [
      `address replace ${addresses.ipv4}/32 dev lo`,
      `address replace ${addresses.ipv6}/128 dev lo nodad`,
    ]),
    ...nodes.flatMap(routesTo),
    `route replace blackhole ${BLACK_HOLE.ipv4}`,
    `route replace blackhole ${BLACK_HOLE.ipv6}`,
  ];
}

function nodeCommands(node: NodePlan): string[] {
  return [
    'link set lo up',
    'link set eth0 up',
    `address replace ${node.addresses.ipv4}/${FABRIC.ipv4Bits} dev eth0`,
    `address replace ${node.addresses.ipv6}/${FABRIC.ipv6Bits} dev eth0 nodad`,
    ...node.pods.flatMap(({ link, addresses }) => [
      `link set ${link} up`,
      `address replace ${POD_GATEWAY.ipv4}/32 dev ${link} scope link`,
      `address replace ${POD_GATEWAY.ipv6}/64 dev ${link} nodad`,
      `route replace ${addresses.ipv4}/32 dev ${link} scope link src ${node.addresses.ipv4}`,
      `route replace ${addresses.ipv6}/128 dev ${link} src ${node.addresses.ipv6}`,
    ]),
    // Addresses that no pod has (any more) lead nowhere, rather than out to the gateway and back.
    `route replace blackhole ${node.podCidrs.ipv4}`,
    `route replace blackhole ${node.podCidrs.ipv6}`,
  ];
}

/** What leads out of a node: lost when its device is taken down, and put back by the lab (`keepRoutes`). */
export function nodeRoutes(plan: LabPlan, node: NodePlan): string[] {
  const others = plan.clusters.flatMap((cluster) => cluster.nodes).filter((other) => other !== node);
  return [
    ...others.flatMap(routesTo),
    `route replace default via ${plan.gateway.ipv4}`,
    `route replace default via ${plan.gateway.ipv6}`,
  ];
}

function routesTo(node: NodePlan): string[] {
  return [
    `route replace ${node.podCidrs.ipv4} via ${node.addresses.ipv4}`,
    `route replace ${node.podCidrs.ipv6} via ${node.addresses.ipv6}`,
  ];
}

function podCommands(pod: PodPlan): string[] {
  return [
    'link set lo up',
    'link set eth0 up',
    `address replace ${pod.addresses.ipv4}/32 dev eth0`,
    `address replace ${pod.addresses.ipv6}/128 dev eth0 nodad`,
    `route replace ${POD_GATEWAY.ipv4} dev eth0 scope link`,
    `route replace default via ${POD_GATEWAY.ipv4} dev eth0`,
    `route replace default via ${POD_GATEWAY.ipv6} dev eth0`,
  ];
}
