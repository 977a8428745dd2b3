import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { type DnsMessage, type NoDnsMessage, parseDnsMessage } from '../../../agent/dns/parse-message.ts';
import { formatIp } from '../../../cluster/index.ts';
import {
  A,
  AAAA,
  CNAME,
  message,
  name,
  OPT,
  pointer,
  record,
  RESPONSE,
  TRUNCATED,
} from './support/build-message.ts';

const parse = (bytes: Uint8Array, sentBytes = bytes.length): DnsMessage | NoDnsMessage =>
  parseDnsMessage(bytes, 0, bytes.length, sentBytes);

function read(bytes: Uint8Array, sentBytes = bytes.length): DnsMessage {
  const parsed = parse(bytes, sentBytes);
  assert.equal(parsed.kind, 'message');
  return parsed;
}

const kindOf = (bytes: Uint8Array, sentBytes = bytes.length): string => parse(bytes, sentBytes).kind;
const texts = ({ addresses }: DnsMessage): string[] => addresses.map(formatIp);
const namedTexts = ({ named }: DnsMessage): string[] => named.map(({ address }) => formatIp(address));
const ipv4 = Uint8Array.of(192, 0, 2, 1);
const ipv6 = Uint8Array.from([0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1]);

describe('a DNS message', () => {
  it('that asks tells name and type', () => {
    const question = read(
      message({ id: 0xabcd, flags: 0x0100, names: [name('WWW.Example.org')], type: AAAA }),
    );
    assert.deepEqual(question, {
      kind: 'message',
      id: 0xabcd,
      isResponse: false,
      rcode: 0,
      query: 'www.example.org.',
      qtypes: ['AAAA'],
      addresses: [],
      named: [],
      cnames: [],
      rrtypes: [],
      ttlSeconds: 0,
      isWhole: true,
    });
  });

  it('that answers tells addresses, aliases, the types of all records and the least TTL', () => {
    const alias = name('cdn.example.net');
    const answer = read(
      message({
        answers: [
          record({ type: CNAME, data: alias, ttl: 300 }),
          record({ owner: alias, type: A, data: ipv4, ttl: 20 }),
          record({ owner: alias, type: AAAA, data: ipv6, ttl: 40 }),
          record({ type: 16, data: Uint8Array.of(1, 0x41), ttl: 90 }),
          record({ type: 4711, data: new Uint8Array(3), ttl: 90 }),
        ],
        rest: record({ owner: Uint8Array.of(0), type: OPT, data: new Uint8Array(0), dnsClass: 1232 }),
      }),
    );
    assert.deepEqual(texts(answer), ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(namedTexts(answer), ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(
      answer.named.map(({ ttlSeconds }) => ttlSeconds),
      [20, 40],
    );
    assert.deepEqual(answer.cnames, ['cdn.example.net.']);
    assert.deepEqual(answer.rrtypes, ['CNAME', 'A', 'AAAA', 'TXT', 'TYPE4711']);
    assert.equal(answer.ttlSeconds, 20);
    assert.ok(answer.isWhole);
  });

  it('that refuses tells its code, and no TTL', () => {
    const answer = read(message({ flags: RESPONSE | 3 }));
    assert.deepEqual([answer.rcode, answer.ttlSeconds, answer.rrtypes], [3, 0, []]);
  });

  it('gives addresses under a name that was not asked for, but does not name them by it', () => {
    const answer = read(
      message({
        answers: [
          record({ owner: name('evil.example'), type: A, data: Uint8Array.of(8, 8, 8, 8) }),
          record({ type: A, data: ipv4 }),
        ],
      }),
    );
    assert.deepEqual(texts(answer), ['8.8.8.8', '192.0.2.1']);
    assert.deepEqual(namedTexts(answer), ['192.0.2.1']);
  });

  it('takes a TTL with its top bit set for none, and other classes for no addresses', () => {
    const answer = read(
      message({
        answers: [
          record({ type: A, data: ipv4, ttl: 0x80000001 }),
          record({ type: A, data: Uint8Array.of(1, 2), dnsClass: 3 }),
        ],
      }),
    );
    assert.deepEqual([answer.ttlSeconds, texts(answer)], [0, ['192.0.2.1']]);
  });

  it('may ask for several types, the first name counting', () => {
    const question = read(message({ flags: 0, names: [name('a.example'), name('b.example')] }));
    assert.deepEqual([question.query, question.qtypes], ['a.example.', ['A', 'A']]);
    assert.equal(
      kindOf(message({ flags: 0, names: Array.from({ length: 5 }, () => name('a')) })),
      'malformed',
    );
    assert.equal(kindOf(message({ names: [] })), 'malformed');
  });

  it('that is an update or a notice asks for nothing', () => {
    assert.equal(kindOf(message({ flags: 5 << 11 })), 'other');
    assert.equal(kindOf(message({ flags: 4 << 11 })), 'other');
  });

  it('that is none is malformed', () => {
    for (const text of ['', 'GET / HTTP/1', 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n']) {
      assert.notEqual(kindOf(Buffer.from(text)), 'message', text);
    }
  });

  it('with a record that breaks the rules is malformed as a whole', () => {
    const good = record({ type: A, data: ipv4 });
    const cases: Record<string, Uint8Array> = {
      'an address of three bytes': record({ type: A, data: ipv4.subarray(1) }),
      'an IPv6 address of four': record({ type: AAAA, data: ipv4 }),
      'an alias that ends early': record({
        type: CNAME,
        data: Buffer.concat([name('x.y'), Uint8Array.of(0)]),
      }),
      'an alias that runs over its end': record({ type: CNAME, data: name('x.y'), length: 3 }),
      'data beyond the end': record({ type: A, data: ipv4, length: 400 }),
      'a name of a reserved kind': record({ owner: Uint8Array.of(0x80, 1, 0), type: A, data: ipv4 }),
    };
    for (const [what, bad] of Object.entries(cases)) {
      assert.equal(kindOf(message({ answers: [good, bad] })), 'malformed', what);
    }
    assert.equal(kindOf(message({ answers: [good], counts: { answers: 2 } })), 'malformed', 'one missing');
  });

  it('that its server cut off gives what is there, and says so', () => {
    const answers = [record({ type: A, data: ipv4 })];
    const cut = read(message({ flags: RESPONSE | TRUNCATED, answers, counts: { answers: 9 } }));
    assert.deepEqual([texts(cut), cut.isWhole], [['192.0.2.1'], false]);
    assert.equal(read(message({ flags: RESPONSE | TRUNCATED })).isWhole, false);
  });

  it('captured in part gives the answers up to there, and says so', () => {
    const count = 20;
    const whole = message({
      answers: Array.from({ length: count }, (_, i) =>
        record({ type: A, data: Uint8Array.of(192, 0, 2, i) }),
      ),
    });
    const all = texts(read(whole));
    assert.equal(all.length, count);
    for (let bytes = 0; bytes < whole.length; bytes++) {
      const part = parse(whole.subarray(0, bytes), whole.length);
      if (bytes < 33) {
        assert.equal(part.kind, 'cut', `${bytes} bytes`);
        continue;
      }
      assert.equal(part.kind, 'message');
      assert.equal(part.isWhole, false);
      assert.deepEqual(texts(part), all.slice(0, Math.floor((bytes - 33) / 16)));
      // Type and TTL of a record stand before its data.
      assert.equal(part.rrtypes.length, Math.floor((bytes - 33 + 4) / 16));
      assert.equal(kindOf(whole.subarray(0, bytes)), 'malformed', 'when nothing else was sent');
    }
  });

  it('keeps sixteen aliases of any number, so that a few bytes do not become many', () => {
    const long = name(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(60)}`);
    const answers = Array.from({ length: 70 }, () => record({ type: CNAME, data: pointer(12) }));
    const answer = read(message({ names: [long], answers }));
    assert.deepEqual([answer.cnames.length, answer.rrtypes.length, answer.isWhole], [16, 70, false]);
  });

  it('is read wherever it lies in memory', () => {
    const bytes = message({ answers: [record({ type: A, data: ipv4 })] });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 }), (before, after) => {
        const memory = Buffer.concat([before, bytes, after]);
        const there = parseDnsMessage(memory, before.length, before.length + bytes.length, bytes.length);
        assert.deepEqual(there, parse(bytes));
      }),
    );
  });
});

describe('a name in a DNS message', () => {
  const query = (bytes: Uint8Array): string => read(message({ flags: 0, names: [bytes] })).query;

  it('is written as in a master file', () => {
    assert.equal(query(name('')), '.');
    assert.equal(query(name('a-b_c.EXAMPLE')), 'a-b_c.example.');
    assert.equal(query(name('a b\x00\x7f\xff')), 'a\\032b\\000\\127\\255.');
    assert.equal(query(Buffer.from('\x04a.\\b\x00', 'latin1')), 'a\\.\\\\b.');
    assert.equal(query(name('<script>&"')), '<script>&".');
  });

  it('has 255 bytes and labels of 63 at most', () => {
    const label = (length: number): string => 'x'.repeat(length);
    const longest = [label(63), label(63), label(63), label(61)].join('.');
    assert.equal(query(name(longest)), `${longest}.`);
    for (const bad of [`${longest}x`, label(64), `${longest}.y`, label(200)]) {
      assert.equal(kindOf(message({ flags: 0, names: [name(bad)] })), 'malformed', bad);
    }
  });

  it('is as long as that through pointers, too', () => {
    const first = name(['a', 'b', 'c'].map((letter) => letter.repeat(60)).join('.'));
    const second = (length: number): Uint8Array =>
      Buffer.concat([name('d'.repeat(length)).subarray(0, length + 1), pointer(12)]);
    const answerWith = (length: number): Uint8Array =>
      message({ names: [first], answers: [record({ type: CNAME, data: second(length) })] });
    assert.equal(read(answerWith(60)).cnames[0].length, 4 * 61);
    assert.equal(kindOf(answerWith(63)), 'message');
    const tooLong = Buffer.concat([name(`${'d'.repeat(60)}.${'e'.repeat(12)}`).subarray(0, 74), pointer(12)]);
    assert.equal(
      kindOf(message({ names: [first], answers: [record({ type: CNAME, data: tooLong })] })),
      'malformed',
    );
  });

  it('never goes in circles', () => {
    const loops: Record<string, Uint8Array> = {
      'a pointer to itself': pointer(12),
      'a pointer into itself': Buffer.concat([Uint8Array.of(1, 0x61), pointer(12)]),
      'a pointer ahead': pointer(20),
      'a pointer to the header': Buffer.concat([Uint8Array.of(1, 0x61), pointer(0)]),
    };
    for (const [what, bytes] of Object.entries(loops)) {
      const kind = kindOf(message({ id: 0, flags: 0, names: [bytes] }));
      // The header begins with zeros here, which is the root's name: legal, if odd.
      assert.equal(kind, what === 'a pointer to the header' ? 'message' : 'malformed', what);
    }
    const twoPointers = message({ answers: [record({ owner: pointer(35), type: A, data: ipv4 })] });
    assert.equal(kindOf(twoPointers), 'malformed');
  });

  it('follows 32 pointers and no more', () => {
    /** A TXT record of pointers, each to the one before it, the first to the question's name; then an answer owned by the last. */
    const chain = (length: number): Uint8Array => {
      const start = 33 + 12;
      const data = Buffer.concat(
        Array.from({ length }, (_, i) => pointer(i === 0 ? 12 : start + 2 * (i - 1))),
      );
      const owner = pointer(start + 2 * (length - 1));
      return message({ answers: [record({ type: 16, data }), record({ owner, type: A, data: ipv4 })] });
    };
    assert.deepEqual(namedTexts(read(chain(31))), ['192.0.2.1']);
    assert.equal(kindOf(chain(32)), 'malformed');
  });
});
