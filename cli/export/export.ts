import type { Command } from '../command.ts';
import { setupCommand } from './setup.ts';

const DEFAULT_STATUS = '127.0.0.1:9965';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Send flows on to files and stores, each at least once',
  details: `
Follows a relay, an agent or a Kafka topic, keeps what comes in a spool on disk, and delivers it to any number of sinks, each with its own filters, field mask and sampling. A flow stays in the spool
until every sink has acknowledged it, so that neither a kill -9 nor a store that is away loses one: it is delivered at least once, and what was delivered twice can be told by its uuid.
A changed configuration file is put in force while flows pass, at once on SIGHUP; one that cannot be used leaves the one before in force.
What is given up by a stated policy (a full spool, a document that a store will never take) is counted by cause, and shown by 'sluice export status' and as metrics.

The configuration is one YAML file. A sink is one of the targets below; its lists take flow filters as 'sluice observe --print-raw-filters' prints them.`,
  lists: [
    {
      heading: 'Configuration',
      rows: [
        ['source.address', 'Relay or agent to follow, as for --server of other commands.'],
        ['source.tls', 'caFiles, certFile, keyFile, serverName; plaintext without.'],
        ['source.start', 'Where the very first start begins: now (default) or oldest.'],
        [
          'source.overlap',
          'How far before the newest flow known a resumed stream begins; more than clocks of nodes differ (default 10s).',
        ],
        [
          'source.kafka',
          'Instead of an address, a topic: brokers, topic, group (default sluice-export; its members share the partitions), tls, sasl.',
        ],
        ['spool.directory', 'Where flows wait. One exporter each.'],
        ['spool.maxBytes', 'Size of the spool (default 1Gi).'],
        [
          'spool.whenFull',
          'stop (default) holds the source back, which then tells what it has to drop; drop-oldest gives up what waits longest; drop-newest what comes.',
        ],
        ['spool.sync', 'Longest wait for fsync (default 1s; 0s: before a flow counts as taken).'],
        ['metrics.listen', `Address of /metrics and /status (default ${DEFAULT_STATUS}), or none.`],
        ['sinks[].name', 'Name in metrics and of the stored position: keep it.'],
        ['sinks[].allowList', 'Flow filters: only what one of them matches.'],
        ['sinks[].denyList', 'Flow filters: nothing that one of them matches.'],
        ['sinks[].fieldMask', 'Fields of a flow that are kept, such as source.pod_name (default all).'],
        ['sinks[].sampleOneIn', 'Take one flow in so many, chosen by its uuid (default 1).'],
        [
          'sinks[].deadLetterFile',
          'Where messages go that the store will never take (default in the spool).',
        ],
        [
          'sinks[].file',
          "path, maxBytes, maxAge, maxBackups, compress (none, gzip, zstd), sync: JSON lines as Hubble's exporter writes.",
        ],
        [
          'sinks[].kafka',
          'brokers and topic; client (platformatic, kafkajs), key (workloads, node, none), format (protobuf, json), compression (none, gzip, lz4, zstd), inFlight, createTopic (partitions, replicationFactor), tls, sasl (mechanism, username, password: {file: PATH} or {env: NAME}).',
        ],
        [
          'sinks[].elasticsearch',
          'nodes; stream (flows: a document each, edges: counts by workloads and minute), namespace (default: default) of the data stream, compression (none, gzip), inFlight, apiKey ({file: PATH} or {env: NAME}) or basic (username, password), tls. Needs what setup installs.',
        ],
        ['sinks[].stdout', '{}: the same lines on stdout.'],
      ],
    },
  ],
  examples: `  sluice export --config /etc/sluice/export.yaml
  sluice export validate /etc/sluice/export.yaml
  sluice export status

  # A configuration: what was dropped, in files
  source: { address: unix:///var/run/sluice/relay.sock }
  spool: { directory: /var/lib/sluice/export }
  sinks:
    - name: drops
      allowList: [{ verdict: [DROPPED] }]
      file: { path: /var/log/sluice/drops.jsonl, maxBytes: 100Mi, compress: zstd }`,
  exitStatus: '0 after SIGTERM or SIGINT, 1 when it cannot start or go on.',
  maxPositionals: 0,
  flags: [
    {
      name: 'config',
      kind: 'string',
      value: 'FILE',
      help: 'The configuration (YAML).',
    },
  ],
  run: async (invocation) => (await import('./run-export.ts')).runExport(invocation),
  subcommands: [
    setupCommand,
    {
      name: 'validate',
      summary: 'Check a configuration file',
      details: `
Reads the file as 'sluice export' would, without connecting to anything, and prints each fault as FILE:LINE:COLUMN: what is there and what was expected.`,
      examples: `  sluice export validate /etc/sluice/export.yaml`,
      exitStatus: '0 when the file can be used, 1 when it cannot.',
      positionals: 'FILE',
      maxPositionals: 1,
      run: async (invocation) => (await import('./run-validate.ts')).validateConfig(invocation),
    },
    {
      name: 'status',
      summary: 'Show what became of every flow, by sink and cause',
      details: `
Asks a running exporter at the address of its metrics: the source, the spool, and for each sink what was delivered, what waits, and what was lost or rejected and why, with what to do.`,
      examples: `  sluice export status
  sluice export status --metrics 127.0.0.1:9966 --output json`,
      exitStatus:
        '0 when everything gets on, 1 when something does not, or when the exporter cannot be reached.',
      maxPositionals: 0,
      flags: [
        {
          name: 'metrics',
          kind: 'string',
          value: 'ADDRESS',
          help: 'Where the exporter serves its metrics.',
          default: DEFAULT_STATUS,
        },
        {
          name: 'output',
          short: 'o',
          kind: 'string',
          value: 'FORMAT',
          help: 'How to print it.',
          choices: ['text', 'json'],
          default: 'text',
        },
      ],
      run: async (invocation) => (await import('./run-status.ts')).showStatus(invocation, DEFAULT_STATUS),
    },
  ],
};
