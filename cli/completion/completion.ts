import type { Command } from '../command.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import { loadSettings } from '../server/load-settings.ts';
import { scripts } from './scripts.ts';

export const completionCommand: Command = {
  name: 'completion',
  summary: 'Print a script that completes commands and flags in a shell',
  details: 'The script asks sluice itself for what fits, so it stays right when sluice changes.',
  positionals: [...scripts.keys()].join('|'),
  examples: `  # bash, in this shell; or put it into a file that ~/.bashrc reads
  source <(sluice completion bash)

  # zsh
  sluice completion zsh > "\${fpath[1]}/_sluice"

  # fish
  sluice completion fish > ~/.config/fish/completions/sluice.fish

  # PowerShell
  sluice completion powershell | Out-String | Invoke-Expression`,
  positionalChoices: [...scripts.keys()],
  maxPositionals: 1,
  run: async ({ uses, positionals: [shell = ''] }) => {
    await loadSettings(uses);
    const script = scripts.get(shell);
    const known = [...scripts.keys()].join(', ');
    if (script === undefined) {
      throw new UsageError(
        shell === '' ? `name a shell: ${known}` : `unknown shell "${shell}": expected one of ${known}`,
      );
    }
    process.stdout.write(script);
    return 0;
  },
};
