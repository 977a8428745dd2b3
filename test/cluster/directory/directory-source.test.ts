import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createDirectorySource, type DirectorySourceOptions } from '../../../cluster/index.ts';
import { podYaml } from '../support/build-manifest.ts';
import { ChangeCollector } from '../support/collect-changes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function watchDirectory(
  t: TestContext,
  dir: string,
  options: Partial<DirectorySourceOptions> = {},
): Promise<ChangeCollector> {
  const collector = new ChangeCollector();
  const source = createDirectorySource({ dir, cluster: 'east', clusterId: 1, settleMs: 10, ...options });
  t.after(() => source.close());
  await source.start(collector.listener);
  return collector;
}

const addressOf = (collector: ChangeCollector, pod: string) => collector.endpoint(pod)?.addresses[0];

describe('createDirectorySource()', () => {
  it('delivers the full state before start resolves, then what changes', async (t) => {
    const dir = temporaryDirectory(t);
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    writeFileSync(join(dir, 'sub', 'b.yml'), podYaml('b', '10.1.0.2'));
    writeFileSync(join(dir, 'README.md'), 'not a manifest: [');
    const seen = await watchDirectory(t, dir);
    assert.equal(seen.batches, 1);
    assert.deepEqual(seen.endpoints.map(({ podName }) => podName).sort(), ['a', 'b']);
    assert.deepEqual(seen.problems, []);

    writeFileSync(
      join(dir, 'c.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }),
    );
    await seen.until(() => seen.objects.has('node/n'));
    writeFileSync(join(dir, 'sub', 'b.yml'), podYaml('b', '10.1.0.3'));
    await seen.until(() => addressOf(seen, 'b') === '10.1.0.3');
    rmSync(join(dir, 'sub'), { recursive: true });
    await seen.until(() => seen.endpoint('b') === undefined);
    assert.notEqual(seen.endpoint('a'), undefined);
  });

  it('sees a file that is replaced by a rename, and a directory that is moved in', async (t) => {
    const dir = temporaryDirectory(t);
    const aside = temporaryDirectory(t);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    const seen = await watchDirectory(t, dir);
    writeFileSync(join(dir, '.a.yaml.tmp'), podYaml('a', '10.1.0.9'));
    renameSync(join(dir, '.a.yaml.tmp'), join(dir, 'a.yaml'));
    await seen.until(() => addressOf(seen, 'a') === '10.1.0.9');

    mkdirSync(join(aside, 'x', 'y'), { recursive: true });
    writeFileSync(join(aside, 'x', 'y', 'b.yaml'), podYaml('b', '10.1.0.2'));
    renameSync(join(aside, 'x'), join(dir, 'x'));
    await seen.until(() => seen.endpoint('b') !== undefined);
    writeFileSync(join(dir, 'x', 'y', 'b.yaml'), podYaml('b', '10.1.0.3'));
    await seen.until(() => addressOf(seen, 'b') === '10.1.0.3');
    renameSync(join(dir, 'x'), join(aside, 'z'));
    await seen.until(() => seen.endpoint('b') === undefined);
  });

  it('follows a mounted ConfigMap from one revision to the next', async (t) => {
    const dir = temporaryDirectory(t);
    const writeRevision = (revision: string, address: string): void => {
      mkdirSync(join(dir, revision));
      writeFileSync(join(dir, revision, 'pods.yaml'), podYaml('a', address));
      symlinkSync(revision, join(dir, '..data_tmp'));
      renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    };
    writeRevision('..2026_1', '10.1.0.1');
    symlinkSync('..data/pods.yaml', join(dir, 'pods.yaml'));
    const seen = await watchDirectory(t, dir);
    assert.equal(addressOf(seen, 'a'), '10.1.0.1');
    writeRevision('..2026_2', '10.1.0.2');
    rmSync(join(dir, '..2026_1'), { recursive: true });
    await seen.until(() => addressOf(seen, 'a') === '10.1.0.2');
    assert.deepEqual(seen.problems, []);
  });

  it('notices a change behind a link that leads out of the directory, and ends at a link that leads back', async (t) => {
    const dir = temporaryDirectory(t);
    const aside = temporaryDirectory(t);
    writeFileSync(join(aside, 'target'), podYaml('a', '10.1.0.1'));
    symlinkSync(join(aside, 'target'), join(dir, 'a.yaml'));
    symlinkSync(dir, join(dir, 'loop'));
    const seen = await watchDirectory(t, dir);
    assert.equal(addressOf(seen, 'a'), '10.1.0.1');
    writeFileSync(join(aside, 'target'), podYaml('a', '10.1.0.2'));
    await seen.until(() => addressOf(seen, 'a') === '10.1.0.2');
  });

  it('keeps what a broken file last said and lists it until it is mended', async (t) => {
    const dir = temporaryDirectory(t);
    const file = join(dir, 'a.yaml');
    writeFileSync(file, podYaml('a', '10.1.0.1'));
    const seen = await watchDirectory(t, dir);
    writeFileSync(file, `${podYaml('a', '10.1.0.2')}  broken: [\n`);
    await seen.until(() => seen.problems.length > 0);
    assert.match(seen.problems[0].where, /a\.yaml:15:1$/);
    assert.equal(addressOf(seen, 'a'), '10.1.0.1');

    // One bad object beside a good one: the good one is applied.
    writeFileSync(file, `${podYaml('b', '10.1.0.5')}---\n${podYaml('a', '10.1.0')}`);
    await seen.until(() => seen.endpoint('b') !== undefined);
    assert.equal(addressOf(seen, 'a'), '10.1.0.1');
    assert.match(seen.problems[0].message, /^Pod "travel\/a" status\.podIPs\[0\]\.ip is "10\.1\.0"/);

    writeFileSync(file, podYaml('a', '10.1.0.3'));
    await seen.until(() => seen.problems.length === 0);
    assert.deepEqual(
      seen.endpoints.map(({ podName, addresses }) => [podName, addresses[0]]),
      [['a', '10.1.0.3']],
    );
  });

  it('refuses a file that is too large or no text, and one that is no file', async (t) => {
    const dir = temporaryDirectory(t);
    const seen = await watchDirectory(t, dir);
    writeFileSync(join(dir, 'large.yaml'), '');
    truncateSync(join(dir, 'large.yaml'), 4 * 1024 * 1024 + 1);
    writeFileSync(join(dir, 'latin.yaml'), Uint8Array.of(0x61, 0xe9, 0x0a));
    await seen.until(() => seen.problems.length === 2);
    assert.deepEqual(seen.problems, [
      { where: join(dir, 'large.yaml'), message: 'has 4194305 bytes: expected at most 4194304' },
      { where: join(dir, 'latin.yaml'), message: 'is not UTF-8 text' },
    ]);
  });

  it('lets the first path decide where two files speak of one pod, whatever the order of events', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(join(dir, 'b.yaml'), podYaml('p', '10.1.0.2'));
    const seen = await watchDirectory(t, dir);
    writeFileSync(join(dir, 'a.yaml'), podYaml('p', '10.1.0.1'));
    await seen.until(() => addressOf(seen, 'p') === '10.1.0.1');
    assert.deepEqual(seen.problems, [
      {
        where: join(dir, 'b.yaml'),
        message: `Pod "travel/p" stands in ${join(dir, 'a.yaml')} too, and that one counts`,
      },
    ]);
    unlinkSync(join(dir, 'a.yaml'));
    await seen.until(() => addressOf(seen, 'p') === '10.1.0.2');
    assert.deepEqual(seen.problems, []);
  });

  it('keeps everything when the directory disappears, and follows the one that takes its place', async (t) => {
    const dir = join(temporaryDirectory(t), 'manifests');
    const seen = await watchDirectory(t, dir);
    assert.deepEqual(seen.problems, [
      { where: dir, message: 'is no directory that can be read: its last known state is kept' },
    ]);
    mkdirSync(dir);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    await seen.until(() => seen.endpoint('a') !== undefined && seen.problems.length === 0);
    rmSync(dir, { recursive: true });
    await seen.until(() => seen.problems.length > 0);
    assert.equal(addressOf(seen, 'a'), '10.1.0.1');
    const next = `${dir}-next`;
    mkdirSync(next);
    writeFileSync(join(next, 'b.yaml'), podYaml('b', '10.1.0.2'));
    renameSync(next, dir);
    await seen.until(() => seen.endpoint('b') !== undefined && seen.problems.length === 0);
    assert.equal(seen.endpoint('a'), undefined);
  });

  it('gives a pod another identity when its labels or those of its namespace change', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    const seen = await watchDirectory(t, dir);
    const first = seen.endpoint('a')!.identity;
    assert.equal(first >> 16, 1);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1', { tier: 'backend' }));
    await seen.until(() => seen.endpoint('a')!.identity !== first);
    const second = seen.endpoint('a')!;
    assert.ok(second.labels.includes('k8s:tier=backend'));
    writeFileSync(
      join(dir, 'ns.yaml'),
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: travel, labels: { team: web } }\n',
    );
    await seen.until(() => seen.endpoint('a')!.identity !== second.identity);
    assert.ok(seen.endpoint('a')!.labels.includes('k8s:io.cilium.k8s.namespace.labels.team=web'));
    unlinkSync(join(dir, 'ns.yaml'));
    await seen.until(() => seen.endpoint('a')!.identity === second.identity);
  });

  it("gives a remote cluster's pods the identities their cluster agreed on, and writes nothing there", async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    const remote = await watchDirectory(t, dir, { readOnly: true });
    assert.equal(remote.endpoint('a')!.identity, 0);
    assert.deepEqual(readdirSync(dir), ['a.yaml']);
    const local = await watchDirectory(t, dir);
    await remote.until(() => remote.endpoint('a')!.identity !== 0);
    assert.equal(remote.endpoint('a')!.identity, local.endpoint('a')!.identity);
  });

  it('writes an identity again that somebody deleted while it is in use', async (t) => {
    const dir = temporaryDirectory(t);
    writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
    const seen = await watchDirectory(t, dir);
    const { identity } = seen.endpoint('a')!;
    const file = join(dir, 'identities', `${identity}.yaml`);
    // Only once the source has seen its own file does its disappearance say anything; a second pod's identity comes after it.
    writeFileSync(join(dir, 'b.yaml'), podYaml('b', '10.1.0.2'));
    await seen.until(() => seen.endpoint('b') !== undefined);
    unlinkSync(file);
    const remote = await watchDirectory(t, dir, { readOnly: true });
    await remote.until(() => remote.endpoint('a')!.identity !== 0);
    assert.equal(remote.endpoint('a')!.identity, identity);
    assert.equal(seen.endpoint('a')!.identity, identity);
  });

  it("does not take another cluster's numbers for its own", async (t) => {
    const dir = temporaryDirectory(t);
    mkdirSync(join(dir, 'identities'));
    writeFileSync(
      join(dir, 'identities', '131400.yaml'),
      'apiVersion: cilium.io/v2\nkind: CiliumIdentity\nmetadata: { name: "131400" }\nsecurity-labels: { "k8s:a": b }\n',
    );
    const seen = await watchDirectory(t, dir);
    assert.deepEqual(seen.problems, [
      {
        where: 'CiliumIdentity "131400"',
        message: 'is not of cluster 1, whose identities are 65792 to 131071: not used',
      },
    ]);
  });

  it(
    'says why when it cannot write identities, and catches up when it can',
    { timeout: 30_000 },
    async (t) => {
      const dir = temporaryDirectory(t);
      writeFileSync(join(dir, 'a.yaml'), podYaml('a', '10.1.0.1'));
      writeFileSync(join(dir, 'identities'), 'in the way'); // root may write anywhere, but not below a file
      const seen = await watchDirectory(t, dir);
      assert.equal(seen.endpoint('a')!.identity, 0);
      assert.match(
        seen.problems[0].message,
        /^cannot agree on an identity for k8s:app=a,.*: (EEXIST|ENOTDIR)/,
      );
      unlinkSync(join(dir, 'identities'));
      await seen.until(() => seen.endpoint('a')!.identity !== 0 && seen.problems.length === 0);
    },
  );

  it('is started once and refuses a cluster id that identities have no room for', async (t) => {
    const dir = temporaryDirectory(t);
    assert.throws(() => createDirectorySource({ dir, cluster: 'east', clusterId: 256 }), {
      name: 'RangeError',
      message: 'cluster id 256 of "east": expected 0 to 255',
    });
    const source = createDirectorySource({ dir, cluster: 'east', clusterId: 0 });
    t.after(() => source.close());
    await source.start(() => {});
    await assert.rejects(
      source.start(() => {}),
      { message: `the source of ${dir} was started before` },
    );
  });
});
