import type { FlagUse } from '../../flags/flag-spec.ts';
import { Settings } from '../settings/settings.ts';
import { checkServerSettings } from './client-tls.ts';

/** The settings of a command, checked. Throws UsageError. */
export async function loadSettings(uses: readonly FlagUse[]): Promise<Settings> {
  const settings = await Settings.load(uses);
  checkServerSettings(settings);
  return settings;
}
