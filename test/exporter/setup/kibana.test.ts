import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { type SavedObject, savedObjects } from '../../../exporter/kibana/saved-objects.ts';
import { setUpKibana } from '../../../exporter/setup/kibana/setup.ts';

/** Keeps saved objects as far as set-up asks of a Kibana. It is no Kibana: what it takes, one may still refuse. */
class ObjectStore {
  readonly objects = new Map<string, SavedObject>();
  readonly paths: string[] = [];
  headers: IncomingHttpHeaders = {};
  private readonly server = createServer((request, response) => {
    void text(request).then((body) => {
      this.paths.push(request.url!);
      this.headers = request.headers;
      const { status, answer } = request.url!.includes('_export') ? this.export(body) : this.import(body);
      response.statusCode = status;
      response.end(answer);
    });
  });

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
  }

  private export(body: string): { status: number; answer: string } {
    const [{ type, id }] = (JSON.parse(body) as { objects: { type: string; id: string }[] }).objects;
    const found = this.objects.get(`${type} ${id}`);
    if (found !== undefined) return { status: 200, answer: `${JSON.stringify(found)}\n` };
    const error = { statusCode: 404, error: 'Not Found', message: 'not found' };
    return {
      status: 400,
      answer: JSON.stringify({
        statusCode: 400,
        message: 'Error fetching objects to export',
        attributes: { objects: [{ id, type, error }] },
      }),
    };
  }

  private import(body: string): { status: number; answer: string } {
    const lines = body.split('\r\n\r\n')[1].split('\r\n--')[0].trimEnd().split('\n');
    for (const line of lines) {
      const object = JSON.parse(line) as SavedObject;
      this.objects.set(`${object.type} ${object.id}`, object);
    }
    return { status: 200, answer: JSON.stringify({ success: true, successCount: lines.length }) };
  }
}

const stores: ObjectStore[] = [];
after(() => stores.forEach((store) => store.stop()));

async function makeStore(): Promise<ObjectStore> {
  const store = await new ObjectStore().start();
  stores.push(store);
  return store;
}

async function setUp(
  store: ObjectStore,
  options: { dryRun?: boolean; overwrite?: boolean; space?: string } = {},
): Promise<string> {
  const { space, ...others } = options;
  let printed = '';
  const print = (words: string): void => {
    printed += words;
  };
  const server = { url: store.url, ...(space !== undefined && { space }) };
  await setUpKibana(server, { dryRun: false, overwrite: false, ...others, print });
  return printed;
}

function change(store: ObjectStore, key: string, attributes: Readonly<Record<string, unknown>>): void {
  const object = store.objects.get(key)!;
  store.objects.set(key, { ...object, attributes: { ...object.attributes, ...attributes } });
}

describe('the set-up of Kibana', () => {
  it('says what it would do, does it, and finds nothing to do then', async () => {
    const store = await makeStore();
    assert.match(
      await setUp(store, { dryRun: true }),
      /^data view sluice-flows: to be created\n[^]*Nothing was changed: 10 to do/,
    );
    assert.equal(store.objects.size, 0);
    assert.match(await setUp(store), /10 installed\.\n$/);
    assert.deepEqual([...store.objects.values()], savedObjects());
    assert.equal(store.headers['kbn-xsrf'], 'sluice');
    assert.match(await setUp(store), /^data view sluice-flows: as it should be\n[^]*Nothing to do\.\n$/);
  });

  it('keeps what was changed by hand, shows how, and replaces it when told to', async () => {
    const store = await makeStore();
    await setUp(store);
    change(store, 'dashboard sluice-dns', { title: 'Our DNS' });
    const kept = await setUp(store);
    assert.match(
      kept,
      /dashboard sluice-dns: changed by hand, kept\n {4}title: "Our DNS" -> "Sluice: DNS"\n/,
    );
    assert.match(kept, /Nothing to do/);
    assert.match(await setUp(store, { overwrite: true }), /1 installed/);
    assert.equal(store.objects.get('dashboard sluice-dns')!.attributes['title'], 'Sluice: DNS');
  });

  it('replaces what is of an older version, and refuses what is newer or of others', async () => {
    const store = await makeStore();
    await setUp(store);
    change(store, 'dashboard sluice-dns', { description: 'Old. (Sluice dashboards, version 0)' });
    assert.match(
      await setUp(store),
      /dashboard sluice-dns: of an older version, to be replaced\n[^]*1 installed/,
    );
    change(store, 'dashboard sluice-dns', { description: 'New. (Sluice dashboards, version 2)' });
    store.objects.delete('dashboard sluice-fleet');
    await assert.rejects(setUp(store, { overwrite: true }), {
      message: /^dashboard sluice-dns: installed by a newer sluice/,
    });
    change(store, 'dashboard sluice-dns', { description: 'Mine' });
    await assert.rejects(setUp(store), {
      message: /^dashboard sluice-dns: there is one of that name that sluice did not make/,
    });
    assert.equal(store.objects.has('dashboard sluice-fleet'), false);
  });

  it('installs in the space that is asked for', async () => {
    const store = await makeStore();
    await setUp(store, { space: 'network' });
    assert.ok(store.paths.every((path) => path.startsWith('/s/network/api/saved_objects/')));
  });

  it('says when there is none', async () => {
    const gone = setUpKibana(
      { url: 'http://127.0.0.1:1' },
      { dryRun: true, overwrite: false, print: () => {} },
    );
    await assert.rejects(gone, { message: 'Kibana at http://127.0.0.1:1: ECONNREFUSED' });
  });
});
