import {
  savedObjects,
  type SavedObject,
  savedObjectsText,
  stampedVersion,
} from '../../kibana/saved-objects.ts';
import { SETUP_VERSION } from '../../sink/elasticsearch/streams.ts';
import type { SetupOptions } from '../elasticsearch/setup.ts';
import { type Installed, planStep, planText, refusalOf, type Step, stepsToDo, type Wanted } from '../plan.ts';
import { kibanaError, type KibanaServer, postToKibana } from './connection.ts';

/** Ends the parts of a form; in no file of ours. */
const BOUNDARY = 'sluice-8b2f6a1c94d7';

/** Installs data views and dashboards in a Kibana. Changes nothing when any of it must not be. Throws Error that says why. */
export async function setUpKibana(server: KibanaServer, options: SetupOptions): Promise<void> {
  const { print } = options;
  const steps: (Step & { readonly object: SavedObject })[] = [];
  for (const object of savedObjects()) {
    const installed = await readInstalled(server, object);
    steps.push({ ...planStep(wantedOf(object), installed, SETUP_VERSION, []), object });
  }
  print(planText(steps, options));
  const refusal = refusalOf(steps);
  if (refusal !== null) throw new Error(refusal);
  const toDo = steps.filter((step) => stepsToDo([step], options).length > 0);
  if (options.dryRun || toDo.length === 0) {
    print(
      toDo.length === 0
        ? 'Nothing to do.\n'
        : `Nothing was changed: ${toDo.length} to do without --dry-run.\n`,
    );
    return;
  }
  await importObjects(
    server,
    toDo.map(({ object }) => object),
  );
  print(`${toDo.length} installed.\n`);
}

const kinds = { 'index-pattern': 'data view', dashboard: 'dashboard' } as const;

/** An object with the texts in it that are JSON read, so that differences can be told. */
function wantedOf({ type, id, attributes }: Pick<SavedObject, 'type' | 'id' | 'attributes'>): Wanted {
  const read = Object.entries(attributes).map(([name, value]): [string, unknown] => {
    if (typeof value !== 'string' || !name.endsWith('JSON')) return [name, value];
    const inner: unknown = JSON.parse(value);
    // Panels by their names: one that was added moves no other.
    const isPanels = Array.isArray(inner);
    return [
      name,
      isPanels
        ? Object.fromEntries(inner.map((one: { panelIndex: string }) => [one.panelIndex, one]))
        : inner,
    ];
  });
  return { kind: kinds[type], name: id, body: Object.fromEntries(read) };
}

/** What Kibana has of an object; null when it has nothing. */
async function readInstalled(server: KibanaServer, { type, id }: SavedObject): Promise<Installed | null> {
  const body = JSON.stringify({ objects: [{ type, id }], excludeExportDetails: true });
  const answer = await postToKibana(server, '/api/saved_objects/_export', 'application/json', body);
  if (answer.status === 404) return null;
  // Of an object that is not there Kibana says that the request was bad, and why in a list.
  if (answer.status === 400 && /"statusCode":404|not found/i.test(answer.text)) return null;
  if (answer.status !== 200) throw kibanaError(server, `${type} ${id} cannot be read`, answer);
  const [line] = answer.text.split('\n');
  const found = JSON.parse(line) as SavedObject;
  const wanted = wantedOf(found);
  const description = found.attributes['description'];
  // A data view has no place for a version: it is ours by its id.
  const version =
    type === 'index-pattern'
      ? SETUP_VERSION
      : stampedVersion(typeof description === 'string' ? description : '');
  return { body: wanted.body, version };
}

async function importObjects(server: KibanaServer, objects: readonly SavedObject[]): Promise<void> {
  const form = [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="sluice.ndjson"',
    'Content-Type: application/ndjson',
    '',
    savedObjectsText(objects),
    `--${BOUNDARY}--`,
    '',
  ].join('\r\n');
  const type = `multipart/form-data; boundary=${BOUNDARY}`;
  const answer = await postToKibana(server, '/api/saved_objects/_import?overwrite=true', type, form);
  if (answer.status !== 200) throw kibanaError(server, 'the import was refused', answer);
  const { success, errors = [] } = JSON.parse(answer.text) as {
    success: boolean;
    errors?: { type: string; id: string; error: { type: string } }[];
  };
  if (success) return;
  const failed = errors.map(({ type: kind, id, error }) => `${kind} ${id} (${error.type})`).join(', ');
  throw new Error(`Kibana at ${server.url}: not everything was imported: ${failed}`);
}
