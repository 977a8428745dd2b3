import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fleetCertificates } from '../../../cli/certs/fleet-certificates.ts';
import { KEY_TYPES } from '../../../cli/certs/issue-certificate.ts';
import {
  makeAuthority,
  makeCertificates,
  type MakeOptions,
  presentCertificates,
} from '../../../cli/certs/make-certificates.ts';
import { runCli } from '../support/run-cli.ts';

const DAY_MS = 86_400_000;
const root = mkdtempSync(join(tmpdir(), 'sluice-certs-'));
after(() => rmSync(root, { recursive: true }));

let directories = 0;
const options = (given: Partial<MakeOptions> = {}): MakeOptions => ({
  dir: join(root, String(++directories)),
  lifetimeMs: 365 * DAY_MS,
  authorityLifetimeMs: 3650 * DAY_MS,
  renewBeforeMs: 30 * DAY_MS,
  keyType: 'ecdsa-p256',
  nowMs: Date.now(),
  ...given,
});

const east = fleetCertificates({
  clusters: ['east'],
  nodes: [{ cluster: 'east', node: 'node.1' }],
  relayHosts: ['10.0.0.1'],
});

async function make(given: MakeOptions, specs = east): Promise<Record<string, string>> {
  const outcomes = [await makeAuthority(given), ...(await makeCertificates(specs, given))];
  return Object.fromEntries(outcomes.map(({ file, state }) => [file, state]));
}

const certificate = (dir: string, file: string): X509Certificate =>
  new X509Certificate(readFileSync(join(dir, file)));

