import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../../flags/parse-flags.ts';
import { observeCommand } from '../../cli/observe/observe.ts';
import { serverFlags } from '../../flags/server-flags.ts';

const specs = [...observeCommand.flags!, ...serverFlags];
/** Flags as `name=text`, then positionals. */
function parsed(...args: string[]): string[] {
  const { uses, positionals } = parseFlags(args, specs);
  return [...uses.map(({ spec, text }) => `${spec.name}=${text}`), ...positionals];
}

describe('parseFlags()', () => {
  const lines: readonly (readonly [args: string[], expected: string[]])[] = [
    [['--pod', 'a'], ['pod=a']],
    [['--pod=a'], ['pod=a']],
    [['--pod=a=b'], ['pod=a=b']],
    [['--pod', ''], ['pod=']],
    [['--pod='], ['pod=']],
    [['--identity', '-1'], ['identity=-1']],
    [['--pod', '--follow'], ['pod=--follow']],
    [['-n', 'a'], ['namespace=a']],
    [['-na'], ['namespace=a']],
    [['-n=a'], ['namespace=a']],
    [['-4A'], ['ipv4=true', 'all-namespaces=true']],
    [
      ['-4fn', 'a'],
      ['ipv4=true', 'follow=true', 'namespace=a'],
    ],
    [['-4fna'], ['ipv4=true', 'follow=true', 'namespace=a']],
    [
      ['--not', 'false'],
      ['not=true', 'false'],
    ],
    [['--not=false'], ['not=false']],
    [['-A=x'], ['all-namespaces=x']],
    [
      ['--follow', 'false'],
      ['follow=true', 'false'],
    ],
    [['--follow=false'], ['follow=false']],
    [
      ['x', '-f', 'y'],
      ['follow=true', 'x', 'y'],
    ],
    [
      ['-f', '--', '--pod', '-n'],
      ['follow=true', '--pod', '-n'],
    ],
    [['-'], ['-']],
    [
      ['--port', '1', '--port', '2'],
      ['port=1', 'port=2'],
    ],
    [
      ['-D', '--server', 'a'],
      ['debug=true', 'server=a'],
    ],
  ];
  for (const [args, expected] of lines) {
    it(`reads ${args.join(' ')}`, () => assert.deepEqual(parsed(...args), expected));
  }

  for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False']) {
    it(`takes ${text} for a boolean`, () => assert.deepEqual(parsed(`--follow=${text}`), [`follow=${text}`]));
  }

  for (const text of ['0', '5', '0x1F', '0o17', '0b101', '010', '1_000', '18446744073709551615']) {
    it(`takes ${text} for a count`, () => assert.deepEqual(parsed('--last', text), [`last=${text}`]));
  }

  const mistakes: Readonly<Record<string, string>> = {
    '--pods a': 'unknown flag: --pods\nDid you mean --pod?',
    '--foll': 'unknown flag: --foll\nDid you mean --follow?',
    '--xyzzyxyzzy': 'unknown flag: --xyzzyxyzzy',
    '-x': 'unknown flag: -x',
    '-4x': 'unknown flag: -x in -4x',
    '-verdict x': 'unknown flag: -v in -verdict\nDid you mean --verdict?',
    '--pod': 'flag --pod needs a value: [NAMESPACE/]PREFIX',
    '-n': 'flag -n, --namespace needs a value: NAME',
    '--follow=yes': 'invalid value "yes" for --follow: expected true or false',
    '--follow=': 'invalid value "" for --follow: expected true or false',
    '--last -1': 'invalid value "-1" for --last: expected a whole number from 0 to 18446744073709551615',
    '--last 18446744073709551616':
      'invalid value "18446744073709551616" for --last: expected a whole number from 0 to 18446744073709551615',
    '--first 1.5': 'invalid value "1.5" for --first: expected a whole number from 0 to 18446744073709551615',
    '--last 08': 'invalid value "08" for --last: expected a whole number from 0 to 18446744073709551615',
    '--timeout 5': 'invalid value "5" for --timeout: expected a duration such as 30s, 5m or 1h30m',
    '--port-forward-port 65536':
      'invalid value "65536" for --port-forward-port: expected a whole number from 0 to 65535',
  };
  for (const [line, message] of Object.entries(mistakes)) {
    it(`refuses ${line}`, () => {
      assert.throws(() => parsed(...line.split(' ')), { name: 'UsageError', message });
    });
  }
});
