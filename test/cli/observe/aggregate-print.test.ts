import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFlags } from '../../../flags/parse-flags.ts';
import { LiveTable, type Screen } from '../../../cli/observe/aggregate-live.ts';
import { planObserve } from '../../../cli/observe/aggregate-observe.ts';
import type { AggregatePlan } from '../../../cli/observe/aggregate-plan.ts';
import { RowPrinter } from '../../../cli/observe/aggregate-printer.ts';
import { buildFilters } from '../../../flags/observe/build-filters.ts';
import { observeCommand } from '../../../cli/observe/observe.ts';
import type { NodeState } from '../../../proto/gen/relay/relay_pb.ts';
import { answerMessage, message, type SampleRow } from '../../support/row-messages.ts';

const NOW_MS = Date.parse('2026-03-04T09:15:22.5Z');

function plan(text: string, isTerminal = false): AggregatePlan {
  const { uses } = parseFlags(text.split(' '), observeCommand.flags!);
  return planObserve(uses, buildFilters(uses), { isTerminal, nowMs: NOW_MS });
}

function print(text: string, ...messages: readonly Uint8Array[]): { out: string; err: string } {
  const printer = new RowPrinter(plan(text), () => NOW_MS);
  const printed = messages.map(printer.print);
  return {
    out: printed.map(({ out }) => out).join('') + printer.end(),
    err: printed.map(({ err }) => err).join(''),
  };
}

const rows: readonly SampleRow[] = [
  [['shop/pay', '443'], 3],
  [['shop/cart', '8080'], 1204, 4],
  [['', '53'], 1000],
];
const KEYS = '--aggregate-by source-workload,server-port';

describe('rows without a screen', () => {
  it('are one table at the end, largest first', () => {
    assert.deepEqual(print(KEYS, answerMessage(rows)), {
      out: `SOURCE WORKLOAD  SERVER PORT  FLOWS  FORWARDED  DROPPED
shop/cart        8080         1,204      1,200        4
-                53           1,000      1,000        0
shop/pay         443              3          3        0
`,
      err: '',
    });
  });

  it('sum up what --top and the server leave out, and tell what may be missing', () => {
    const { out } = print(`${KEYS} --top 1`, answerMessage(rows, { others: 7, missing: 2 }));
    assert.equal(
      out,
      `SOURCE WORKLOAD  SERVER PORT  FLOWS  FORWARDED  DROPPED
shop/cart        8080         1,204      1,200        4
(2 more)                      1,010      1,010        0
There are more groups than are kept: a row may lack up to 2 flows.
`,
    );
  });

  it('of time stand in its order, by minutes or by what else is asked for', () => {
    const { request, sort } = plan('--aggregate-by time,verdict');
    assert.equal(sort.name, 'time');
    assert.deepEqual(
      request.keys.map(({ bucketMs }) => bucketMs),
      [0, 0],
    );
    const tens = plan('--aggregate-by verdict,time --aggregate-bucket 10s --sort-by dropped');
    assert.equal(tens.sort.name, 'dropped');
    assert.deepEqual(
      tens.request.keys.map(({ bucketMs }) => bucketMs),
      [0, 10_000],
    );
    assert.equal(plan('-f --aggregate-by time').sort.name, 'flows');
    assert.throws(() => plan('--aggregate-by verdict --aggregate-bucket 10s'), /needs the key "time"/);
    assert.throws(() => plan('--aggregate-by time --aggregate-bucket 25h'), /from 100ms to 24h/);
  });

  it('are sorted by a key in its own order: numbers by value', () => {
    const { out } = print(`${KEYS} --sort-by server-port`, answerMessage(rows));
    assert.deepEqual(
      out.split('\n').map((line) => line.split(/ +/)[1]),
      ['WORKLOAD', '53', '443', '8080', undefined],
    );
  });

  it('are added up over answers, and show the rates of the last', () => {
    const first = answerMessage(rows);
    const second = answerMessage([[['shop/pay', '443'], 30, 10]], { seconds: 2 });
    const { out } = print(`-f ${KEYS} --sort-by flows/s --top 2`, first, second);
    const [, table] = out.split('\n\n');
    assert.equal(
      table,
      `Mar  4 09:15:22.500: 15.0 flows/s, 5.0 drops/s
SOURCE WORKLOAD  SERVER PORT  FLOWS  FORWARDED  DROPPED  FLOWS/S  DROPS/S
shop/pay         443             33         23       10     15.0      5.0
shop/cart        8080         1,204      1,200        4        0        0
(1 more)                      1,000      1,000        0
`,
    );
  });

  it('are JSON and CSV for programs', () => {
    const quoted: readonly SampleRow[] = [[['a "b", c'], 3, 1]];
    assert.equal(
      print('--aggregate-by http-url -o json', answerMessage(quoted, { others: 2 })).out,
      `{"http_url":"a \\"b\\", c","flows":3,"forwarded":2,"dropped":1,"audited":0,"errors":0,"redirected":0,"first_seen":"2026-03-04T09:15:22.000000Z","last_seen":"2026-03-04T09:15:22.000003Z"}
{"others":true,"rows":0,"flows":2,"forwarded":2,"dropped":0,"audited":0,"errors":0,"redirected":0}
`,
    );
    assert.equal(
      print('--aggregate-by http-url -o csv', answerMessage(quoted)).out,
      `http_url,flows,forwarded,dropped,audited,errors,redirected,first_seen,last_seen
"a ""b"", c",3,2,1,0,0,0,2026-03-04T09:15:22.000000Z,2026-03-04T09:15:22.000003Z
`,
    );
  });

  it('are those of each interval for programs that follow, with one header', () => {
    const { out } = print(
      '-f --aggregate-by verdict -o csv',
      answerMessage([[['DROPPED'], 4, 4]], { seconds: 2 }),
      answerMessage([]),
      answerMessage([[['FORWARDED'], 1]]),
    );
    assert.deepEqual(
      out.split('\n').map((line) => line.split(',').slice(0, 4).concat(line.split(',').slice(8, 10))),
      [
        ['time', 'verdict', 'flows', 'forwarded', 'flows_per_second', 'drops_per_second'],
        ['2026-03-04T09:15:22.500Z', 'DROPPED', '4', '0', '2', '2'],
        ['2026-03-04T09:15:22.500Z', 'FORWARDED', '1', '1', '1', '0'],
        [''],
      ],
    );
  });

  it('tell losses and nodes in trouble on stderr, and make names safe for a terminal', () => {
    const { out, err } = print(
      '--aggregate-by http-url',
      message({ case: 'nodeStatus', value: { stateChange: 1, nodeNames: ['n1'] } }),
      message({ case: 'nodeStatus', value: { stateChange: 2, nodeNames: ['n2'] } }),
      message({ case: 'lostEvents', value: { source: 3, numEventsLost: 9n } }),
      answerMessage([[['\u001b[2J\n'], 1]]),
    );
    assert.equal(err, '[relay]: 1 node unavailable: n2\n[relay]: 9 events lost (HUBBLE_RING_BUFFER)\n');
    assert.equal(out.split('\n')[1].split('  ')[0], '^[[2J\\x0a');
  });
});