describe('makeCertificates()', () => {
  it('makes the certificates of a fleet by their names, signed by one CA, each for one use', async () => {
    const given = options();
    assert.deepEqual(new Set(Object.values(await make(given))), new Set(['made']));
    const ca = certificate(given.dir, 'ca.crt');
    for (const [file, names, use] of [
      ['agents/east.crt', 'DNS:*.east.hubble-grpc.cilium.io', '1.3.6.1.5.5.7.3.1'],
      [
        'agents/east/node.1.crt',
        'DNS:node-1.east.hubble-grpc.cilium.io, DNS:hubble-peer.east.hubble-grpc.cilium.io',
        '1.3.6.1.5.5.7.3.1',
      ],
      [
        'relay-server.crt',
        'DNS:*.hubble-relay.cilium.io, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:10.0.0.1',
        '1.3.6.1.5.5.7.3.1',
      ],
      ['relay-client.crt', 'DNS:*.hubble-relay.cilium.io', '1.3.6.1.5.5.7.3.2'],
      ['observe-client.crt', 'DNS:*.hubble-observe.cilium.io', '1.3.6.1.5.5.7.3.2'],
      ['ui-client.crt', 'DNS:*.hubble-ui.cilium.io', '1.3.6.1.5.5.7.3.2'],
    ] as const) {
      const made = certificate(given.dir, file);
      assert.equal(made.subjectAltName, names);
      assert.deepEqual([made.keyUsage, made.ca], [[use], false]);
      assert.ok(made.checkIssued(ca) && made.verify(ca.publicKey), file);
    }
    assert.deepEqual([ca.ca, ca.checkIssued(ca)], [true, true]);
  });

  for (const keyType of KEY_TYPES) {
    it(`makes keys of type ${keyType}, for certificates that outlast two-digit years`, async () => {
      const given = options({ keyType, authorityLifetimeMs: 36_000 * DAY_MS, lifetimeMs: 20_000 * DAY_MS });
      await make(given, east.slice(0, 1));
      const made = certificate(given.dir, 'agents/east.crt');
      const { asymmetricKeyType, asymmetricKeyDetails: details } = made.publicKey;
      const size = details?.namedCurve ?? details?.modulusLength;
      const expected = {
        'ecdsa-p256': 'ec prime256v1',
        'ecdsa-p384': 'ec secp384r1',
        'rsa-3072': 'rsa 3072',
      }[keyType];
      assert.equal(`${asymmetricKeyType} ${size}`, expected);
      assert.ok(made.verify(certificate(given.dir, 'ca.crt').publicKey));
      assert.equal(made.validToDate.getTime(), Math.floor((given.nowMs + 20_000 * DAY_MS) / 1000) * 1000);
    });
  }

  it('lets nobody but the owner read what it writes, and leaves no drafts', async () => {
    const given = options();
    await make(given);
    for (const path of readdirSync(given.dir, { recursive: true, encoding: 'utf8' })) {
      const stat = statSync(join(given.dir, path));
      assert.equal(stat.mode & 0o777, stat.isDirectory() ? 0o700 : 0o600, path);
      assert.match(path, stat.isDirectory() ? /^agents/ : /\.(crt|key)$/);
    }
  });

  it('keeps what is good, and makes anew what is not, telling why', async () => {
    const given = options();
    await make(given);
    assert.deepEqual(new Set(Object.values(await make(given))), new Set(['kept']));

    rmSync(join(given.dir, 'agents/east.key'));
    writeFileSync(join(given.dir, 'ui-client.key'), readFileSync(join(given.dir, 'relay-client.key')));
    const stranger = options();
    await make(stranger);
    writeFileSync(
      join(given.dir, 'observe-client.crt'),
      readFileSync(join(stranger.dir, 'observe-client.crt')),
    );
    const further = fleetCertificates({ clusters: ['east', 'west'], nodes: [], relayHosts: ['10.0.0.2'] });
    assert.deepEqual(await make(given, further), {
      'ca.crt': 'kept',
      'agents/east.crt': 'renewed: its key was missing',
      'agents/west.crt': 'made',
      'relay-server.crt': 'renewed: it had other names',
      'relay-client.crt': 'kept',
      'observe-client.crt': 'renewed: not signed by ca.crt',
      'ui-client.crt': 'renewed: its key belongs to another certificate',
    });
    assert.deepEqual(new Set(Object.values(await make(given, further))), new Set(['kept']));
  });

  it('makes anew what ends within the days given, or within a third of its life, and what has ended', async () => {
    const given = options();
    await make(given);
    const one = presentCertificates(given.dir).filter(({ path }) => path === 'relay-client');
    const after = async (days: number, more: Partial<MakeOptions> = {}): Promise<string> =>
      (await make({ ...given, nowMs: given.nowMs + days * DAY_MS, ...more }, one))['relay-client.crt'];
    assert.equal(await after(334), 'kept');
    assert.equal(await after(336), 'renewed: it ended in 28 days');
    const short = { lifetimeMs: 9 * DAY_MS, renewAll: true };
    assert.equal(await after(337, short), 'renewed: as asked');
    assert.equal(await after(342), 'kept', 'four of nine days are left');
    assert.equal(await after(344), 'renewed: it ended in 1 day');
    assert.equal(await after(344 + 366), 'renewed: expired 1 day ago');
  });

  it('signs nothing that outlasts the CA, and nothing when that has ended', async () => {
    const given = options({ authorityLifetimeMs: 100 * DAY_MS });
    await make(given);
    const ends = (file: string): number => certificate(given.dir, file).validToDate.getTime();
    assert.equal(ends('agents/east.crt'), ends('ca.crt'));
    await assert.rejects(make({ ...given, nowMs: given.nowMs + 103 * DAY_MS }), {
      message: `the CA in ${given.dir} expired 3 days ago: make another in a new directory, and trust both until all certificates are replaced`,
    });
  });

  it('never replaces a CA: says what is missing of it', async () => {
    const given = options();
    await make(given);
    const before = readFileSync(join(given.dir, 'ca.crt'), 'utf8');
    rmSync(join(given.dir, 'ca.key'));
    await assert.rejects(make(given), {
      message: `cannot sign: the CA's key ${given.dir}/ca.key is missing`,
    });
    writeFileSync(join(given.dir, 'ca.key'), readFileSync(join(given.dir, 'relay-client.key')));
    await assert.rejects(make(given), {
      message: `cannot sign: ca.key in ${given.dir} does not belong to ca.crt`,
    });
    assert.equal(readFileSync(join(given.dir, 'ca.crt'), 'utf8'), before);
  });

  it('names a file that is no certificate or key', async () => {
    const given = options();
    await make(given);
    writeFileSync(join(given.dir, 'ui-client.crt'), 'noise');
    await assert.rejects(make(given), {
      message: `${given.dir}/ui-client.crt holds no certificate in PEM form`,
    });
  });
});

