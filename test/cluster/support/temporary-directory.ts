import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** An empty directory that is gone when the test is over. */
export function temporaryDirectory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
