import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commands } from '../../../cli/commands.ts';
import { complete } from '../../../cli/completion/complete.ts';
import { scripts } from '../../../cli/completion/scripts.ts';

/** Values offered for a command line; its last word is the one under the cursor. */
const offered = async (...words: string[]): Promise<string[]> =>
  (await complete(words, commands)).map(({ value }) => value);

describe('complete()', () => {
  const lines: readonly (readonly [words: string[], candidates: string[]])[] = [
    [['obs'], ['observe']],
    [['watch', ''], ['peers']],
    [['observe', 'fl'], ['flows']],
    [['observe', '--verdict', 'FOR'], ['FORWARDED']],
    [
      ['observe', '--verdict', ''],
      ['FORWARDED', 'DROPPED', 'AUDIT', 'REDIRECTED', 'ERROR', 'TRACED', 'TRANSLATED'],
    ],
    [['observe', '--verdict=DR'], ['--verdict=DROPPED']],
    [['observe', '-ft', 'trace:to-n'], ['trace:to-network']],
    [
      ['observe', '--ip-version', 'v'],
      ['v4', 'v6'],
    ],
    [['observe', '--http-status', '40'], ['404']],
    [
      ['observe', '--http-method', 'P'],
      ['POST', 'PUT', 'PATCH'],
    ],
    [
      ['observe', '--traffic-direction', ''],
      ['ingress', 'egress'],
    ],
    [
      ['observe', '--from-identity', 'world-'],
      ['world-ipv4', 'world-ipv6'],
    ],
    [
      ['observe', '--color', ''],
      ['auto', 'always', 'never'],
    ],
    [['observe', '--time-format', 'RFC1'], ['RFC1123Z']],
    [
      ['observe', '-o', 'j'],
      ['json', 'jsonpb'],
    ],
    [
      ['observe', '--protocol', 'icmp'],
      ['icmp', 'icmpv4', 'icmpv6'],
    ],
    [['observe', '--drop-reason-desc', ''], []],
    [
      ['observe', '--pod', 'x', '--from-po'],
      ['--from-pod', '--from-port'],
    ],
    [
      ['status', '--tls-c'],
      ['--tls-ca-cert-files', '--tls-client-cert-file', '--tls-client-key-file'],
    ],
    [['--server', 'x', 'stat'], ['status']],
    [['status', '-o', 'd'], ['dict']],
    [
      ['config', 'set', 'port-forward'],
      ['port-forward', 'port-forward-port'],
    ],
    [['config', 'set', 'server', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [
      ['completion', '""'],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [['help', 'obs'], ['observe']],
    [['observe', '--', ''], []],
    [['nonsense', '--ser'], ['--server']],
  ];
  for (const [words, candidates] of lines) {
    it(`offers ${candidates.join(' ') || 'nothing'} for sluice ${words.join(' ')}`, async () => {
      assert.deepEqual(await offered(...words), candidates);
    });
  }

  it('offers every command that is not hidden, and every flag of one', async () => {
    const all = await offered('');
    assert.ok(all.includes('observe') && all.includes('agent') && !all.includes('reflect'));
    const flags = await offered('observe', '--');
    for (const flag of ['--not', '--last', '--server', '--help', '--csv']) {
      assert.equal(flags.includes(flag), flag !== '--csv', flag);
    }
  });
});

describe('the completion script', () => {
  let directory: string;
  let sluice: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-completion-'));
    sluice = join(directory, 'sluice');
    const main = join(import.meta.dirname, '../../../cli/main.ts');
    writeFileSync(sluice, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    chmodSync(sluice, 0o755);
    for (const [shell, script] of scripts) writeFileSync(join(directory, shell), script);
  });
  after(() => rmSync(directory, { recursive: true }));

  /** What bash offers when the words of a command line are these; it takes words apart at = and :. */
  function bash(...words: string[]): string[] {
    const quoted = [sluice, ...words].map((word) => `'${word}'`).join(' ');
    const text = `source '${directory}/bash'; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', text], { encoding: 'utf8' });
    assert.deepEqual([stderr, status], ['', 0]);
    return stdout.split('\n').filter((line) => line !== '');
  }

  it('completes commands, flags and values in bash', () => {
    assert.deepEqual(bash('obs'), ['observe']);
    assert.deepEqual(bash('observe', '--verdict', 'DR'), ['DROPPED']);
    assert.deepEqual(bash('observe', '--verdict', '=', 'DR'), ['DROPPED']);
    assert.deepEqual(bash('observe', '--to-nam'), ['--to-namespace']);
    assert.deepEqual(bash('observe', '--server', 'x', ''), ['flows', 'agent-events', 'debug-events']);
    assert.deepEqual(bash('nonsense', ''), []);
  });

  it('registers itself for sluice in bash', () => {
    const { stdout } = spawnSync('bash', ['-c', `source '${directory}/bash'; complete -p sluice`], {
      encoding: 'utf8',
    });
    assert.equal(stdout, 'complete -o default -F _sluice sluice\n');
  });

  for (const [shell, args] of [
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ] as const) {
    it(`is ${shell}`, (context) => {
      const { error, status, stderr } = spawnSync(shell, [...args, join(directory, shell)], {
        encoding: 'utf8',
      });
      if (error !== undefined) return context.skip(`${shell} is not installed`);
      assert.deepEqual([stderr, status], ['', 0]);
    });
  }
});
