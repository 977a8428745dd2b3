import assert from 'node:assert/strict';
import { it } from 'node:test';
import { forwardedMetadata } from '../../../relay/serve/forwarded-metadata.ts';

it('forwards what the client says, and nothing that belongs to one hop', () => {
  const headers = {
    ':path': '/observer.Observer/GetFlows',
    ':authority': 'relay',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'grpc-go/1.82',
    'grpc-timeout': '5S',
    'grpc-accept-encoding': 'gzip',
    'accept-encoding': 'identity',
    authorization: 'Basic dTpw',
    'x-team': ['a', 'b'],
    absent: undefined,
  };
  assert.deepEqual(forwardedMetadata(Object.entries(headers)), {
    authorization: 'Basic dTpw',
    'x-team': 'a,b',
  });
});

it('keeps to itself what a browser says of a page, which would be no page of the peer', () => {
  const headers = {
    origin: 'http://localhost:4245',
    referer: 'http://localhost:4245/',
    cookie: 'a=b',
    'sec-fetch-site': 'same-origin',
    'sec-ch-ua': '"Chromium"',
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    priority: 'u=1, i',
    dnt: '1',
    authorization: 'Basic dTpw',
  };
  assert.deepEqual(forwardedMetadata(Object.entries(headers)), { authorization: 'Basic dTpw' });
});
