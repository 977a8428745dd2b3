import { hostname } from 'node:os';
import type { RelayOptions } from '../../relay/config.ts';
import { peerServiceServerName, RELAY_SERVER_NAME } from '../../rpc/hubble-names.ts';
import type { ClientTls } from '../../rpc/tls-files.ts';
import type { Command, Invocation } from '../command.ts';
import { allTexts, type FlagSpec, type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { addressOf, listenFlags, readListenFlags } from './listen-flags.ts';
import { durationFlag, type Range, uintFlag } from './read-flags.ts';
import { runProcess } from './run-process.ts';
import { readStoreFlags, storeFlags } from './store-flags.ts';

const STORE_BYTES = 10 * 2 ** 30;
const DEFAULT_LISTEN = 'unix:///var/run/sluice/relay.sock';

const flags: readonly FlagSpec[] = [
  {
    name: 'name',
    kind: 'string',
    value: 'NAME',
    help: "How the relay calls itself (default: the machine's name).",
  },
  ...listenFlags(DEFAULT_LISTEN),
  {
    name: 'peer-service',
    kind: 'string',
    value: 'ADDRESS',
    help: 'An agent of the cluster, whose Peer service tells all agents.',
  },
  {
    name: 'peer',
    kind: 'list',
    value: 'ADDRESS',
    help: 'An agent, or another relay, to follow beside those; may be given again.',
  },
  {
    name: 'peer-tls-ca-files',
    kind: 'list',
    value: 'FILES',
    help: 'CAs (PEM) of the peers: connect to them by TLS.',
  },
  {
    name: 'peer-tls-server-name',
    kind: 'string',
    value: 'NAME',
    help: `Name on the certificates of what --peer names, such as ${RELAY_SERVER_NAME} (default: the host).`,
  },
  {
    name: 'cluster-name',
    kind: 'string',
    value: 'NAME',
    help: 'Cluster of --peer-service: over TCP its agent has to be hubble-peer.NAME.hubble-grpc.cilium.io.',
    default: 'default',
  },
  { name: 'peer-tls-cert-file', kind: 'string', value: 'FILE', help: 'Certificate (PEM) to show to peers.' },
  { name: 'peer-tls-key-file', kind: 'string', value: 'FILE', help: 'Its key (PEM).' },
  {
    name: 'merge-delay',
    kind: 'duration',
    value: 'DURATION',
    help: 'Longest wait of a flow for older flows of other peers.',
    default: '300ms',
  },
  {
    name: 'max-buffered-bytes',
    kind: 'uint',
    value: 'N',
    help: 'Bytes that a merge may hold back.',
    default: '67108864',
  },
  {
    name: 'live-buffer-flows',
    kind: 'uint',
    value: 'N',
    help: 'Flows kept for a live subscriber that lags.',
    default: '262144',
  },
  {
    name: 'live-buffer-bytes',
    kind: 'uint',
    value: 'N',
    help: 'Bytes that they may take.',
    default: '134217728',
  },
  ...storeFlags({ directory: '/var/lib/sluice/relay/<name>', bytes: STORE_BYTES }),
  {
    name: 'export',
    kind: 'string',
    value: 'FILE',
    help: "Also run an exporter in this process, by this configuration of 'sluice export', whose source is this relay's address.",
  },
];

function peerTls(uses: readonly FlagUse[]): { peerTls?: ClientTls } {
  const serverName = lastText(uses, 'peer-tls-server-name');
  const caFiles = allTexts(uses, 'peer-tls-ca-files');
  const certFile = lastText(uses, 'peer-tls-cert-file');
  const keyFile = lastText(uses, 'peer-tls-key-file');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--peer-tls-cert-file and --peer-tls-key-file go together: one of them is missing');
  }
  if (caFiles.length === 0 && certFile === undefined) {
    if (serverName !== undefined) throw new UsageError('--peer-tls-server-name needs --peer-tls-ca-files');
    return {};
  }
  return {
    peerTls: {
      caFiles,
      minVersion: 'TLSv1.3',
      ...(serverName !== undefined && { serverName }),
      ...(certFile !== undefined && keyFile !== undefined && { certFile, keyFile }),
    },
  };
}

/** The options that a command line asks for. Throws UsageError. */
export function relayOptions(uses: readonly FlagUse[]): RelayOptions {
  const service = lastText(uses, 'peer-service');
  const peers = allTexts(uses, 'peer').map((text) => addressOf('peer', text));
  if (service === undefined && peers.length === 0) {
    throw new UsageError(
      'no peers: give --peer-service with an agent of the cluster, or --peer with what to follow',
    );
  }
  const bounds: Range = { min: 1, max: 2 ** 40 };
  const name = lastText(uses, 'name') ?? hostname();
  return {
    name,
    ...readListenFlags(uses, DEFAULT_LISTEN),
    ...(service !== undefined && { peerService: addressOf('peer-service', service) }),
    peerServiceServerName: peerServiceServerName(lastText(uses, 'cluster-name') ?? 'default'),
    peers,
    ...peerTls(uses),
    mergeDelayMs: durationFlag(uses, 'merge-delay', 300, 0),
    maxBufferedBytes: uintFlag(uses, 'max-buffered-bytes', 64 * 1024 * 1024, bounds),
    liveBufferFlows: uintFlag(uses, 'live-buffer-flows', 262_144, bounds),
    liveBufferBytes: uintFlag(uses, 'live-buffer-bytes', 128 * 1024 * 1024, bounds),
    ...readStoreFlags(uses, { directory: `/var/lib/sluice/relay/${name}`, bytes: STORE_BYTES }),
  };
}

export const relayCommand: Command = {
  name: 'relay',
  summary: 'Run a relay: many agents, or other relays, as one stream',
  details: `
Follows its peers, merges their flows by time and serves them under the same API. A relay of a cluster follows its agents by the Peer service of one of them; a relay above
clusters follows their relays. With --export an exporter runs in the same process and ends with the relay, as the relay does with it; 'sluice export status' shows what it does.
Exit status: 0 after SIGTERM or SIGINT, 1 when it cannot start, or when the exporter cannot go on.`,
  examples: `  # The relay of a cluster, with certificates of 'sluice certs create'
  sluice relay --name east --peer-service unix:///var/run/sluice/agent.sock \\
    --peer-tls-ca-files ca.crt --peer-tls-cert-file relay-client.crt --peer-tls-key-file relay-client.key \\
    --listen :4245 --tls-cert-file relay-server.crt --tls-key-file relay-server.key --tls-client-ca-files ca.crt

  # A relay above two clusters, for the users of this machine
  sluice relay --name all --peer relay.east:4245 --peer relay.west:4245 --peer-tls-server-name instance.hubble-relay.cilium.io \\
    --peer-tls-ca-files ca.crt --peer-tls-cert-file relay-client.crt --peer-tls-key-file relay-client.key \\
    --listen localhost:4245 --insecure`,
  flags,
  maxPositionals: 0,
  run: async ({ uses }: Invocation) => {
    const options = relayOptions(uses);
    const exportFile = lastText(uses, 'export');
    if (exportFile !== undefined) {
      const { runRelayWithExport } = await import('./run-relay.ts');
      return runProcess((io) => runRelayWithExport(options, exportFile, io));
    }
    const { runRelay } = await import('../../relay/index.ts');
    return runProcess((io) => runRelay(options, io));
  },
};
