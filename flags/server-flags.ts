import type { FlagSpec } from './flag-spec.ts';

export const DEFAULT_SERVER = 'localhost:4245';

const group =
  'Server flags (else from the environment: SLUICE_SERVER, then HUBBLE_SERVER, for --server and so on; else from the config file)';

/** Flags of every command that speaks to a server. They are valid before and behind the command, and have further sources: see Settings. */
export const serverFlags: readonly FlagSpec[] = [
  {
    name: 'server',
    kind: 'string',
    value: 'ADDRESS',
    group,
    help: 'Relay or agent: host:port, tls://host:port, or unix:///path/to.sock. Of no account with --input-file or --port-forward.',
    default: DEFAULT_SERVER,
  },
  {
    name: 'request-timeout',
    kind: 'duration',
    value: 'DURATION',
    group,
    help: 'Longest wait for a single answer; streams have none.',
    default: '12s',
  },
  {
    name: 'timeout',
    kind: 'duration',
    value: 'DURATION',
    group,
    help: 'Longest wait for a connection.',
    default: '5s',
  },
  {
    name: 'port-forward',
    short: 'P',
    kind: 'bool',
    group,
    help: 'Forward a local port to the Kubernetes service hubble-relay by kubectl, and use that instead of --server.',
    default: 'false',
  },
  {
    name: 'port-forward-port',
    kind: 'uint16',
    value: 'PORT',
    group,
    help: 'That local port; 0: any that is free.',
    default: '4245',
  },
  {
    name: 'kube-context',
    kind: 'string',
    value: 'NAME',
    group,
    help: 'Context of the kubeconfig for --port-forward (default: the current one).',
  },
  {
    name: 'kube-namespace',
    kind: 'string',
    value: 'NAME',
    group,
    help: 'Namespace of the service for --port-forward.',
    default: 'kube-system',
  },
  {
    name: 'kubeconfig',
    kind: 'string',
    value: 'FILE',
    group,
    help: 'Kubeconfig for --port-forward (default: where kubectl looks).',
  },
  { name: 'tls', kind: 'bool', group, help: 'Use TLS.', default: 'false' },
  {
    name: 'tls-allow-insecure',
    kind: 'bool',
    group,
    help: "Do not verify the server's certificate: anybody may be it then.",
    default: 'false',
  },
  {
    name: 'tls-ca-cert-files',
    kind: 'list',
    value: 'FILES',
    group,
    help: 'PEM files of the CAs to trust, separated by commas (default: those of the system).',
  },
  {
    name: 'tls-client-cert-file',
    kind: 'string',
    value: 'FILE',
    group,
    help: 'Certificate (PEM) to show to the server; goes with --tls-client-key-file.',
  },
  {
    name: 'tls-client-key-file',
    kind: 'string',
    value: 'FILE',
    group,
    help: 'Key (PEM) of the client certificate.',
  },
  {
    name: 'tls-server-name',
    kind: 'string',
    value: 'NAME',
    group,
    help: "Name to verify on the server's certificate, such as instance.hubble-relay.cilium.io (default: the host).",
  },
  {
    name: 'basic-auth-username',
    kind: 'string',
    value: 'NAME',
    group,
    help: 'User for a proxy in front of the server; goes with --basic-auth-password and needs TLS.',
  },
  {
    name: 'basic-auth-password',
    kind: 'string',
    value: 'PASSWORD',
    group,
    help: 'Its password. In the environment it is out of sight of other users.',
  },
  {
    name: 'config',
    kind: 'string',
    value: 'FILE',
    group,
    help: "Config file (default: sluice/config.yaml in the user's config directory, then Hubble's for what it does not say).",
  },
  {
    name: 'debug',
    short: 'D',
    kind: 'bool',
    group,
    help: 'Tell more on stderr: node states that are no trouble, what is ignored.',
    default: 'false',
  },
];
