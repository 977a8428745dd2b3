import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, assertAnswers, type FlowInit, matches } from '../../../support/match-flow.ts';

const http = (value: object): FlowInit => ({ l7: { record: { case: 'http', value } } });
const url = (text: string): FlowInit => http({ url: text });
const query = (text: string): FlowInit => ({ l7: { record: { case: 'dns', value: { query: text } } } });

describe('fields about HTTP and DNS', () => {
  it('http_status_code: a code, or how it begins', () => {
    const status = (value: string, code: number, answer: boolean): Answer => [
      { httpStatusCode: [value] },
      http({ code }),
      answer,
    ];
    assertAnswers([
      status('404', 404, true),
      status('404', 403, false),
      status('4+', 404, true),
      status('4+', 504, false),
      status('40+', 404, true),
      status('40+', 410, false),
      status('5+', 5000, true),
      status('1+', 1, false), // written 001
      status('1+', 0, false),
      [{ httpStatusCode: ['200', '5+'] }, http({ code: 503 }), true],
      [{ httpStatusCode: ['200'] }, {}, false],
    ]);
  });

  it('http_method: in any case', () => {
    assertAnswers([
      [{ httpMethod: ['get'] }, http({ method: 'GET' }), true],
      [{ httpMethod: ['GET'] }, http({ method: 'get' }), true],
      [{ httpMethod: ['GE'] }, http({ method: 'GET' }), false],
      [{ httpMethod: ['put', 'POST'] }, http({ method: 'Post' }), true],
      [{ httpMethod: ['.*'] }, http({ method: 'GET' }), false],
      [{ httpMethod: ['Ma\u017fk'] }, http({ method: 'MASK' }), true], // one character for one
      [{ httpMethod: ['stra\u00dfe'] }, http({ method: 'STRASSE' }), false],
      [{ httpMethod: [''] }, http({}), false],
      [{ httpMethod: ['GET'] }, {}, false],
    ]);
  });

  it('http_header: name and value as they are stored', () => {
    const headers = http({
      headers: [
        { key: 'Content-Type', value: 'text/plain' },
        { key: 'X-Empty', value: '' },
      ],
    });
    assertAnswers([
      [{ httpHeader: [{ key: 'Content-Type', value: 'text/plain' }] }, headers, true],
      [{ httpHeader: [{ key: 'content-type', value: 'text/plain' }] }, headers, false],
      [{ httpHeader: [{ key: 'Content-Type', value: 'TEXT/plain' }] }, headers, false],
      [{ httpHeader: [{ key: 'Content-Type', value: '' }] }, headers, false],
      [{ httpHeader: [{ key: 'X-Empty' }] }, headers, true],
      [{ httpHeader: [{ value: 'text/plain' }] }, headers, false],
      [{ httpHeader: [{ key: 'a', value: 'b' }, { key: 'X-Empty' }] }, headers, true],
      [{ httpHeader: [{}] }, http({}), false],
      [{ httpHeader: [{}] }, {}, false],
    ]);
  });

  it('http_path: searched in the path alone, decoded', () => {
    assertAnswers([
      [{ httpPath: ['^/api/v[0-9]+/'] }, url('/api/v12/users?x=1'), true],
      [{ httpPath: ['users'] }, url('http://h/api/users'), true],
      [{ httpPath: ['x=1'] }, url('/api?x=1'), false],
      [{ httpPath: ['^/a b$'] }, url('/a%20b'), true],
      [{ httpPath: ['%20'] }, url('/a%20b'), false],
      [{ httpPath: ['host'] }, url('http://host/api'), false],
      [{ httpPath: ['^$'] }, url('http://host'), true],
      [{ httpPath: [''] }, url(''), false],
      [{ httpPath: [''] }, url('a/b'), false],
      [{ httpPath: [''] }, {}, false],
      [{ httpPath: ['API'] }, url('/api'), false],
      [{ httpPath: ['(?i)API'] }, url('/api'), true],
      [{ httpPath: ['#top$'] }, url('/a#top'), true],
      [{ httpPath: ['none', '^/a'] }, url('/a'), true],
    ]);
  });

  it('http_url: searched in the URL as it is', () => {
    assertAnswers([
      [{ httpUrl: ['x=1$'] }, url('/api?x=1'), true],
      [{ httpUrl: ['a%20b'] }, url('/a%20b'), true],
      [{ httpUrl: ['^http://h'] }, url('http://host/api'), true],
      [{ httpUrl: [''] }, url('a/b'), true],
      [{ httpUrl: [''] }, url(''), false],
      [{ httpUrl: [''] }, {}, false],
      [{ httpUrl: ['none', 'b'] }, url('a/b'), true],
    ]);
  });

  it('dns_query: searched in the query with its dot, an empty one too', () => {
    assertAnswers([
      [{ dnsQuery: ['^api\\.example\\.org\\.$'] }, query('api.example.org.'), true],
      [{ dnsQuery: ['example\\.org$'] }, query('api.example.org.'), false],
      [{ dnsQuery: ['example'] }, query('api.example.org.'), true],
      [{ dnsQuery: ['EXAMPLE'] }, query('api.example.org.'), false],
      [{ dnsQuery: [''] }, query(''), true],
      [{ dnsQuery: ['^$'] }, query(''), true],
      [{ dnsQuery: ['.'] }, query(''), false],
      [{ dnsQuery: [''] }, {}, false],
      [{ dnsQuery: [''] }, url('/'), false],
      [{ dnsQuery: ['x', 'org'] }, query('api.example.org.'), true],
    ]);
  });

  it('HTTP fields stand beside L7 events only, DNS fields beside any', () => {
    const l7 = { eventType: { type: 129 }, ...http({ code: 200, method: 'GET', url: '/' }) } as FlowInit;
    const fields = {
      httpStatusCode: ['200'],
      httpMethod: ['GET'],
      httpPath: ['/'],
      httpUrl: ['/'],
      httpHeader: [{}],
    };
    for (const [field, values] of Object.entries(fields)) {
      const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      for (const types of [[1], [0], [4, 1]]) {
        const filter = { [field]: values, eventType: types.map((type) => ({ type })) };
        assert.throws(() => matches({}, [filter]), {
          name: 'FilterError',
          field: 'event_type',
          message: `invalid event_type "${types.join(', ')}" in flow filter: ${name} needs event type 129 (l7) among them, or none`,
        });
      }
      const beside = { [field]: values, eventType: [{ type: 1 }, { type: 129 }] };
      assert.equal(matches(l7, [beside]), field !== 'httpHeader');
    }
    assert.equal(matches(query('a'), [{ dnsQuery: ['a'], eventType: [{ type: 4 }] }]), false);
  });

  it('a regular expression that is none is refused by field and value', () => {
    for (const [field, name] of [
      ['httpPath', 'http_path'],
      ['httpUrl', 'http_url'],
      ['dnsQuery', 'dns_query'],
    ]) {
      assert.throws(() => matches({}, [{ [field]: ['ok', 'a(b'] }]), {
        name: 'FilterError',
        field: name,
        message: `invalid ${name} "a(b" in flow filter: error parsing regexp: missing closing ): \`a(b\``,
      });
    }
  });
});
