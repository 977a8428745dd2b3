import { logLine } from '../../rpc/log.ts';

/** The version of Hubble's API that this program knows. */
const KNOWN = { major: 1, minor: 20 };

/** A log line when a server speaks a newer version of the API; servers that do not tell theirs are trusted. */
export function versionWarning(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  for (const name of ['hubble-relay-version', 'hubble-server-version']) {
    const version = /^v?(\d+)\.(\d+)/.exec(String(headers[name] ?? ''));
    if (version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > KNOWN.major || (major === KNOWN.major && minor > KNOWN.minor)) {
      return logLine('warn', 'the server is newer than this program: what is new in it is not shown', {
        [name]: String(headers[name]),
        known: `${KNOWN.major}.${KNOWN.minor}`,
      });
    }
  }
  return undefined;
}
