import assert from 'node:assert/strict';
import dnsPacket, { type DecodedPacket, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { type DnsMessage, parseDnsMessage } from '../../../agent/dns/parse-message.ts';
import { formatIp } from '../../../cluster/index.ts';
import { seededRandom } from '../../bpf/support/mutate-packet.ts';
import {
  A,
  AAAA,
  CNAME,
  message,
  name,
  pointer,
  record,
  RESPONSE,
  TRUNCATED,
} from './support/build-message.ts';

const MUTATIONS = 150_000;
/** Whatever the bytes are: no more than the bounds let through. */
const MAX_NAME_TEXT = 4 * 255;

function checkBounds(
  { query, qtypes, cnames, addresses, named, rrtypes, ttlSeconds }: DnsMessage,
  bytes: number,
): void {
  for (const text of [query, ...cnames]) {
    assert.ok(text.length <= MAX_NAME_TEXT && /^(\.|([\x21-\x7e]+\.))$/.test(text), JSON.stringify(text));
    assert.doesNotMatch(text, /[A-Z]/);
  }
  assert.ok(qtypes.length <= 4 && cnames.length <= 16 && rrtypes.length <= bytes / 11);
  assert.ok(named.length <= addresses.length && addresses.length <= rrtypes.length);
  assert.ok(ttlSeconds >= 0 && ttlSeconds < 2 ** 31);
  for (const address of addresses) assert.ok(address.length === 4 || address.length === 16);
}

const isPlain = (text: string): boolean => /^[a-z0-9._-]*$/.test(text);

/** The same message by another parser; null when it has something against it, or has names that it writes in its own way. */
function otherReading(
  bytes: Uint8Array,
): (Pick<DnsMessage, 'query' | 'cnames' | 'rrtypes'> & { ips: string[] }) | null {
  let packet: DecodedPacket;
  try {
    packet = dnsPacket.decode(Buffer.from(bytes));
  } catch {
    return null;
  }
  const { questions = [], answers = [] } = packet;
  const lower = (text: string): string => (text === '.' ? '.' : `${text.toLowerCase()}.`);
  const ips: string[] = [];
  const cnames: string[] = [];
  for (const answer of answers) {
    // Multicast DNS's mark of an answer; no class of the usual kind.
    if ('flush' in answer && answer.flush === true) return null;
    if (!('class' in answer) || answer.class !== 'IN') continue;
    if (answer.type === 'A' || answer.type === 'AAAA') ips.push(answer.data);
    if (answer.type === 'CNAME') cnames.push(lower(answer.data));
  }
  const query = lower(questions[0]?.name ?? '');
  if (![query, ...cnames].every(isPlain)) return null;
  return { query, ips, cnames, rrtypes: answers.map(({ type }) => type.replace('UNKNOWN_', 'TYPE')) };
}

/** IPv6 text of the other parser is not canonical. */
const canonical = (ip: string): string =>
  ip.includes(':') ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;

const alias = name('cdn.example.net');
const seeds: readonly Uint8Array[] = [
  message({ flags: 0x0100 }),
  message({ flags: 0x0100, names: [name('a.b.c.d.e.f'), name('g')], type: AAAA }),
  message({ answers: [record({ type: A, data: Uint8Array.of(192, 0, 2, 1) })] }),
  message({ flags: RESPONSE | 3, rest: record({ type: 6, data: new Uint8Array(30) }) }),
  message({
    flags: RESPONSE | TRUNCATED,
    answers: [record({ type: AAAA, data: new Uint8Array(16).fill(9) })],
  }),
  message({
    answers: [
      record({ type: CNAME, data: alias }),
      record({ owner: pointer(45), type: CNAME, data: Buffer.concat([Uint8Array.of(1, 0x78), pointer(16)]) }),
      ...Array.from({ length: 8 }, (_, i) =>
        record({ owner: alias, type: A, data: Uint8Array.of(10, 0, 0, i) }),
      ),
      record({ type: 16, data: Uint8Array.of(3, 1, 2, 3) }),
    ],
  }),
];

/** A copy with one to five bytes, counts or ends changed. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Buffer {
  let mutated = Buffer.from(bytes);
  for (let changes = 1 + random(5); changes > 0 && mutated.length > 0; changes--) {
    const at = random(mutated.length);
    switch (random(7)) {
      case 0:
        mutated[at] ^= 1 << random(8);
        break;
      case 1:
        mutated[at] = [0, 1, 3, 12, 63, 64, 0x80, 0xc0, 0xff][random(9)];
        break;
      case 2:
        // A pointer to anywhere.
        mutated[at] = 0xc0 | random(2);
        if (at + 1 < mutated.length) mutated[at + 1] = random(Math.min(256, mutated.length + 4));
        break;
      case 3:
        mutated = mutated.subarray(0, at);
        break;
      case 4:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random(4))]);
        break;
      case 5:
        mutated = Buffer.concat([
          mutated.subarray(0, at),
          mutated.subarray(0, random(40)),
          mutated.subarray(at),
        ]);
        break;
      default:
        if (mutated.length >= 8) mutated[4 + random(4)] = random(256);
    }
  }
  return mutated;
}

describe('reading DNS messages that somebody broke', () => {
  it(`never throws and stays within its bounds: ${MUTATIONS.toLocaleString('en')} mutations`, () => {
    const random = seededRandom(20_240_917);
    const kinds = new Map<string, number>();
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = mutate(seeds[random(seeds.length)], random);
      const parsed = parseDnsMessage(
        bytes,
        0,
        bytes.length,
        bytes.length + (random(3) === 0 ? random(100) : 0),
      );
      kinds.set(parsed.kind, (kinds.get(parsed.kind) ?? 0) + 1);
      if (parsed.kind === 'message') checkBounds(parsed, bytes.length);
    }
    // The mutations reach all outcomes, or this would test nothing.
    for (const kind of ['message', 'malformed', 'cut', 'other'])
      assert.ok((kinds.get(kind) ?? 0) > 500, kind);
  });

  it('takes random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), fc.nat(100), (bytes, more) => {
        const parsed = parseDnsMessage(bytes, 0, bytes.length, bytes.length + more);
        if (parsed.kind === 'message') checkBounds(parsed, bytes.length);
      }),
      { numRuns: 5000 },
    );
  });

  it('agrees with another parser wherever both can read', () => {
    const random = seededRandom(4711);
    let compared = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = mutate(seeds[random(seeds.length)], random);
      const parsed = parseDnsMessage(bytes, 0, bytes.length, bytes.length);
      if (parsed.kind !== 'message' || !parsed.isWhole || !parsed.isResponse) continue;
      const other = otherReading(bytes);
      if (other === null) continue;
      if (![parsed.query, ...parsed.cnames].every(isPlain)) continue;
      compared++;
      assert.equal(parsed.query, other.query, bytes.toString('hex'));
      assert.deepEqual(parsed.cnames, other.cnames, bytes.toString('hex'));
      assert.deepEqual(parsed.addresses.map(formatIp), other.ips.map(canonical), bytes.toString('hex'));
    }
    assert.ok(compared > 1000, `${compared} compared`);
  });
});

describe('reading DNS messages that another library wrote', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
  const domain = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
  const octet = fc.nat(255);
  const answer = fc.oneof(
    fc.record({
      type: fc.constant('A' as const),
      data: fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
    }),
    fc.record({
      type: fc.constant('AAAA' as const),
      data: fc.constantFrom('::1', '2001:db8::5', 'fe80::1:2'),
    }),
    fc.record({ type: fc.constant('CNAME' as const), data: domain }),
    fc.record({ type: fc.constant('TXT' as const), data: fc.string({ maxLength: 20 }) }),
    fc.record({
      type: fc.constant('MX' as const),
      data: domain.map((exchange) => ({ preference: 1, exchange })),
    }),
  );

  it('finds what was put in', () => {
    fc.assert(
      fc.property(
        fc.nat(65_535),
        domain,
        fc.constantFrom<RecordType>('A', 'AAAA', 'MX', 'TXT', 'SRV'),
        fc.array(fc.record({ body: answer, ttl: fc.nat(100_000) }), { maxLength: 8 }),
        fc.boolean(),
        (id, query, type, records, hasEdns) => {
          const answers = records.map(({ body, ttl }) => ({
            ...body,
            name: query,
            ttl,
            class: 'IN' as const,
          }));
          const bytes = dnsPacket.encode({
            type: 'response',
            id,
            questions: [{ type, name: query }],
            answers,
            additionals: hasEdns
              ? [
                  {
                    type: 'OPT',
                    name: '.',
                    udpPayloadSize: 1232,
                    extendedRcode: 0,
                    ednsVersion: 0,
                    flags: 0,
                    flag_do: false,
                    options: [],
                  },
                ]
              : [],
          });
          const parsed = parseDnsMessage(bytes, 0, bytes.length, bytes.length);
          assert.equal(parsed.kind, 'message');
          assert.equal(parsed.id, id);
          assert.equal(parsed.query, `${query}.`);
          assert.deepEqual(parsed.qtypes, [type]);
          assert.deepEqual(
            parsed.rrtypes,
            answers.map((one) => one.type),
          );
          assert.equal(
            parsed.ttlSeconds,
            records.length === 0 ? 0 : Math.min(...records.map(({ ttl }) => ttl)),
          );
          const dataOf = (...types: string[]): string[] =>
            records.flatMap(({ body }) =>
              types.includes(body.type) && typeof body.data === 'string' ? [body.data] : [],
            );
          assert.deepEqual(parsed.addresses.map(formatIp), dataOf('A', 'AAAA'));
          assert.deepEqual(
            parsed.cnames,
            dataOf('CNAME').map((target) => `${target}.`),
          );
          assert.ok(parsed.isWhole);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
