import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { versionWarning } from '../../../cli/server/version-warning.ts';
import { rpcErrorText } from '../../../cli/server/with-server.ts';
import { RpcCode, RpcError } from '../../../rpc/rpc-error.ts';

describe('versionWarning()', () => {
  const headers: readonly (readonly [string, string, boolean])[] = [
    ['hubble-server-version', '1.20.2', false],
    ['hubble-server-version', '1.20.99+gabc', false],
    ['hubble-server-version', '1.19.4-rc.1', false],
    ['hubble-server-version', '0.99.0', false],
    ['hubble-server-version', '1.21.0', true],
    ['hubble-relay-version', '1.21.0-pre.1+g12', true],
    ['hubble-relay-version', 'v2.0.0', true],
    ['hubble-relay-version', 'main', false],
    ['hubble-server-version', '', false],
    ['other-version', '9.9.9', false],
  ];
  for (const [name, value, isNewer] of headers) {
    it(`${isNewer ? 'warns of' : 'says nothing of'} ${name}: ${value}`, () => {
      const line = versionWarning({ [name]: value });
      if (isNewer) assert.match(line ?? '', new RegExp(`level=warn msg=".*" ${name}=`));
      else assert.equal(line, undefined);
    });
  }
});

describe('rpcErrorText()', () => {
  const errors: readonly (readonly [RpcCode, string, string])[] = [
    [RpcCode.Unknown, 'what the server says', 'what the server says'],
    [RpcCode.InvalidArgument, 'bad filter', 'INVALID_ARGUMENT: bad filter'],
    [RpcCode.Unimplemented, '', 'UNIMPLEMENTED'],
    [99 as RpcCode, 'x', 'CODE 99: x'],
  ];
  for (const [code, message, text] of errors) {
    it(`says ${text}`, () => assert.equal(rpcErrorText(new RpcError(code, message)), text));
  }
});
