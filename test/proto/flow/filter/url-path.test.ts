import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { urlPath } from '../../../../proto/flow/filter/url-path.ts';

describe('the path of a URL', () => {
  it('is what stands behind the authority, up to the query, decoded', () => {
    const paths: Readonly<Record<string, string>> = {
      '*': '*',
      '/': '/',
      '/a/b': '/a/b',
      '/a/./../b//': '/a/./../b//',
      '/A+b': '/A+b',
      '//host/x': '//host/x',
      '/a?b?c': '/a',
      '/a#b?c': '/a#b',
      '/a%2Fb%20c': '/a/b c',
      '/%C3%A9/é': '/é/é',
      '/a?%zz': '/a',
      'http://host/x': '/x',
      'http://host': '',
      'http://host?x': '',
      'http:///x': '/x',
      'http:/x': '/x',
      'h+1.a-b:/x': '/x',
      'http://user:pass@host:80/x': '/x',
      'http://u%20:p%41@host/x': '/x',
      'http://a@b@host/x': '/x',
      'http://[::1]:80/x': '/x',
      'http://[fe80::1%25eth0]/x': '/x',
      'http://host:/x': '/x',
      'http://hé%c3%a9/x': '/x',
      'http://a<b>"c/x': '/x',
      'svc.example:443': '',
      'mailto:a%zz': '',
      'a:?': '',
    };
    for (const [url, path] of Object.entries(paths)) assert.equal(urlPath(url), path, url);
  });

  it('is not there where the URL cannot be parsed', () => {
    const broken = [
      '',
      'a/b',
      '?x',
      '*x',
      '10.0.0.1:80',
      ':/x',
      '1a:/x',
      'ä:/x',
      '/a\u0000',
      '/a\tb',
      '/a?\u007f',
      '/a%',
      '/a%2',
      '/a%zz',
      'http://host:port/x',
      'http://host:8o/x',
      'http://[::1/x',
      'http://[::1]80/x',
      'http://h%41/x',
      'http://h%/x',
      'http://a b/x',
      'http://a^b/x',
      'http://a{b/x',
      'http://u r@host/x',
      'http://u%zz@host/x',
      'http://ü@host/x',
    ];
    for (const url of broken) assert.equal(urlPath(url), null, JSON.stringify(url));
  });
});
