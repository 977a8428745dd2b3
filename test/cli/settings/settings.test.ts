import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { observeCommand } from '../../../cli/observe/observe.ts';
import { checkServerSettings } from '../../../cli/server/client-tls.ts';
import { fallbackConfigPaths, userConfigDir } from '../../../cli/settings/config-path.ts';
import { serverFlags } from '../../../flags/server-flags.ts';
import { Settings, variableNames } from '../../../cli/settings/settings.ts';

describe('Settings', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const specs = [...observeCommand.flags!, ...serverFlags];
  const load = (line = '', env: Readonly<Record<string, string>> = {}): Promise<Settings> =>
    Settings.load(parseFlags(line === '' ? [] : line.split(' '), specs).uses, { HOME: home, ...env });
  const write = (path: string, text: string): string => {
    const file = join(home, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  it('take a flag, else our variable, else that of Hubble, else our file, else that of Hubble, else the default', async () => {
    const server = async (line: string, env: Readonly<Record<string, string>>): Promise<string | undefined> =>
      (await load(line, env)).text('server');
    const both = { SLUICE_SERVER: 'ours', HUBBLE_SERVER: 'theirs' };
    assert.equal(await server('', {}), 'localhost:4245');
    write('.config/hubble/config.yaml', 'server: their-file\n');
    assert.equal(await server('', {}), 'their-file');
    write('.config/sluice/config.yaml', 'server: our-file\n');
    assert.equal(await server('', {}), 'our-file');
    assert.equal(await server('', { HUBBLE_SERVER: 'theirs' }), 'theirs');
    assert.equal(await server('', both), 'ours');
    assert.equal(await server('--server flag', both), 'flag');
    assert.equal(await server('--server a --server b', both), 'b');
  });

  it('name their variables after the flag', () => {
    assert.deepEqual(variableNames('tls-server-name'), ['SLUICE_TLS_SERVER_NAME', 'HUBBLE_TLS_SERVER_NAME']);
  });

  it('count an empty variable as none', async () => {
    assert.equal((await load('', { SLUICE_SERVER: '', HUBBLE_SERVER: 'x' })).text('server'), 'x');
  });

  it('cut lists at white space in the environment, at commas in flags, and never merge sources', async () => {
    write('.config/sluice/config.yaml', 'tls-ca-cert-files: [f, g]\nallowlist: ["{}"]\n');
    const files = (settings: Settings): readonly string[] => settings.list('tls-ca-cert-files');
    assert.deepEqual(files(await load()), ['f', 'g']);
    assert.deepEqual(files(await load('', { HUBBLE_TLS_CA_CERT_FILES: ' a  b ' })), ['a', 'b']);
    assert.deepEqual(files(await load('--tls-ca-cert-files a,b --tls-ca-cert-files c')), ['a', 'b', 'c']);
    assert.deepEqual((await load()).list('allowlist'), ['{}']);
    assert.deepEqual((await load('', { HUBBLE_ALLOWLIST: '{"a":1} {}' })).list('allowlist'), [
      '{"a":1}',
      '{}',
    ]);
    assert.deepEqual((await load('--allowlist [1,2]', { HUBBLE_ALLOWLIST: '{}' })).list('allowlist'), [
      '[1,2]',
    ]);
  });

  it('do not read filters and formats from anywhere but the command line', async () => {
    const settings = await load('', { HUBBLE_OUTPUT: 'json', HUBBLE_LAST: '5' });
    assert.deepEqual(settings.extraLists(), {});
  });

  it('read another file when one is named, and then not that of Hubble', async () => {
    write('.config/hubble/config.yaml', 'timeout: 1s\nserver: theirs\n');
    const file = write('other.yaml', 'SERVER: other\n');
    const settings = await load(`--config ${file}`);
    assert.equal(settings.text('server'), 'other');
    assert.equal(settings.durationMs('timeout'), 5000);
    assert.equal((await load('', { HUBBLE_CONFIG: file })).text('server'), 'other');
  });

  it("look in Hubble's places when --config is empty", async () => {
    write('.hubble/config.yaml', 'server: last-resort\n');
    assert.equal((await load('--config=')).text('server'), 'last-resort');
    write('.config/hubble/config.yaml', 'server: theirs\n');
    assert.equal((await load('--config=')).text('server'), 'theirs');
    assert.deepEqual(fallbackConfigPaths({ HOME: '/h' }), [
      'config.yaml',
      '/h/.config/sluice/config.yaml',
      '/h/.config/hubble/config.yaml',
      '/h/.hubble/config.yaml',
    ]);
  });

  it('pass over a file that is missing, broken, no map, or far too large', async () => {
    for (const text of ['server: [', '- a\n', '5', `x: ${'y'.repeat(2_000_000)}\nserver: z`]) {
      const file = write('broken.yaml', text);
      assert.equal((await load(`--config ${file}`)).text('server'), 'localhost:4245');
    }
    assert.equal((await load('--config /nowhere/at/all')).text('server'), 'localhost:4245');
  });

  it('say where a value stands that is none', async () => {
    await assert.rejects(
      async () => (await load('', { HUBBLE_TLS: 'maybe' })).bool('tls'),
      /invalid value "maybe" for HUBBLE_TLS: expected true or false/,
    );
    const file = write('bad.yaml', 'request-timeout: soon\n');
    const settings = await load(`--config ${file}`);
    assert.throws(
      () => settings.durationMs('request-timeout'),
      /for request-timeout in .*bad\.yaml: expected/,
    );
  });

  it('know where each operating system keeps them', () => {
    assert.equal(userConfigDir({ HOME: '/h' }, 'linux'), '/h/.config');
    assert.equal(userConfigDir({ HOME: '/h', XDG_CONFIG_HOME: '/x' }, 'linux'), '/x');
    assert.equal(userConfigDir({ HOME: '/h' }, 'darwin'), '/h/Library/Application Support');
    assert.equal(userConfigDir({ HOME: '/h', AppData: '/a' }, 'win32'), '/a');
  });

  const refused: Readonly<Record<string, RegExp>> = {
    '--tls-client-cert-file a --tls': /--tls-client-key-file is missing/,
    '--tls-client-key-file a --tls': /--tls-client-cert-file is missing/,
    '--tls-client-cert-file a --tls-client-key-file b': /a client certificate needs TLS/,
    '--basic-auth-username a --tls': /--basic-auth-password is missing/,
    '--basic-auth-password a --tls': /--basic-auth-username is missing/,
  };
  for (const [line, message] of Object.entries(refused)) {
    it(`refuse ${line}`, async () => {
      const settings = await load(line);
      assert.throws(() => checkServerSettings(settings), message);
    });
  }
  for (const line of [
    '--tls-client-cert-file a --tls-client-key-file b --tls',
    '--tls-client-cert-file a --tls-client-key-file b --server tls://x:1',
    '--basic-auth-username a --basic-auth-password b --tls',
  ]) {
    it(`accept ${line}`, async () => {
      const settings = await load(line);
      assert.doesNotThrow(() => checkServerSettings(settings));
    });
  }
});
