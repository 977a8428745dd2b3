import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listenFlags, type ListenSettings, readListenFlags } from '../../../cli/process/listen-flags.ts';
import { parseFlags } from '../../../flags/parse-flags.ts';

const PAGE = join(import.meta.dirname, '../../../build/ui');
const FALLBACK = 'unix:///run/x.sock';

function read(...args: string[]): ListenSettings {
  return readListenFlags(parseFlags(args, listenFlags(FALLBACK)).uses, FALLBACK);
}

describe('readListenFlags()', () => {
  it('serves a Unix socket with the usual limits and no foreign pages when nothing is said', () => {
    assert.deepEqual(read(), {
      listen: [{ kind: 'unix', path: '/run/x.sock' }],
      insecure: false,
      limits: { maxConnections: 1000, maxStreamsPerConnection: 1000 },
      allowedOrigins: [],
      page: { directory: PAGE },
    });
  });

  it('takes everything that is said', () => {
    const settings = read(
      '--listen=:1,/run/y.sock',
      '--insecure',
      '--tls-cert-file=c',
      '--tls-key-file=k',
      '--tls-client-ca-files=a,b',
      '--max-connections=7',
      '--max-streams-per-connection=8',
      '--allow-origin=https://ui.example.org,http://localhost:3000',
      '--ui-token=0123456789abcdef',
    );
    assert.deepEqual(settings, {
      listen: [
        { kind: 'tcp', host: '', port: 1, tls: false },
        { kind: 'unix', path: '/run/y.sock' },
      ],
      insecure: true,
      tls: { certFile: 'c', keyFile: 'k', clientCaFiles: ['a', 'b'] },
      limits: { maxConnections: 7, maxStreamsPerConnection: 8 },
      allowedOrigins: ['https://ui.example.org', 'http://localhost:3000'],
      page: { directory: PAGE, token: '0123456789abcdef' },
    });
  });

  it('serves no page where it is turned off', () => {
    assert.equal(read('--ui=off').page, undefined);
  });

  for (const [args, message] of [
    [['--tls-cert-file=c'], '--tls-cert-file and --tls-key-file go together: one of them is missing'],
    [['--ui=no'], 'invalid value "no" for --ui: expected on or off'],
    [['--ui=off', '--ui-token=0123456789abcdef'], '--ui-token needs --ui on'],
    [
      ['--ui-token=short'],
      'invalid value "short" for --ui-token: expected 16 characters or more, such as openssl rand -hex 16 makes',
    ],
    [['--tls-client-ca-files=a'], '--tls-client-ca-files needs --tls-cert-file and --tls-key-file'],
    [
      ['--max-connections=0'],
      'invalid value "0" for --max-connections: expected a whole number from 1 to 1000000',
    ],
    ...['*', 'ui.example.org', 'https://ui.example.org/', 'null'].map(
      (text) =>
        [
          [`--allow-origin=${text}`],
          `invalid value "${text}" for --allow-origin: expected scheme and host of a page, such as https://ui.example.org`,
        ] as const,
    ),
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(() => read(...args), { name: 'UsageError', message });
    });
  }
});
