import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a user's settings are kept: `$XDG_CONFIG_HOME`, else what the operating system uses. */
export function userConfigDir(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const home = env['HOME'] ?? homedir();
  switch (platform) {
    case 'darwin':
      return join(home, 'Library/Application Support');
    case 'win32':
      return env['AppData'] ?? join(home, 'AppData/Roaming');
    default:
      return env['XDG_CONFIG_HOME'] || join(home, '.config');
  }
}

/** Where a config file is looked for when `--config` is empty, as Hubble does: the first that exists. */
export function fallbackConfigPaths(env: NodeJS.ProcessEnv = process.env): string[] {
  return [
    'config.yaml',
    defaultConfigPath(env),
    hubbleConfigPath(env),
    join(env['HOME'] ?? homedir(), '.hubble/config.yaml'),
  ];
}

/** The config file that is used when none is named. */
export function defaultConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(userConfigDir(env), 'sluice/config.yaml');
}

/** The config file of Hubble's own CLI, which is read for what ours does not say. */
export function hubbleConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(userConfigDir(env), 'hubble/config.yaml');
}
