import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory for a test's sockets, and what has to be undone at its end, last first. */
export class Scratch {
  private readonly dir = mkdtempSync(join(tmpdir(), 'sluice-relay-'));
  private readonly undo: (() => unknown)[] = [];

  /** Address of a Unix socket of this name. */
  socket(name: string): string {
    return `unix://${this.dir}/${name}.sock`;
  }

  /** Has something stopped or closed at the end, and returns it. */
  keep<T extends { stop(): unknown } | { close(): unknown }>(thing: T): T {
    this.undo.push(() => ('stop' in thing ? thing.stop() : thing.close()));
    return thing;
  }

  async clear(): Promise<void> {
    for (const step of this.undo.reverse()) await step();
    rmSync(this.dir, { recursive: true });
  }
}
