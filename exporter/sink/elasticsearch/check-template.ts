import { type Client, errors } from '@elastic/elasticsearch';
import { ElasticsearchError } from './connection.ts';
import { SETUP_VERSION } from './streams.ts';

/**
 * Checks that an index template is there, of this version or a newer one: without it the server would guess the fields' types, and keep the guess. Throws ElasticsearchError `template_missing`, and what the
 * client throws. A user who may not look at templates is let through.
 */
export async function checkTemplate(client: Client, template: string, url: string): Promise<void> {
  const version = await installedVersion(client, template);
  if (version === null || version >= SETUP_VERSION) return;
  const found = version === 0 ? 'is not installed' : `is of version ${version}, expected ${SETUP_VERSION}`;
  throw new ElasticsearchError(
    'template_missing',
    `index template ${template} ${found}: run 'sluice export setup elasticsearch --url ${url}'`,
  );
}

/** 0 when there is none, null when one may not look. */
async function installedVersion(client: Client, template: string): Promise<number | null> {
  try {
    const { index_templates: found } = await client.indices.getIndexTemplate({ name: template });
    const version: unknown = found.at(0)?.index_template['_meta']?.['version'];
    return typeof version === 'number' ? version : 0;
  } catch (error) {
    if (!(error instanceof errors.ResponseError)) throw error;
    if (error.statusCode === 404) return 0;
    if (error.statusCode === 403) return null;
    throw error;
  }
}
