import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { RpcCode } from '../../rpc/index.ts';
import {
  decodeStatusMessage,
  encodeStatusMessage,
  formatGrpcTimeout,
  parseGrpcTimeout,
  statusError,
} from '../../rpc/status-header.ts';

describe('encodeStatusMessage()', () => {
  it('leaves what may stand in a header and encodes the rest as UTF-8 bytes', () => {
    assert.equal(encodeStatusMessage('a ~ 100%\nfür'), 'a ~ 100%25%0Af%C3%BCr');
  });

  it('gives a text that a header may hold and that decodes to what it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeStatusMessage(text);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeStatusMessage(encoded), text);
      }),
    );
  });
});

describe('decodeStatusMessage()', () => {
  it('keeps the words of a peer that does not encode', () => {
    assert.equal(decodeStatusMessage('100% sure'), '100% sure');
  });
});

describe('statusError()', () => {
  for (const [status, code] of [
    ['5', RpcCode.NotFound],
    ['16', RpcCode.Unauthenticated],
    ['17', RpcCode.Unknown],
    ['', RpcCode.Unknown],
    ['x', RpcCode.Unknown],
  ] as const) {
    it(`reads grpc-status "${status}"`, () => {
      const error = statusError({ 'grpc-status': status, 'grpc-message': 'gone' });
      assert.deepEqual([error?.code, error?.message], [code, 'gone']);
    });
  }

  it('is null for OK and undefined where there is no status', () => {
    assert.equal(statusError({ 'grpc-status': '0' }), null);
    assert.equal(statusError({ ':status': 200 }), undefined);
  });

  for (const [http, code] of [
    [400, RpcCode.Internal],
    [401, RpcCode.Unauthenticated],
    [403, RpcCode.PermissionDenied],
    [404, RpcCode.Unimplemented],
    [429, RpcCode.Unavailable],
    [500, RpcCode.Unknown],
    [503, RpcCode.Unavailable],
  ] as const) {
    it(`translates HTTP status ${http}`, () => {
      const error = statusError({ ':status': http });
      assert.equal(error?.code, code);
      assert.equal(error?.message, `HTTP status ${http} instead of a gRPC answer`);
    });
  }
});

describe('parseGrpcTimeout()', () => {
  for (const [text, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['99999999m', 99_999_999],
    ['5000u', 5],
    ['1000000n', 1],
    ['0m', 0],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(parseGrpcTimeout(text), ms));
  }

  for (const text of [undefined, '', '5', 'm', '123456789m', '-1m', '1.5S', '1s']) {
    it(`takes ${JSON.stringify(text)} for no deadline`, () => assert.equal(parseGrpcTimeout(text), null));
  }
});

describe('formatGrpcTimeout()', () => {
  it('gives at most eight digits, never less time than asked for and never none', () => {
    for (const [ms, text] of [
      [0, '1m'],
      [0.2, '1m'],
      [1500.5, '1501m'],
      [99_999_999, '99999999m'],
      [1e8, '100000S'],
    ] as const) {
      assert.equal(formatGrpcTimeout(ms), text);
    }
  });
});
