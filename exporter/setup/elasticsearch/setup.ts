import { errors } from '@elastic/elasticsearch';
import type { ElasticsearchServers } from '../../config/config.ts';
import { createClient, elasticsearchError } from '../../sink/elasticsearch/connection.ts';
import { SETUP_VERSION } from '../../sink/elasticsearch/streams.ts';
import { planStep, planText, refusalOf, type Step, stepsToDo } from '../plan.ts';
import { type SetupObject, setupObjects } from './objects.ts';
import { install, ownedPaths, readAbilities, readInstalled } from './server.ts';

export interface SetupOptions {
  /** Only tell what would be done. */
  readonly dryRun: boolean;
  /** Replace what was changed by hand, too. */
  readonly overwrite: boolean;
  /** Takes text for the user. */
  readonly print: (text: string) => void;
}

const NO_LIFECYCLE =
  'This server has no index lifecycle management: nothing is packed or deleted by itself, see docs/elasticsearch.md for what to do by hand\n';
const NO_CONSTANTS =
  'This server lacks the field type constant_keyword: event.kind and its like are left out\n';

/** Installs what flows need on a cluster: lifecycle policies, component templates, index templates. Changes nothing when any of it must not be. Throws Error that says why. */
export async function setUpElasticsearch(
  servers: ElasticsearchServers,
  options: SetupOptions,
): Promise<void> {
  const { print } = options;
  const client = createClient(servers);
  try {
    const abilities = await readAbilities(client);
    if (!abilities.lifecycle) print(NO_LIFECYCLE);
    if (!abilities.constants) print(NO_CONSTANTS);
    const steps: Step[] = [];
    for (const object of setupObjects(abilities)) {
      const installed = await readInstalled(client, object);
      steps.push(planStep(object, installed, SETUP_VERSION, ownedPaths(object)));
    }
    print(planText(steps, options));
    const refusal = refusalOf(steps);
    if (refusal !== null) throw new Error(refusal);
    const toDo = stepsToDo(steps, options);
    if (options.dryRun || toDo.length === 0) {
      print(
        toDo.length === 0
          ? 'Nothing to do.\n'
          : `Nothing was changed: ${toDo.length} to do without --dry-run.\n`,
      );
      return;
    }
    for (const { wanted } of toDo) await install(client, wanted as SetupObject);
    print(`${toDo.length} installed.\n`);
  } catch (error) {
    if (!(error instanceof errors.ElasticsearchClientError)) throw error;
    throw elasticsearchError(error, `Elasticsearch at ${servers.nodes.join(', ')}`);
  } finally {
    await client.close();
  }
}
