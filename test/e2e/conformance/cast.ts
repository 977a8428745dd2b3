/** Who speaks to whom in the conformance tests: three namespaces of three pods on two nodes, and two addresses outside. */
import type { Pod } from '../../../bench/support/two-nodes.ts';

/** `x/a` … `z/c`, or `out/7`, `out/8`: addresses outside that no policy names, or one does. */
export interface Member {
  readonly name: string;
  /** `out` for what is no pod. */
  readonly namespace: string;
  readonly pod: string;
}

export interface Probe {
  readonly from: Member;
  readonly to: Member;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

export const PORTS = [80, 81] as const;

/** Pods of the first node, then of the second; a pod's name is its label `pod`, its namespace's the label `ns`. */
export const placement = [
  ['x/a', 'x/b', 'y/a', 'y/b', 'z/a'],
  ['x/c', 'y/c', 'z/b', 'z/c'],
] as const;

export const OUTSIDE_RANGES = { ipv4: '198.51.100.0/24', ipv6: '2001:db8:77::/64' };
/** Outside, in the range, by its last digit. */
export const outside = ['7', '8'].map((pod) => ({
  name: `out/${pod}`,
  namespace: 'out',
  pod,
  ipv4: `198.51.100.${pod}`,
  ipv6: `2001:db8:77::${pod}`,
}));

export const memberOf = (name: string): Member => {
  const [namespace, pod] = name.split('/');
  return { name, namespace, pod };
};

export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ns: name, 'kubernetes.io/metadata.name': name, ...labels } },
  };
}

/** Its ports have the names `serve-80-tcp`, `serve-81-udp` and so on. */
export function podObject(
  { namespace, pod: name }: Member,
  pod: Pod,
  nodeName: string,
  labels: Readonly<Record<string, string>> = {},
): object {
  const ports = PORTS.flatMap((port) =>
    ['TCP', 'UDP'].map((protocol) => ({
      name: `serve-${port}-${protocol.toLowerCase()}`,
      containerPort: port,
      protocol,
    })),
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { pod: name, ...labels } },
    spec: { nodeName, containers: [{ name: 'serve', ports }] },
    status: { phase: 'Running', podIP: pod.ipv4, podIPs: [{ ip: pod.ipv4 }, { ip: pod.ipv6 }] },
  };
}
