import {
  type ElasticsearchServers,
  isNodeUrl,
  loadSetup,
  type SecretPlace,
  type SetupOptions,
} from '../../exporter/index.ts';
import { allTexts, type FlagUse, invalidValue, lastText, UsageError } from '../../flags/flag-spec.ts';
import type { Invocation } from '../command.ts';
import { boolFlag } from '../process/read-flags.ts';

/** `sluice export setup elasticsearch`. */
export async function runElasticsearchSetup({ uses }: Invocation): Promise<number> {
  const servers = serversOf(uses);
  const { setUpElasticsearch } = await loadSetup();
  await setUpElasticsearch(servers, optionsOf(uses));
  return 0;
}

/** `sluice export setup kibana`. */
export async function runKibanaSetup({ uses }: Invocation): Promise<number> {
  const { savedObjectsText, setUpKibana } = await loadSetup();
  if (boolFlag(uses, 'print')) {
    process.stdout.write(savedObjectsText());
    return 0;
  }
  const { nodes, ...login } = serversOf(uses);
  if (nodes.length > 1) throw new UsageError(`--url names ${nodes.length} servers: expected one Kibana`);
  const space = lastText(uses, 'space');
  if (space !== undefined && !/^[a-z0-9_-]+$/.test(space)) {
    throw invalidValue('--space', space, 'the identifier of a space: lower case letters, digits, _ and -');
  }
  await setUpKibana({ ...login, url: nodes[0], ...(space !== undefined && { space }) }, optionsOf(uses));
  return 0;
}

function optionsOf(uses: readonly FlagUse[]): SetupOptions {
  return {
    dryRun: boolFlag(uses, 'dry-run'),
    overwrite: boolFlag(uses, 'overwrite'),
    print: (text) => process.stdout.write(text),
  };
}

/** Where the server is, and how to log in. Throws UsageError. */
function serversOf(uses: readonly FlagUse[]): ElasticsearchServers {
  const nodes = allTexts(uses, 'url');
  if (nodes.length === 0)
    throw new UsageError('no server given: expected --url URL, such as --url http://localhost:9200');
  for (const url of nodes) {
    if (!isNodeUrl(url))
      throw invalidValue(
        '--url',
        url,
        'an address such as https://localhost:9200, without user, query or fragment',
      );
  }
  const auth = authOf(uses);
  const tls = tlsOf(uses);
  return { nodes, ...(auth !== undefined && { auth }), ...(tls !== undefined && { tls }) };
}

function authOf(uses: readonly FlagUse[]): ElasticsearchServers['auth'] {
  const apiKey = placeOf(uses, 'api-key');
  const password = placeOf(uses, 'password');
  const username = lastText(uses, 'username');
  if (apiKey !== undefined && username !== undefined) {
    throw new UsageError('--username and an API key are two ways to log in: expected one of them');
  }
  if ((username === undefined) !== (password === undefined)) {
    const missing = username === undefined ? '--username' : '--password-file or --password-env';
    throw new UsageError(`a name and a password go together: ${missing} is missing`);
  }
  if (apiKey !== undefined) return { kind: 'apiKey', apiKey };
  return username === undefined || password === undefined ? undefined : { kind: 'basic', username, password };
}

function placeOf(uses: readonly FlagUse[], name: string): SecretPlace | undefined {
  const file = lastText(uses, `${name}-file`);
  const env = lastText(uses, `${name}-env`);
  if (file !== undefined && env !== undefined) {
    throw new UsageError(`--${name}-file and --${name}-env name the same secret: expected one of them`);
  }
  if (file !== undefined) return { file };
  return env === undefined ? undefined : { env };
}

function tlsOf(uses: readonly FlagUse[]): ElasticsearchServers['tls'] {
  const caFiles = allTexts(uses, 'ca-file');
  const certFile = lastText(uses, 'cert-file');
  const keyFile = lastText(uses, 'key-file');
  const serverName = lastText(uses, 'server-name');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? '--cert-file' : '--key-file';
    throw new UsageError(`a client certificate and its key go together: ${missing} is missing`);
  }
  if (caFiles.length === 0 && certFile === undefined && serverName === undefined) return undefined;
  return {
    caFiles,
    ...(certFile !== undefined && keyFile !== undefined && { certFile, keyFile }),
    ...(serverName !== undefined && { serverName }),
  };
}
