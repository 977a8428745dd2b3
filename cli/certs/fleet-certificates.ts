import { isIP } from 'node:net';
import { agentServerName, peerServiceServerName, RELAY_NAMES } from '../../rpc/hubble-names.ts';

/** What a certificate proves: that a server is what its name says, or that a client belongs to the fleet. */
export type CertificateUse = 'server' | 'client';

/** A certificate that a fleet needs. */
export interface CertificateSpec {
  /** Below the directory, without `.crt` and `.key`: `agents/east/node1`. */
  readonly path: string;
  readonly commonName: string;
  /** Host names and IP addresses, the first of them the common name's; not empty. */
  readonly names: readonly string[];
  readonly use: CertificateUse;
}

/** Who there is. */
export interface FleetPlan {
  /** Clusters whose agents share a wildcard certificate. */
  readonly clusters: readonly string[];
  /** Agents with a certificate of their own: whoever steals it can be that node only. */
  readonly nodes: readonly { readonly cluster: string; readonly node: string }[];
  /** Further host names and addresses that clients reach relays by. */
  readonly relayHosts: readonly string[];
}

const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

/** Every certificate of a fleet, by Hubble's names. */
export function fleetCertificates({ clusters, nodes, relayHosts }: FleetPlan): CertificateSpec[] {
  const server = (path: string, names: readonly string[]): CertificateSpec => ({
    path,
    commonName: names[0],
    names: [...new Set(names)],
    use: 'server',
  });
  const client = (path: string, name: string): CertificateSpec => ({
    path,
    commonName: name,
    names: [name],
    use: 'client',
  });
  return [
    ...clusters.map((cluster) => server(`agents/${cluster}`, [agentServerName(cluster, '*')])),
    ...nodes.map(({ cluster, node }) =>
      server(`agents/${cluster}/${node}`, [agentServerName(cluster, node), peerServiceServerName(cluster)]),
    ),
    server('relay-server', [RELAY_NAMES, ...LOCAL_NAMES, ...relayHosts]),
    client('relay-client', RELAY_NAMES),
    client('observe-client', '*.hubble-observe.cilium.io'),
    client('ui-client', '*.hubble-ui.cilium.io'),
  ];
}

/** Why a name cannot stand on a certificate; undefined for one that can. */
export function nameFault(name: string): string | undefined {
  if (isIP(name) !== 0) return undefined;
  if (name.length > 253) return `${name.length} characters, at most 253 allowed`;
  const labels = name.split('.');
  if (labels[0] === '*') labels.shift();
  const bad = labels.find((label) => !/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label));
  return bad === undefined ? undefined : `"${bad}" is no label of a DNS name`;
}
