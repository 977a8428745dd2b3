import type { Command } from '../command.ts';
import type { FlagSpec } from '../../flags/flag-spec.ts';

const flags: readonly FlagSpec[] = [
  {
    name: 'url',
    kind: 'list',
    value: 'URL',
    help: 'Address of the server, such as https://localhost:9200; of several nodes, any that answers.',
  },
  { name: 'api-key-file', kind: 'string', value: 'FILE', help: 'Log in with the API key in a file.' },
  {
    name: 'api-key-env',
    kind: 'string',
    value: 'NAME',
    help: 'Log in with the API key in a variable of the environment.',
  },
  {
    name: 'username',
    kind: 'string',
    value: 'NAME',
    help: 'Log in by name, with the password of --password-file or --password-env.',
  },
  { name: 'password-file', kind: 'string', value: 'FILE', help: 'File with the password.' },
  {
    name: 'password-env',
    kind: 'string',
    value: 'NAME',
    help: 'Variable of the environment with the password.',
  },
  {
    name: 'ca-file',
    kind: 'list',
    value: 'FILE',
    help: "CA that the server's certificate is checked against, instead of the system's.",
  },
  { name: 'cert-file', kind: 'string', value: 'FILE', help: 'Client certificate, with --key-file.' },
  { name: 'key-file', kind: 'string', value: 'FILE', help: 'Its key.' },
  {
    name: 'server-name',
    kind: 'string',
    value: 'NAME',
    help: "Name on the server's certificate, where it is not that of the address.",
  },
  { name: 'dry-run', kind: 'bool', help: 'Only say what would be done.' },
  { name: 'overwrite', kind: 'bool', help: 'Replace what was changed by hand, too.' },
];

const EXIT =
  '0 when all is installed, or with --dry-run could be, 1 when something is in the way or the server cannot be reached.';

export const setupCommand: Command = {
  name: 'setup',
  summary: 'Install what flows need on Elasticsearch and Kibana',
  details: `
Says for each object whether it is there and in what it differs, then installs what is missing or of an older version. What was changed by hand stays, unless --overwrite is given. When anything is of a
newer sluice, or not made by sluice at all, nothing is changed. It may be run again at any time.`,
  examples: `  sluice export setup elasticsearch --url https://localhost:9200 --api-key-env ES_KEY --dry-run
  sluice export setup elasticsearch --url https://localhost:9200 --username elastic --password-file pw --ca-file ca.crt`,
  subcommands: [
    {
      name: 'elasticsearch',
      summary: 'Install index templates and lifecycle policies',
      details: `
Installs the index templates of three data streams and their component templates, and a lifecycle policy for each where the server has lifecycle management: logs-sluice.flows-* (a document for each flow),
metrics-sluice.edges-* (counts by workloads and minute), metrics-sluice.export-* (state and losses of exporters). What you put into the component templates sluice-flows@custom and its like stays and
wins. Needs the cluster privileges manage_index_templates and manage_ilm.`,
      examples: `  sluice export setup elasticsearch --url http://localhost:9200`,
      exitStatus: EXIT,
      maxPositionals: 0,
      flags,
      run: async (invocation) => (await import('./run-setup.ts')).runElasticsearchSetup(invocation),
    },
    {
      name: 'kibana',
      summary: 'Install data views and dashboards',
      details: `
Installs three data views and the dashboards for the fleet, drops and policy verdicts, one namespace, one workload, what audit mode would deny, DNS, and exporters with losses, over Kibana's API for saved
objects. With --print it writes them to stdout instead, as the file that Kibana's "Stack Management > Saved Objects > Import" takes. Needs the privilege to manage saved objects in the space.`,
      examples: `  sluice export setup kibana --url http://localhost:5601
  sluice export setup kibana --print > sluice.ndjson`,
      exitStatus: EXIT,
      maxPositionals: 0,
      flags: [
        ...flags,
        {
          name: 'space',
          kind: 'string',
          value: 'NAME',
          help: 'Space to install in (default: the default one).',
        },
        { name: 'print', kind: 'bool', help: 'Print the objects instead of installing them.' },
      ],
      run: async (invocation) => (await import('./run-setup.ts')).runKibanaSetup(invocation),
    },
  ],
};
