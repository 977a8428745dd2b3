import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { buildFilters } from '../../../flags/observe/build-filters.ts';
import { topPresets } from '../../../cli/top/presets.ts';
import { planTop, usesOf, viewOf } from '../../../cli/top/run-top.ts';
import { topCommand } from '../../../cli/top/top.ts';
import { FakeAgent } from '../../relay/support/fake-agent.ts';
import { lostFrame } from '../../relay/support/flow-bytes.ts';
import { Scratch } from '../../relay/support/scratch.ts';
import { podFrame } from '../../support/build-frames.ts';
import { finished, HOME, runCli, startCli } from '../support/run-cli.ts';

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');
const hasScript = spawnSync('script', ['--version']).status === 0;

describe('the views of sluice top', () => {
  const plan = (word: string | undefined, text = '') => {
    const view = viewOf(word);
    const uses = usesOf(view, parseFlags(text === '' ? [] : text.split(' '), topCommand.flags!).uses);
    return planTop(view, uses, buildFilters(uses), { isTerminal: false, nowMs: 0 });
  };

  for (const { name, keys } of topPresets) {
    it(`has ${name}`, () => {
      assert.deepEqual(plan(name).keyNames, keys);
      assert.equal(plan(name, '--once').isFollowing, false);
    });
  }

  it('filters by what a view is about and by what is asked for', () => {
    const [filter] = plan('drops', '-n shop').flows.whitelist;
    assert.deepEqual([filter.verdict, filter.sourcePod], [[2], ['shop/']]);
    assert.equal(plan('drops').sort.name, 'drops/s');
    assert.equal(plan('drops', '--once').sort.name, 'dropped');
    const names = plan('names').flows.whitelist;
    assert.deepEqual(
      names.map((each) => [each.sourceFqdn, each.destinationFqdn]),
      [
        [['*'], []],
        [[], ['*']],
      ],
    );
  });

  it('takes keys instead, and suggests what was meant', () => {
    assert.deepEqual(plan('workload,verdict').keyNames, ['client-workload', 'server-workload', 'verdict']);
    assert.deepEqual(plan('node').keyNames, ['node']);
    assert.throws(
      () => viewOf('workloadz'),
      /unknown view "workloadz": expected one of workloads, .*Did you mean workloads\?$/s,
    );
    assert.throws(() => plan('node,verdikt'), /invalid value "verdikt" for KEYS.*Did you mean verdict\?$/s);
  });
});

describe('counting on the command line', { concurrency: 2 }, () => {
  const scratch = new Scratch();
  let agent: FakeAgent;
  let foreign: FakeAgent;
  before(async () => {
    agent = scratch.keep(await new FakeAgent({ address: scratch.socket('a'), nodeName: 'n1' }).start());
    foreign = scratch.keep(
      await new FakeAgent({ address: scratch.socket('f'), nodeName: 'n2', isForeign: true }).start(),
    );
    for (const each of [agent, foreign]) {
      each.append(
        podFrame('cart-1', 80, 1, 0),
        podFrame('cart-2', 80, 2, 1),
        lostFrame('n1', 1_772_615_722_120_000_000n, 7),
        podFrame('pay-1', 443, 1, 2),
      );
    }
  });
  after(() => scratch.clear());

  const table = `SERVER PORT  FLOWS  FORWARDED  DROPPED
80               2          1        1
443              1          1        0
`;
  for (const [what, server] of [
    ['a server that counts', 'a'],
    ['a server that only sends flows', 'f'],
  ]) {
    it(`prints a table of ${what}`, async () => {
      const result = await runCli(['observe', '--aggregate-by', 'port', '--server', scratch.socket(server)]);
      const err = `[n1]: 7 events lost (HUBBLE_RING_BUFFER)\n`;
      assert.deepEqual(result, { out: table, err, status: 0 });
    });

    it(`follows ${what} until Ctrl-C`, async () => {
      const args = ['top', 'ports', '-s', '--since', '2026-01-01', '--interval', '100ms', '-o', 'csv'];
      const child = startCli([...args, '--server', scratch.socket(server)]);
      const end = finished(child);
      let text = '';
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk) => {
          text += String(chunk);
          if (text.includes(',443,')) resolve();
        });
      });
      child.kill('SIGINT');
      const { out, err, status } = await end;
      assert.deepEqual([err, status], ['', 0]);
      const [header, ...lines] = out.trimEnd().split('\n');
      assert.match(header, /^time,protocol,server_port,server_workload,flows,/);
      assert.equal(lines.length, 2);
    });
  }

  it(
    'draws on a terminal, and gives it back after q',
    { skip: hasScript ? false : 'needs script(1) of util-linux' },
    async () => {
      const command = `'${process.execPath}' '${MAIN}' top ports --since 2026-01-01 --interval 100ms --server ${scratch.socket('a')}`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: { PATH: process.env['PATH'], HOME, TERM: 'xterm', SHELL: '/bin/sh' },
      });
      let text = '';
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk) => {
          text += String(chunk);
          if (/443 +shop/.test(text)) resolve();
        });
      });
      child.stdin.write('q');
      const [status] = (await once(child, 'close')) as [number];
      assert.equal(status, 0, text);
      const [, screen, after] = text.split(/\u001b\[\?1049[hl]/); // oxlint-disable-line no-control-regex -- what is looked for
      assert.match(screen, /sluice top ports/);
      assert.match(after, /^PROTOCOL +SERVER PORT .*\r\nTCP +80 /);
    },
  );
});
