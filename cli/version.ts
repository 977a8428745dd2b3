import { arch, platform } from 'node:os';
import { VERSION } from '../rpc/version.ts';
import type { Command } from './command.ts';
import { loadSettings } from './server/load-settings.ts';

/** CPU architectures as Go calls them. */
const goArchitectures: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
]);

/** What `--version` prints. */
export function versionLine(): string {
  return `sluice ${VERSION}`;
}

export const versionCommand: Command = {
  name: 'version',
  summary: 'Show the version',
  details:
    'In one line: the version, what runs it, and the machine. sluice --version shows the version alone.',
  examples: '  sluice version\n  sluice --version',
  maxPositionals: 0,
  run: async ({ uses }) => {
    // Hubble's checks them before every command but config.
    await loadSettings(uses);
    // Hubble's form, which programs take apart.
    const cpu = goArchitectures.get(arch()) ?? arch();
    process.stdout.write(
      `${versionLine()} compiled with node${process.versions.node} on ${platform()}/${cpu}\n`,
    );
    return 0;
  },
};
