import { type Client, errors } from '@elastic/elasticsearch';
import type { Installed } from '../plan.ts';
import { type Abilities, META, type SetupObject } from './objects.ts';

const paths: Readonly<Record<SetupObject['kind'], string>> = {
  'lifecycle policy': '/_ilm/policy/',
  'component template': '/_component_template/',
  'index template': '/_index_template/',
};

/** Finds out what of the optional a server can do, without changing anything. Throws what the client throws. */
export async function readAbilities(client: Client): Promise<Abilities> {
  return { lifecycle: await hasLifecycle(client), constants: await hasConstants(client) };
}

async function hasLifecycle(client: Client): Promise<boolean> {
  try {
    await client.transport.request({ method: 'GET', path: '/_ilm/status' });
    return true;
  } catch (error) {
    // A server without the module has nobody who answers there.
    if (error instanceof errors.ResponseError && (error.statusCode === 400 || error.statusCode === 405))
      return false;
    throw error;
  }
}

async function hasConstants(client: Client): Promise<boolean> {
  const probe = { type: 'constant_keyword', value: 'x' };
  try {
    await client.transport.request({
      method: 'POST',
      path: '/_index_template/_simulate',
      body: {
        index_patterns: ['sluice-probe-*'],
        template: { mappings: { properties: { probe } } },
      },
    });
    return true;
  } catch (error) {
    if (error instanceof errors.ResponseError && JSON.stringify(error.body).includes('constant_keyword'))
      return false;
    throw error;
  }
}

/** What a server has under an object's name; null when it has nothing. Throws what the client throws. */
export async function readInstalled(client: Client, { kind, name }: SetupObject): Promise<Installed | null> {
  try {
    const answer = await client.transport.request<Record<string, unknown>>({
      method: 'GET',
      path: paths[kind] + encodeURIComponent(name),
    });
    const body = bodyOf(kind, name, answer);
    const meta = (kind === 'lifecycle policy' ? (body['policy'] as typeof body)['_meta'] : body['_meta']) as
      | Partial<Record<keyof typeof META, unknown>>
      | undefined;
    const isOurs = meta?.managed_by === META.managed_by && typeof meta.version === 'number';
    return { body, version: isOurs ? (meta.version as number) : null };
  } catch (error) {
    if (error instanceof errors.ResponseError && error.statusCode === 404) return null;
    throw error;
  }
}

function bodyOf(
  kind: SetupObject['kind'],
  name: string,
  answer: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  if (kind === 'lifecycle policy') return { policy: (answer[name] as { policy: unknown }).policy };
  const key = kind === 'component template' ? 'component_template' : 'index_template';
  const [found] = answer[`${key}s`] as Record<string, Record<string, unknown>>[];
  return found[key];
}

/** Puts an object where it belongs. Throws what the client throws. */
export async function install(client: Client, { kind, name, body }: SetupObject): Promise<void> {
  await client.transport.request({ method: 'PUT', path: paths[kind] + encodeURIComponent(name), body });
}

/** Paths of an object's body in which the server adds nothing by itself. */
export function ownedPaths({ kind }: SetupObject): readonly string[] {
  return kind === 'component template'
    ? ['template.mappings', 'template.settings']
    : ['composed_of', 'index_patterns'];
}
