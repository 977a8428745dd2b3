import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, formatAddress, parseAddress } from '../../rpc/index.ts';

const tcp = (host: string, port: number, tls = false): Address => ({ kind: 'tcp', host, port, tls });
const unix = (path: string): Address => ({ kind: 'unix', path });

const expected =
  'expected unix:///path/to.sock, an absolute path ending in .sock, host:port, [ipv6]:port or an IP address';

describe('parseAddress()', () => {
  for (const [text, address] of [
    ['unix:///run/sluice/agent.sock', unix('/run/sluice/agent.sock')],
    ['unix:/run/agent', unix('/run/agent')],
    ['/run/sluice/agent.sock', unix('/run/sluice/agent.sock')],
    ['localhost:4245', tcp('localhost', 4245)],
    ['relay.east.example:80', tcp('relay.east.example', 80)],
    [':4244', tcp('', 4244)],
    ['10.0.0.1', tcp('10.0.0.1', 4244)],
    ['10.0.0.1:0', tcp('10.0.0.1', 0)],
    ['fd00::1', tcp('fd00::1', 4244)],
    ['[fd00::1]', tcp('fd00::1', 4244)],
    ['[fd00::1]:65535', tcp('fd00::1', 65535)],
    ['[fe80::1%eth0]:1', tcp('fe80::1%eth0', 1)],
    ['tls://relay:443', tcp('relay', 443, true)],
    ['tls://[::1]:443', tcp('::1', 443, true)],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(parseAddress(text), address));
  }

  for (const text of [
    '',
    'relay',
    'unix://',
    'unix://relative.sock',
    '/run/agent',
    'http://relay:80',
    'a:b:c',
    '[relay]:80',
    '[::1]80',
    'two words:80',
    'tls://',
    'path/x:80',
  ]) {
    it(`refuses "${text}", and says what is expected`, () => {
      assert.throws(() => parseAddress(text), {
        name: 'TypeError',
        message: `invalid address "${text}": ${expected}`,
      });
    });
  }

  for (const [text, port] of [
    ['host:', ''],
    ['host:65536', '65536'],
    ['host:-1', '-1'],
    ['[::1]:http', 'http'],
  ] as const) {
    it(`refuses the port of "${text}"`, () => {
      assert.throws(() => parseAddress(text), {
        message: `invalid port "${port}" in address "${text}": expected a number from 0 to 65535`,
      });
    });
  }

  it('refuses a socket path that the kernel cannot hold', () => {
    const path = `/${'x'.repeat(102)}.sock`;
    assert.throws(() => parseAddress(path), {
      message: `socket path "${path}" has 108 bytes: expected at most 107`,
    });
  });
});

describe('formatAddress()', () => {
  for (const text of ['unix:///run/x.sock', 'localhost:4245', '[fd00::1]:4244', ':4244']) {
    it(`writes ${text} as it was read`, () => assert.equal(formatAddress(parseAddress(text)), text));
  }
});
