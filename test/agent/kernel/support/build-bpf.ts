import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Small BPF objects compiled for a test from C text, in a directory of their own. */
export class BpfObjects {
  private readonly dir = mkdtempSync(join(tmpdir(), 'kern-bpf-'));

  /** Compiles `source`, with the usual headers included, and returns the object's path. */
  build(name: string, source: string): string {
    const file = join(this.dir, `${name}.bpf.c`);
    const object = join(this.dir, `${name}.bpf.o`);
    const head = '#include <linux/bpf.h>\n#include <linux/pkt_cls.h>\n#include <bpf/bpf_helpers.h>\n';
    writeFileSync(file, `${head}${source}\nchar LICENSE[] SEC("license") = "GPL";\n`);
    const multiarch = spawnSync('clang', ['-print-multiarch'], { encoding: 'utf8' }).stdout.trim();
    const include = `-I/usr/include/${multiarch === '' ? 'x86_64-linux-gnu' : multiarch}`;
    const args = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g', include, '-c', file, '-o', object];
    const { status, stderr } = spawnSync('clang', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`clang: ${stderr}`);
    return object;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}
