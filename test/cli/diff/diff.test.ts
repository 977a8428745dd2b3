import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { toJsonString } from '@bufbuild/protobuf';
import { compareWindows } from '../../../cli/diff/compare-windows.ts';
import { readWindows } from '../../../cli/diff/time-windows.ts';
import type { ListedRow } from '../../../proto/flow/aggregate/list-rows.ts';
import { GetFlowsResponseSchema } from '../../../proto/gen/observer/observer_pb.ts';
import { flowOf, pod } from '../../policy/support/recorded-flows.ts';
import { flowResponse, sampleTime } from '../../support/build-responses.ts';
import { runCli } from '../support/run-cli.ts';

const NOW = Date.UTC(2026, 2, 4, 12);
const HOUR = 3600e6;

function row(name: string, flows: number, change: Partial<ListedRow> = {}): ListedRow {
  const none = { forwarded: flows, dropped: 0, audited: 0, errors: 0, redirected: 0, firstUs: 1, lastUs: 2 };
  return { texts: [name], flows, ...none, ...change };
}

describe('windows of time', () => {
  const windows = (flags: Partial<Record<'before' | 'after' | 'at', string>>) =>
    readWindows({ before: flags.before, after: flags.after, at: flags.at }, NOW).map(({ fromUs, toUs }) => [
      (NOW * 1000 - fromUs) / HOUR,
      (NOW * 1000 - toUs) / HOUR,
    ]);

  it('are stated by their ends, or by their lengths around a moment', () => {
    assert.deepEqual(windows({ before: '25h..24h', after: '1h..now' }), [
      [25, 24],
      [1, 0],
    ]);
    assert.deepEqual(windows({ before: '2026-03-04T09:00Z..2026-03-04T10:00Z', after: '30m..15m' }), [
      [3, 2],
      [0.5, 0.25],
    ]);
    assert.deepEqual(windows({ at: '2h' }), [
      [3, 2],
      [2, 1],
    ]);
    assert.deepEqual(windows({ at: '2h', before: '30m' }), [
      [2.5, 2],
      [2, 1.5],
    ]);
    assert.deepEqual(windows({ at: '30m', before: '1h' }), [
      [1.5, 0.5],
      [0.5, 0],
    ]);
    assert.deepEqual(windows({ at: '2h', before: '26h..24h', after: '15m' }), [
      [26, 24],
      [2, 1.75],
    ]);
  });

  it('that cannot be are refused in words', () => {
    assert.throws(() => windows({ before: '2h..1h' }), /give --before and --after, or --at/);
    assert.throws(
      () => windows({ before: '1h', after: '1h' }),
      /invalid value "1h" for --before: expected FROM\.\.TO/,
    );
    assert.throws(() => windows({ before: '1h..2h', after: '1h..now' }), /--before 1h\.\.2h is empty/);
    assert.throws(() => windows({ at: '2026-03-05' }), /is not past/);
    assert.throws(() => windows({ at: '1h', before: 'soon' }), /invalid value "soon" for --before/);
  });
});

describe('a comparison of windows', () => {
  const options = { beforeSeconds: 100, afterSeconds: 50, factor: 2, minFlows: 20 };
  const changes = (first: ListedRow[], second: ListedRow[]): string[] =>
    compareWindows(first, second, options).map(({ change, texts }) => `${change} ${texts[0]}`);

  it('finds what appeared, vanished and changed, by rates per second', () => {
    const first = [
      row('same', 100),
      row('gone', 5),
      row('denied', 40),
      row('busier', 100),
      row('calmer', 100),
    ];
    const second = [
      row('same', 50),
      row('new', 3),
      row('denied', 40, { forwarded: 0, dropped: 40 }),
      row('busier', 100),
      row('calmer', 25),
    ];
    assert.deepEqual(changes(first, second), [
      'appeared new',
      'vanished gone',
      'verdict denied',
      'rate busier',
      'rate calmer',
    ]);
  });

  it('does not compare rates of few flows', () => {
    assert.deepEqual(changes([row('few', 4)], [row('few', 19)]), []);
    assert.deepEqual(changes([row('few', 4)], [row('few', 20)]), ['rate few']);
  });
});

