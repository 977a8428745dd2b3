import { arch, platform } from 'node:os';
import { VERSION } from '../rpc/version.ts';
import type { Command } from './command.ts';

/** What `--version` prints. */
export function versionLine(): string {
  return `sluice ${VERSION}`;
}

export const versionCommand: Command = {
  name: 'version',
  summary: 'Show the version',
  maxPositionals: 0,
  run: async () => {
    process.stdout.write(
      `${versionLine()} running on Node ${process.versions.node} on ${platform()}/${arch()}\n`,
    );
    return 0;
  },
};