describe('sluice certs', () => {
  it('creates, shows and renews, with an exit status that tells whether all is good', async () => {
    const dir = join(root, 'cli');
    const created = await runCli(['certs', 'create', dir, '--node', 'east/n1', '--days', '365']);
    assert.deepEqual([created.status, created.err.split(':')[0]], [0, `Keep ${dir}/ca.key apart`]);
    const rows = created.out.split('\n').map((line) => line.split(/ {2,}/).filter((cell) => cell !== ''));
    assert.deepEqual(rows[0], ['FILE', 'USE', 'ENDS', 'STATE', 'FOR']);
    assert.deepEqual(
      rows.slice(1).map(([file, use, , state]) => [file, use, state].join(' ').trim()),
      [
        'ca.crt CA made',
        'agents/east/n1.crt server made',
        'relay-server.crt server made',
        'relay-client.crt client made',
        'observe-client.crt client made',
        'ui-client.crt client made',
        '',
      ],
    );

    // The same names, written otherwise.
    const args = ['certs', 'create', dir, '--node', 'east/n1', '--relay-host', 'Relay.Example.org,FD00::1'];
    assert.match((await runCli(args)).out, /relay-server\.crt .* renewed: it had other names /);
    assert.doesNotMatch((await runCli(args)).out, /renewed/);

    rmSync(join(dir, 'ui-client.key'));
    const shown = await runCli(['certs', 'show', dir]);
    assert.deepEqual([shown.status, shown.err], [0, '']);
    assert.match(
      shown.out,
      /\nui-client\.crt +client +\S+ +good, key elsewhere +\*\.hubble-ui\.cilium\.io\n/,
    );
    const renewed = await runCli(['certs', 'renew', dir]);
    assert.deepEqual([renewed.status, renewed.err], [0, '']);
    assert.match(renewed.out, /\nui-client\.crt .* renewed: its key was missing /);

    writeFileSync(join(dir, 'ui-client.key'), readFileSync(join(dir, 'relay-client.key')));
    const broken = await runCli(['certs', 'show', dir]);
    assert.equal(broken.status, 1);
    assert.match(broken.out, /\nui-client\.crt .* its key belongs to another certificate /);
  });

  for (const [args, message] of [
    [['create'], 'no directory given: expected DIR'],
    [
      ['create', 'x', '--node', 'east'],
      'invalid value "east" for --node: expected CLUSTER/NODE, such as east/node1',
    ],
    [
      ['create', 'x', '--cluster', 'no_name'],
      'invalid value "no_name" for --cluster: expected a host name or address ("no_name" is no label of a DNS name)',
    ],
    [
      ['create', 'x', '--relay-host', 'a,b c'],
      'invalid value "b c" for --relay-host: expected a host name or address ("b c" is no label of a DNS name)',
    ],
    [['create', 'x', '--days', '0'], 'invalid value "0" for --days: expected a whole number from 1 to 36500'],
    [['show', '/no/such'], 'cannot read the directory /no/such: ENOENT'],
    [['renew', '/no/such'], 'cannot read the directory /no/such: ENOENT'],
  ] as const) {
    it(`says what is wrong with: certs ${args.join(' ')}`, async () => {
      const { status, out, err } = await runCli(['certs', ...args]);
      const text = err.trimEnd().replace(/\. See 'sluice certs.*$/, '');
      assert.deepEqual([status, out, text], [1, '', `error: ${message}`]);
    });
  }
});