describe('sluice diff, policy replay and policy suggest, of a file', { concurrency: 2 }, () => {
  let directory: string;
  let file: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-recorded-'));
    file = join(directory, 'flows.json');
    const cart = pod('shop', 'cart');
    const flows = [
      ...Array.from({ length: 6 }, (_, i) => ({
        ...flowOf({ source: cart, destination: pod('shop', 'pay'), port: 8443 }),
        time: sampleTime(i * 1000),
      })),
      { ...flowOf({ source: cart, destination: pod('shop', 'mail'), port: 25 }), time: sampleTime(5000) },
    ];
    const lines = flows.map((flow) => `${toJsonString(GetFlowsResponseSchema, flowResponse(flow))}\n`);
    writeFileSync(file, lines.join(''));
    const closed = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'closed', namespace: 'shop' },
      spec: { podSelector: { matchLabels: { app: 'mail' } } },
    };
    writeFileSync(join(directory, 'closed.json'), JSON.stringify(closed));
  });
  after(() => rmSync(directory, { recursive: true }));

  it('tells which edges appeared', async () => {
    const first = '2026-03-04T09:15:22Z..2026-03-04T09:15:25Z';
    const span = ['--before', first, '--after', '2026-03-04T09:15:25Z..2026-03-04T09:15:28Z'];
    const { out, err, status } = await runCli(['diff', ...span, '--input-file', file, '-o', 'json']);
    assert.deepEqual([err, status], ['', 0]);
    const { edges, changes, policies } = JSON.parse(out) as {
      edges: number;
      changes: { change: string; server_workload: string; server_port: string }[];
      policies: unknown;
    };
    assert.deepEqual([edges, policies], [2, null]);
    assert.deepEqual(
      changes.map(({ change, server_workload, server_port }) => [change, server_workload, server_port]),
      [['appeared', 'shop/mail', '25']],
    );
  });

  it('ends a replay with the status that --fail-on asks for', async () => {
    const policy = join(directory, 'closed.json');
    const replay = (...args: string[]) => runCli(['policy', 'replay', policy, '--input-file', file, ...args]);
    const [plain, strict, filtered, nothing, csv] = await Promise.all([
      replay('--fail-on', 'allowed'),
      replay('--fail-on', 'denied'),
      replay('--fail-on', 'denied', '--to-port', '8443'),
      replay('--fail-on', 'denied', '-n', 'nowhere'),
      replay('-o', 'csv'),
    ]);
    assert.deepEqual(
      [plain, strict, filtered, nothing].map(({ status }) => status),
      [0, 2, 0, 1],
    );
    assert.match(
      plain.out,
      /NEWLY DENIED +shop\/cart +shop\/mail +25\/TCP +1 .*closed by NetworkPolicy\/shop\/closed/,
    );
    assert.match(
      plain.out,
      /1 flows newly denied, 0 flows newly allowed, 0 flows still denied, 6 flows still allowed/,
    );
    assert.match(nothing.err, /no flow could be judged/);
    assert.match(
      csv.out,
      /\nnewly-denied,east,shop\/cart,east,shop\/mail,TCP,25,1,0,2026-03-04T09:15:27.118Z/,
    );
  });

  it('writes policies that validate and replay take', async () => {
    const suggested = await runCli(['policy', 'suggest', '-n', 'shop', '--input-file', file]);
    assert.equal(suggested.status, 0);
    assert.match(suggested.err, /^3 policies from 7 flows/);
    const path = join(directory, 'suggested.yaml');
    writeFileSync(path, suggested.out);
    const [valid, replayed] = await Promise.all([
      runCli(['policy', 'validate', path]),
      runCli(['policy', 'replay', path, '--input-file', file, '--fail-on', 'changed']),
    ]);
    assert.deepEqual([valid.status, replayed.status], [0, 0], valid.out + replayed.out);
  });

  it('refuses what makes no sense', async () => {
    const [broken, noNamespace, elsewhere] = await Promise.all([
      runCli(['policy', 'replay', file, '--input-file', file]),
      runCli(['policy', 'suggest', '--input-file', file]),
      runCli(['policy', 'suggest', '-n', 'nowhere', '--input-file', file]),
    ]);
    assert.equal(broken.status, 1);
    assert.match(noNamespace.err, /flag --namespace is missing/);
    assert.match(elsewhere.err, /no flow of pods in namespace nowhere was seen/);
    assert.equal(elsewhere.status, 1);
  });
});
