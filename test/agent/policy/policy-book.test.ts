import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PolicyBook } from '../../../agent/policy/policy-book.ts';
import { PolicySources } from '../../../agent/policy/policy-sources.ts';
import type { ClusterChange } from '../../../cluster/index.ts';
import { parseManifests } from '../../../cluster/manifest/parse-manifests.ts';
import { type Policy, policyKey } from '../../../policy/index.ts';

const KEY = 'CiliumNetworkPolicy/shop/web';

function manifest(ports: readonly number[], more = ''): string {
  const rules = ports.map(
    (port) =>
      `  - fromEndpoints: [{ matchLabels: { app: db } }]\n    toPorts: [{ ports: [{ port: "${port}" }] }]\n`,
  );
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: web, namespace: shop }
spec:
  endpointSelector: { matchLabels: { app: web } }
${more}  ingress:
${rules.join('')}`;
}

/** A directory with one source of state over it. */
class Directory {
  readonly sources = new PolicySources();
  readonly book: PolicyBook;
  private readonly present = new Map<string, Policy>();
  private revision = 0;

  constructor(maxCharacters?: number) {
    this.book = new PolicyBook(this.sources, maxCharacters);
  }

  /** Reads a file anew, and tells what came of it as a source does. */
  write(file: string, text: string, nowMs = 1000): void {
    const { objects, problems, notes } = parseManifests(file, text, this.sources.read);
    const changes: ClusterChange[] = [];
    for (const object of objects) {
      if (!('policy' in object)) continue;
      const policy = object.policy as Policy;
      const old = this.present.get(policyKey(policy));
      if (JSON.stringify(old) === JSON.stringify(policy)) continue;
      this.present.set(policyKey(policy), policy);
      changes.push({ kind: 'policy-upsert', policy });
    }
    changes.push({ kind: 'problems', problems: [...problems, ...notes] });
    this.book.apply(changes, ++this.revision, nowMs);
  }

  remove(key: string, nowMs = 2000): void {
    const policy = this.present.get(key)!;
    this.present.delete(key);
    this.book.apply([{ kind: 'policy-delete', policy }], ++this.revision, nowMs);
  }
}

describe('the book of policies', () => {
  it('has the manifest as it was read, with the lines of each rule', () => {
    const directory = new Directory();
    directory.write('web.yaml', `# head\n---\n${manifest([80, 81])}`);
    const [{ policy }] = directory.book.list(false);
    const source = directory.sources.of(policy);
    assert.equal(source.file, 'web.yaml');
    assert.equal(source.line, 3);
    assert.equal(source.manifest, manifest([80, 81]));
    assert.deepEqual(
      [...source.rules],
      [
        ['spec.ingress[0]', { first: 9, last: 10 }],
        ['spec.ingress[1]', { first: 11, last: 12 }],
      ],
    );
  });

  it('follows comments, which change nothing about a policy', () => {
    const directory = new Directory();
    directory.write('web.yaml', manifest([80]));
    directory.write('web.yaml', `# one line more\n${manifest([80])}`);
    const [{ policy, revision }] = directory.book.list(false);
    assert.equal(revision, 1);
    assert.deepEqual(directory.sources.of(policy).rules.get('spec.ingress[0]'), { first: 8, last: 9 });
    assert.equal(directory.book.history(KEY).revisions.length, 1);
  });

  it('follows a policy to another file', () => {
    const directory = new Directory();
    directory.write('web.yaml', manifest([80]));
    directory.write('web.yaml', '');
    directory.write('all.yaml', `# it is here now\n${manifest([80])}`);
    const [{ policy }] = directory.book.list(false);
    assert.deepEqual([directory.sources.of(policy).file, directory.sources.of(policy).line], ['all.yaml', 2]);
  });

  it('keeps revisions with their time, manifest and what changed', () => {
    const directory = new Directory();
    directory.write('web.yaml', manifest([80, 81]), 1000);
    directory.write('web.yaml', manifest([80, 82, 83]), 2000);
    directory.write('web.yaml', manifest([80], '  enableDefaultDeny: { ingress: false }\n'), 3000);
    directory.remove(KEY, 4000);
    const { revisions, dropped } = directory.book.history(KEY);
    assert.equal(dropped, 0);
    assert.deepEqual(
      revisions.map(({ change, timeMs, changed }) => [change, timeMs, changed]),
      [
        ['deleted', 4000, []],
        ['changed', 3000, ['-ingress[1]', '-ingress[2]', '~default deny']],
        ['changed', 2000, ['~ingress[1]', '+ingress[2]']],
        ['added', 1000, []],
      ],
    );
    assert.equal(revisions[2].manifest, manifest([80, 82, 83]));
    assert.equal(new Set(revisions.slice(1).map(({ digest }) => digest)).size, 3);
    assert.deepEqual(directory.book.list(false), []);
    assert.equal(directory.book.list(true)[0].isRemoved, true);
  });

  it('tells policies that were there at the start from those that came', () => {
    const directory = new Directory();
    directory.write('web.yaml', manifest([80]));
    assert.equal(directory.book.get(KEY)?.wasReadAtStart, true);
    directory.write('web.yaml', manifest([81]));
    assert.equal(directory.book.get(KEY)?.wasReadAtStart, false);
  });

  it('keeps twenty revisions of a policy at most', () => {
    const directory = new Directory();
    for (let port = 1; port <= 30; port++) directory.write('web.yaml', manifest([port]));
    const { revisions, dropped } = directory.book.history(KEY);
    assert.deepEqual([revisions.length, dropped], [20, 10]);
    assert.equal(revisions[0].manifest, manifest([30]));
  });

  it('gives up the oldest revisions of all when manifests are too large together', () => {
    const directory = new Directory(5000);
    const other = (port: number): string => manifest([port]).replace('name: web', 'name: other');
    directory.write('other.yaml', other(1));
    for (let port = 1; port <= 15; port++) directory.write('web.yaml', manifest([port]));
    const { revisions, dropped } = directory.book.history(KEY);
    assert.ok(revisions.length < 12 && dropped > 0 && revisions.length + dropped === 15);
    assert.equal(directory.book.history('CiliumNetworkPolicy/shop/other').dropped, 1);
    // The policy itself is there all the same.
    assert.equal(directory.book.list(false).length, 2);
  });

  it('lists what is wrong with a manifest until it is mended', () => {
    const directory = new Directory();
    directory.write('web.yaml', manifest([80], '  egress: [{ toFQDNs: [{ matchName: a.example }] }]\n'));
    const [remark] = directory.book.remarks;
    assert.deepEqual(
      [remark.object, remark.field, remark.line, remark.isNote],
      ['CiliumNetworkPolicy "shop/web"', 'spec.egress[0].toFQDNs', 6, false],
    );
    directory.write('web.yaml', manifest([80]));
    assert.deepEqual(directory.book.remarks, []);
  });

  it('keeps manifests up to a bound, and lines beyond it', () => {
    const sources = new PolicySources(10);
    const { objects } = parseManifests('web.yaml', manifest([80]), sources.read);
    const [object] = objects;
    assert.ok('policy' in object);
    const source = sources.of(object.policy as Policy);
    assert.deepEqual([source.manifest, source.rules.size], [null, 1]);
  });
});
