import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { enterNetns } from '../../../../agent/kernel/netns.ts';

/** A network namespace of a test's own. */
export class TestNetns {
  readonly name: string;
  readonly path: string;

  /** Makes it, in place of one that a killed run left behind. */
  constructor(name: string) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    if (existsSync(this.path)) this.remove();
    this.run('netns', 'add', name);
    this.ip('link set dev lo up');
  }

  /** Puts this thread into it for good: a test file has a process of its own. */
  enter(): void {
    enterNetns(this.path);
  }

  /** Runs `ip` in it; arguments are split at spaces. */
  ip(...args: readonly string[]): string {
    return this.inside(args.join(' ').split(' '));
  }

  /** Runs many `ip` commands in it, in one process. */
  ipBatch(commands: readonly string[]): void {
    this.inside(['-batch', '-'], `${commands.join('\n')}\n`);
  }

  /** Not `ip -n`, which remounts / on its way and so fails in a chroot. */
  private inside(args: readonly string[], input = ''): string {
    const { status, stdout, stderr } = spawnSync('nsenter', [`--net=${this.path}`, 'ip', ...args], {
      input,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  ifindex(link: string): number {
    return Number(/^(\d+):/.exec(this.ip('link show dev', link))?.[1]);
  }

  remove(): void {
    this.run('netns', 'del', this.name);
  }

  private run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }
}