/** A screen that keeps what is on it, as lines without attributes; the title that is turned around in brackets. */
class FakeScreen implements Screen {
  columns = 60;
  rows = 8;
  raw = '';
  write(text: string): void {
    this.raw += text;
  }
  get lines(): string[] {
    const frame = this.raw.slice(this.raw.lastIndexOf('\u001b[H'));
    return frame
      .replace(/\u001b\[7m(.*?)\u001b\[0m/g, '[$1]') // oxlint-disable-line no-control-regex -- attributes begin so
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '') // oxlint-disable-line no-control-regex -- as above
      .split('\r\n');
  }
}

describe('LiveTable', () => {
  const open = (text = `-f ${KEYS}`) => {
    const screen = new FakeScreen();
    let quits = 0;
    const table = new LiveTable(
      plan(text, true),
      screen,
      () => quits++,
      () => NOW_MS,
    );
    table.start();
    const send = (...args: Parameters<typeof answerMessage>) =>
      screen.write(table.print(answerMessage(...args)).out);
    return { screen, table, send, quits: () => quits };
  };

  it('draws what fits, and sums up the rest', () => {
    const { screen, send } = open();
    send([...rows, [['shop/more', '1'], 2], [['shop/less', '2'], 1]]);
    assert.deepEqual(screen.lines, [
      'sluice observe   Mar  4 09:15:22.500   2,210 flows/s   4.0 d',
      '',
      'SOURCE WORK…  SERVER PORT  [FLOWS]  FORWARDED  DROPPED  FLOWS/',
      'shop/cart     8080         1,204      1,200        4    1,20',
      '-             53           1,000      1,000        0    1,00',
      'shop/pay      443              3          3        0      3.',
      '(2 more)                       3          3        0',
      'q quit   ←/→ sort   r reverse   f flows/s   d drops/s   spac',
    ]);
    assert.ok(screen.raw.startsWith('\u001b[?1049h'));
  });

  it('sorts by what the keys say', () => {
    const { screen, table, send } = open();
    screen.columns = 120;
    send(rows);
    const order = (): string[] => screen.lines.slice(3, 6).map((line) => line.split(/ +/)[1]);
    const sorted = (): string | undefined => /\[(.*)\]/.exec(screen.lines[2])?.[1];
    assert.deepEqual([sorted(), order()], ['FLOWS', ['8080', '53', '443']]);
    table.type('\u001b[D');
    assert.deepEqual([sorted(), order()], ['SERVER PORT', ['53', '443', '8080']]);
    table.type('r');
    assert.deepEqual([sorted(), order()], ['SERVER PORT', ['8080', '443', '53']]);
    table.type('rd');
    assert.deepEqual([sorted(), order()], ['DROPS/S', ['8080', '53', '443']]);
    table.type('\u001b[C');
    assert.equal(sorted(), 'SOURCE WORKLOAD', 'goes round');
  });

  it('pauses, clears, and draws again in another size', () => {
    const { screen, table, send } = open('-f --aggregate-by verdict');
    send([[['FORWARDED'], 5]]);
    table.type(' ');
    send([[['FORWARDED'], 5]]);
    assert.match(screen.lines[3], /^FORWARDED +5 /);
    table.type(' ');
    assert.match(screen.lines[3], /^FORWARDED +10 /);
    table.type('c');
    assert.equal(screen.lines[3], '');
    screen.rows = 5;
    table.redraw();
    assert.equal(screen.lines.length, 5);
  });

  it('keeps the rates of the last answer while the server only shows that it is at work', () => {
    const { screen, table, send } = open('-f --aggregate-by verdict');
    screen.columns = 100;
    send([[['FORWARDED'], 5]]);
    screen.write(table.print(message({ case: 'rows', value: { isUnfinished: true } })).out);
    table.type('x');
    assert.match(screen.lines[3], /^FORWARDED +5 +5 +0 +5\.0 /);
  });

  it('says which nodes are in trouble for as long as they are', () => {
    const { screen, table } = open();
    const tell = (stateChange: NodeState) =>
      screen.write(
        table.print(message({ case: 'nodeStatus', value: { stateChange, nodeNames: ['n2'] } })).out,
      );
    tell(2);
    assert.equal(screen.lines[1], 'n2: unavailable');
    tell(1);
    assert.equal(screen.lines[1], '');
  });

  it('ends with q and Ctrl-C, and leaves its rows on the normal screen', () => {
    const { table, send, quits } = open('-f --aggregate-by verdict');
    send([[['FORWARDED'], 5]]);
    table.type('q');
    table.type('\u0003');
    assert.equal(quits(), 2);
    const [sequence, text] = table.end().split('1049l');
    assert.equal(sequence, '\u001b[?25h\u001b[?');
    assert.match(text, /^VERDICT +FLOWS .*\nFORWARDED +5 /);
  });
});

describe('a plan', () => {
  it('counts everything that is kept, unless told what', () => {
    assert.equal(plan('--aggregate-by verdict').flows.number, 2n ** 64n - 1n);
    assert.equal(plan('--aggregate-by verdict --last 5').flows.number, 5n);
    assert.equal(plan('--aggregate-by verdict -f').flows.number, 0n);
    assert.deepEqual(plan('--aggregate-by verdict --verdict DROPPED').flows.whitelist[0].verdict, [2]);
  });

  it('knows words that stand for both ends, and underscores', () => {
    assert.deepEqual(plan('--aggregate-by workload,port').keyNames, [
      'client-workload',
      'server-workload',
      'server-port',
    ]);
    assert.deepEqual(plan('--aggregate-by Source_Pod --aggregate-by source-pod').keyNames, ['source-pod']);
  });

  it('asks the server to keep what is sorted by', () => {
    const { request } = plan('-f --aggregate-by verdict --sort-by drops/s --interval 250ms');
    assert.deepEqual([request.sortBy, request.intervalMs, request.maxRows], [3, 250, 4096]);
  });

  const mistakes: Readonly<Record<string, RegExp>> = {
    '--aggregate-by sorce':
      /invalid value "sorce".*source, destination, client, server.*Did you mean source\?$/s,
    '--aggregate-by verdikt': /Did you mean verdict\?$/,
    '--aggregate-by=': /has 0 keys: expected 1 to 8/,
    '--aggregate-by verdict --sort-by flow':
      /invalid value "flow" for --sort-by: expected one of flows,.*Did you mean flows\?/s,
    '--aggregate-by verdict --sort-by flows/s': /--sort-by flows\/s needs --follow/,
    '--aggregate-by verdict -o dict': /invalid value "dict" for -o, --output: expected table, json or csv/,
    '--aggregate-by verdict --interval 5ms':
      /invalid value "5ms" for --interval: expected a duration from 100ms to 1h/,
    '--aggregate-by verdict --top 70000': /invalid value "70000" for --top/,
  };
  for (const [text, error] of Object.entries(mistakes)) {
    it(`refuses ${text}`, () => assert.throws(() => plan(text), { name: 'UsageError', message: error }));
  }
});
