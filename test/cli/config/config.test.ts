import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../support/run-cli.ts';

describe('sluice config', { concurrency: 2 }, () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const config = (file: string, ...args: string[]) =>
    runCli(['config', ...args, '--config', join(directory, file)]);
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8');

  it('views all settings by name', async () => {
    const { out } = await runCli(['config', 'view'], {
      HUBBLE_SERVER: 'x:1',
      SLUICE_TLS_CA_CERT_FILES: 'a b',
      XDG_CONFIG_HOME: '/c',
    });
    assert.equal(
      out,
      `basic-auth-password: ""
basic-auth-username: ""
config: /c/sluice/config.yaml
debug: false
kube-context: ""
kube-namespace: kube-system
kubeconfig: ""
port-forward: false
port-forward-port: "4245"
request-timeout: 12s
server: x:1
timeout: 5s
tls: false
tls-allow-insecure: false
tls-ca-cert-files:
  - a
  - b
tls-client-cert-file: ""
tls-client-key-file: ""
tls-server-name: ""
`,
    );
    assert.equal((await runCli(['config', 'get'], { XDG_CONFIG_HOME: '/c' })).out.split('\n').length, 19);
  });

  it('sets a value in a file that it makes, and keeps what else is in it', async () => {
    assert.deepEqual(await config('new/dir/c.yaml', 'set', 'server', 'relay:4245'), {
      out: '',
      err: '',
      status: 0,
    });
    assert.equal(read('new/dir/c.yaml'), 'server: relay:4245\n');
    assert.equal(statSync(join(directory, 'new')).mode & 0o777, 0o750);
    writeFileSync(join(directory, 'new/dir/c.yaml'), '# mine\nserver: a # here\nother: [1]\n');
    await config('new/dir/c.yaml', 'set', 'tls-ca-cert-files', 'a,b');
    await config('new/dir/c.yaml', 'set', 'port-forward-port', '0');
    assert.equal(
      read('new/dir/c.yaml'),
      '# mine\nserver: a # here\nother: [ 1 ]\ntls-ca-cert-files:\n  - a\n  - b\nport-forward-port: "0"\n',
    );
    assert.equal((await config('new/dir/c.yaml', 'get', 'tls-ca-cert-files')).out, '- a\n- b\n');
    assert.equal((await config('new/dir/c.yaml', 'get', 'server')).out, 'a\n');
  });

  it('sets the default without a value, and resets one setting or all', async () => {
    writeFileSync(join(directory, 'r.yaml'), 'server: a\ntimeout: 1s\ntls: true\n');
    await config('r.yaml', 'set', 'timeout');
    await config('r.yaml', 'reset', 'server');
    assert.equal(read('r.yaml'), 'server: localhost:4245\ntimeout: 5s\ntls: true\n');
    assert.equal((await config('r.yaml', 'reset')).status, 0);
    assert.match(read('r.yaml'), /^server: localhost:4245\ntimeout: 5s\ntls: false\nrequest-timeout: 12s\n/);
    assert.doesNotMatch(read('r.yaml'), /^config:/m);
  });

  const mistakes: readonly (readonly [string[], RegExp])[] = [
    [['set'], /config set needs a KEY/],
    [['set', 'nope', '1'], /unknown setting "nope"\. There are: server, /],
    [['set', 'servr', '1'], /unknown setting "servr"\. Did you mean server\?/],
    [['set', 'tls', 'maybe'], /invalid value "maybe" for tls: expected true or false/],
    [['set', 'timeout', '5'], /invalid value "5" for timeout: expected a duration/],
    [['set', 'port-forward-port', '65536'], /expected a whole number from 0 to 65535/],
    [['set', 'server', 'a', 'b'], /unexpected argument "b"/],
    [['get', 'nope'], /unknown setting "nope"/],
    [['get', 'server', 'tls'], /unexpected argument "tls"/],
    [['reset', 'a', 'b'], /unexpected argument "b"/],
    [['view', 'x'], /unexpected argument "x"/],
    [['vieww'], /unknown command "vieww" for "sluice config"\. Did you mean sluice config view\?/],
  ];
  for (const [args, message] of mistakes) {
    it(`refuses config ${args.join(' ')} and writes nothing`, async () => {
      const { out, err, status } = await config('mistake.yaml', ...args);
      assert.deepEqual([out, status, err.split('\n').length], ['', 1, 2]);
      assert.match(err, message);
      assert.equal(existsSync(join(directory, 'mistake.yaml')), false);
    });
  }
});
