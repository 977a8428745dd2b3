import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { claimIdentity } from '../../../cluster/directory/claim-identity.ts';
import { readManifestFile } from '../../../cluster/directory/read-file.ts';
import { firstCandidate, identityRange } from '../../../cluster/identity-registry.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CLUSTER = 3;
const claim = (dir: string, labels: readonly string[]): number =>
  claimIdentity(dir, CLUSTER, labels, () => false);

/** Label sets whose search begins at the same number. */
function collidingSets(count: number): string[][] {
  const byCandidate = new Map<number, string[][]>();
  for (let i = 0; ; i++) {
    const labels = [`k8s:app=a${i}`];
    const candidate = firstCandidate(labels, CLUSTER);
    const sets = byCandidate.get(candidate) ?? [];
    sets.push(labels);
    if (sets.length === count) return sets;
    byCandidate.set(candidate, sets);
  }
}

describe('claimIdentity()', () => {
  it("gives a label set one number in the cluster's range and finds it again", (t) => {
    const dir = temporaryDirectory(t);
    const identity = claim(dir, ['k8s:app=search']);
    const { first, last } = identityRange(CLUSTER);
    assert.ok(identity >= first && identity <= last);
    assert.equal(identity >> 16, CLUSTER);
    assert.equal(claim(dir, ['k8s:app=search']), identity);
    assert.notEqual(claim(dir, ['k8s:app=fares']), identity);
    const [written] = readManifestFile(join(dir, 'identities', `${identity}.yaml`))?.objects ?? [];
    assert.deepEqual(written, {
      kind: 'CiliumIdentity',
      namespace: '',
      name: String(identity),
      identity,
      labels: ['k8s:app=search'],
    });
  });

  it('goes on to the next number where another label set, or a file nobody can read, stands', (t) => {
    const dir = temporaryDirectory(t);
    const [a, b, c] = collidingSets(3);
    const first = claim(dir, a);
    assert.equal(claim(dir, b), first + 1);
    writeFileSync(join(dir, 'identities', `${first + 2}.yaml`), 'a: [');
    assert.equal(claim(dir, c), first + 3);
  });

  it('has several processes agree on every number, also when label sets collide', async (t) => {
    const dir = temporaryDirectory(t);
    const sets = [...collidingSets(4), ...Array.from({ length: 60 }, (_, i) => [`k8s:app=b${i}`, 'k8s:x=y'])];
    const child = join(import.meta.dirname, '../support/claim-child.ts');
    const orders = [0, 1, 2, 3, 4].map((shift) => [...sets.slice(shift), ...sets.slice(0, shift)]);
    const outputs = await Promise.all(
      orders.map((order) => promisify(execFile)(process.execPath, [child, dir, JSON.stringify(order)])),
    );
    const answers = outputs.map(({ stdout }, k) => {
      const numbers = JSON.parse(stdout) as number[];
      return Object.fromEntries(orders[k].map((labels, i) => [labels.join(), numbers[i]]));
    });
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.equal(new Set(Object.values(answers[0])).size, sets.length);
    const left = readdirSync(join(dir, 'identities'));
    assert.deepEqual(
      left.sort(),
      Object.values(answers[0])
        .map((identity) => `${identity}.yaml`)
        .sort(),
    );
  });

  it('says so when all numbers are given out', (t) => {
    const dir = temporaryDirectory(t);
    assert.throws(() => claimIdentity(dir, CLUSTER, ['k8s:a=b'], () => true), {
      message: 'all 65280 identities of cluster 3 are given out',
    });
  });
});
