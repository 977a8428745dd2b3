import assert from 'node:assert/strict';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FollowedFiles } from '../../rpc/followed-files.ts';
import { loadServerFiles } from '../../rpc/tls-files.ts';
import { createTestAuthority, type TestAuthority } from '../support/make-certificates.ts';

const HOUR_MS = 3_600_000;

describe('FollowedFiles', () => {
  let authority: TestAuthority;
  before(async () => (authority = await createTestAuthority()));
  after(() => authority.remove());

  it('keeps what worked while the files do not, tells each change once, and takes the next that works', async () => {
    const { certFile, keyFile } = await authority.issue('mine', 'server');
    const other = await authority.issue('other', 'server');
    const told: string[] = [];
    const load = (): ReturnType<typeof loadServerFiles> => loadServerFiles({ certFile, keyFile });
    const files = new FollowedFiles([certFile, keyFile], certFile, load, (message) => told.push(message));
    const first = files.current;
    const problems = (): string[][] =>
      files.problems(Date.now()).map(({ where, message }) => [where, message]);
    assert.deepEqual(problems(), []);

    const mismatch = `keeping the previous certificate: TLS certificate ${certFile} and key ${keyFile} do not work together: ERR_OSSL_X509_KEY_VALUES_MISMATCH`;
    copyFileSync(other.certFile, certFile);
    assert.equal(files.current, first);
    assert.deepEqual(problems(), [[certFile, mismatch]]);
    assert.deepEqual(told, [mismatch]);

    rmSync(keyFile);
    const missing = `keeping the previous certificate: cannot read TLS key ${keyFile}: ENOENT`;
    assert.equal(files.current, first);
    assert.deepEqual(problems(), [[certFile, missing]]);

    writeFileSync(keyFile, 'noise');
    assert.equal(files.current, first);
    assert.equal(told.length, 3);

    const before = files.generation;
    copyFileSync(other.keyFile, keyFile);
    assert.notEqual(files.current, first);
    assert.deepEqual([files.generation, files.problems(Date.now()).length], [before + 1, 0]);
    assert.equal(told.length, 3);
  });

  it('tells that a certificate has ended, ends soon, or is not valid yet', async () => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const pair = await authority.issue('short', 'server', { fromMs: 0, untilMs: 100 * HOUR_MS });
    const files = new FollowedFiles([pair.certFile], pair.certFile, () => loadServerFiles(pair), assert.fail);
    const messages = (hours: number): string[] =>
      files.problems(nowMs + hours * HOUR_MS).map(({ message }) => message.replace(/\d{4}-.*Z/, 'TIME'));
    assert.deepEqual(messages(-1), ['the certificate in use is not valid until TIME']);
    assert.deepEqual(messages(89), []);
    assert.deepEqual(messages(91), ['the certificate in use expires at TIME']);
    assert.deepEqual(messages(101), ['the certificate in use has expired at TIME']);
  });

  it('reads no file that is too large to be certificates', () => {
    const large = join(authority.dir, 'large');
    writeFileSync(large, Buffer.alloc(4 * 1024 * 1024 + 1));
    assert.throws(() => loadServerFiles({ certFile: large, keyFile: large }), {
      message: `cannot read TLS certificate ${large}: 4194305 bytes, expected at most 4194304`,
    });
  });
});
