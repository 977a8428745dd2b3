/** Ends the name of every agent's certificate: Hubble's gRPC service label and its domain. */
const AGENT_SUFFIX = 'hubble-grpc.cilium.io';
/** Name that an agent is expected under when its Peer service is called over TCP, whichever of the agents answers. */
const PEER_SERVICE_NODE = 'hubble-peer';

/** One label of a DNS name: dots become dashes, so that one wildcard certificate for each cluster covers every node of it. */
const label = (text: string): string => text.replaceAll('.', '-');

/** The name on a node's certificate by Hubble's convention; empty for a node without a name. */
export function agentServerName(cluster: string, node: string): string {
  return node === '' ? '' : `${label(node)}.${label(cluster === '' ? 'default' : cluster)}.${AGENT_SUFFIX}`;
}

/** The name that a relay verifies when it asks an agent of a cluster for its peers. */
export function peerServiceServerName(cluster: string): string {
  return agentServerName(cluster, PEER_SERVICE_NODE);
}

/** What relays' certificates are made out to; a client verifies any name below it, by custom `RELAY_SERVER_NAME`. */
export const RELAY_NAMES = '*.hubble-relay.cilium.io';
export const RELAY_SERVER_NAME = 'instance.hubble-relay.cilium.io';
