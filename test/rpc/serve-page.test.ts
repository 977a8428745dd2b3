import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { servePage } from '../../rpc/index.ts';
import { guardFiles } from '../../rpc/page-door.ts';
import { type RpcTestServer, startRpcServer } from '../support/rpc-test-server.ts';

const TOKEN = 'a token; of words=and signs';

describe('a page that needs a token', () => {
  let directory: string;
  let server: RpcTestServer;
  let base: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-page-'));
    writeFileSync(join(directory, 'index.html'), '<!doctype html><title>page</title>');
    server = await startRpcServer({
      insecure: true,
      ...servePage({ directory, token: TOKEN }),
      routes: (router) => router.service(Observer, { serverStatus: () => ({ version: 'sluice' }) }),
    });
    base = `http://127.0.0.1:${server.port}`;
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${base}${path}`, { redirect: 'manual', headers: { connection: 'close', ...headers } });
  const call = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${base}/observer.Observer/ServerStatus`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', ...headers },
      body: '{}',
    });

  it('tells how to show it to who does not, or shows another', async () => {
    for (const path of ['/', '/map', '/?token=wrong']) {
      const response = await get(path);
      assert.equal(response.status, 401);
      assert.match(await response.text(), /\?token=TOKEN/);
    }
  });

  it('takes it out of the address and keeps it as a cookie that scripts do not see', async () => {
    const entry = await get(`/map?q=--port+53&token=${encodeURIComponent(TOKEN)}`);
    assert.equal(entry.status, 303);
    assert.equal(entry.headers.get('location'), '/map?q=--port+53');
    const cookie = entry.headers.get('set-cookie')!;
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    const page = await get('/map', { cookie: cookie.split(';', 1)[0] });
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>page/);
  });

  it('never sends a browser to another server', async () => {
    const entry = await get(`//elsewhere.example/x?token=${encodeURIComponent(TOKEN)}`);
    assert.doesNotMatch(entry.headers.get('location') ?? '/', /^\/\//);
  });

  it('serves the calls of pages that show it only, and those of no page', async () => {
    const refused = await call({ origin: base });
    assert.equal(refused.status, 401);
    assert.match(await refused.text(), /--ui-token/);
    const bearer = await call({ origin: base, authorization: `Bearer ${TOKEN}` });
    assert.equal(bearer.status, 200);
    await bearer.text();
    const noPage = await call({});
    assert.equal(noPage.status, 200);
    await noPage.text();
  });
});

describe('a page without a token', () => {
  const answerTo = (socket: object): number => {
    let status = 0;
    const response = { writeHead: (code: number) => (status = code), end: () => {} };
    guardFiles(() => (status = 200), undefined)(
      { socket, headers: {} } as IncomingMessage,
      response as unknown as ServerResponse & { req: IncomingMessage },
    );
    return status;
  };

  it('is for this machine and for browsers with a client certificate', () => {
    for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1', undefined]) {
      assert.equal(answerTo({ remoteAddress }), 200, remoteAddress);
    }
    assert.equal(answerTo({ remoteAddress: '10.0.0.7' }), 403);
    assert.equal(answerTo({ remoteAddress: '10.0.0.7', encrypted: true, authorized: false }), 403);
    assert.equal(answerTo({ remoteAddress: '10.0.0.7', encrypted: true, authorized: true }), 200);
  });

  it('is not served when it was not built, or not asked for', () => {
    assert.deepEqual(servePage({ directory: '/nonexistent' }), {});
    assert.deepEqual(servePage(undefined), {});
  });
});
