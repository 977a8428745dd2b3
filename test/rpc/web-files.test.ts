import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serveFiles } from '../../rpc/web-files.ts';
import { type RpcTestServer, startRpcServer } from '../support/rpc-test-server.ts';

describe('files served beside calls', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-web-'));
  let server: RpcTestServer;
  let base: string;

  before(async () => {
    mkdirSync(join(directory, 'assets'));
    writeFileSync(join(directory, 'index.html'), '<title>page</title>');
    writeFileSync(join(directory, 'assets/a-1234.js'), 'run()');
    server = await startRpcServer({ insecure: true, web: serveFiles(directory)! });
    base = `http://127.0.0.1:${server.port}`;
  });
  after(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${base}${path}`, { headers: { connection: 'close', ...headers } });

  it('come with headers that let a page load nothing of others', async () => {
    const response = await get('/index.html');
    assert.equal(await response.text(), '<title>page</title>');
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy')!;
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:|http/);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  });

  it('are the page for its root and for places within it', async () => {
    for (const path of ['/', '/?q=x', '/map', '/nodes/east']) {
      assert.equal(await (await get(path)).text(), '<title>page</title>', path);
    }
  });

  it('are not there under other names, nor outside of their directory', async () => {
    for (const path of ['/other.js', '/../package.json', '/%2e%2e/package.json', '/assets/../../x.txt']) {
      const response = await get(path);
      assert.equal(response.status, 404, path);
      await response.text();
    }
  });

  it('are kept by browsers: for ever where the name tells what is in it, else until they change', async () => {
    const script = await get('/assets/a-1234.js');
    assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    await script.text();
    const page = await get('/');
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    await page.text();
    const again = await get('/', { 'if-none-match': page.headers.get('etag')! });
    assert.equal(again.status, 304);
  });

  it('are compressed for whoever takes that', async () => {
    const plain = await get('/', { 'accept-encoding': 'identity' });
    assert.equal(plain.headers.get('content-encoding'), null);
    assert.equal(await plain.text(), '<title>page</title>');
    const zipped = await get('/', { 'accept-encoding': 'gzip' });
    assert.equal(zipped.headers.get('content-encoding'), 'gzip');
    assert.equal(await zipped.text(), '<title>page</title>');
  });

  it('are none where the page was never built', () => {
    assert.equal(serveFiles(join(directory, 'absent')), undefined);
  });
});
