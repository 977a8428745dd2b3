import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import { type DnsLayer, dnsSummary } from '../../../proto/flow/dns-summary.ts';
import { DnsEncoder } from '../../../proto/flow/encode-dns.ts';
import { L7FlowType, Layer7Schema } from '../../../proto/gen/flow/flow_pb.ts';

const QUESTION: DnsLayer = {
  isResponse: false,
  latencyNs: 0,
  query: 'bank.example.',
  qtypes: ['A'],
  ips: [],
  cnames: [],
  ttlSeconds: 0,
  rcode: 0,
  rrtypes: [],
};
const ANSWER: DnsLayer = { ...QUESTION, isResponse: true, latencyNs: 1234, ttlSeconds: 30 };
const summary = (dns: DnsLayer): string => Buffer.from(new DnsEncoder().summary(dns)).toString();

describe('the DNS layer of a flow', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 300 });
  const dns = fc.record({
    isResponse: fc.boolean(),
    latencyNs: fc.oneof(fc.constant(0), fc.nat(2 ** 31), fc.constant(29_999_999_999)),
    query: text.filter((query) => query !== ''),
    qtypes: fc.array(fc.constantFrom('A', 'AAAA', 'TYPE4711'), { maxLength: 4 }),
    ips: fc.array(fc.constantFrom('192.0.2.1', '2001:db8::1'), { maxLength: 116 }),
    cnames: fc.array(text, { maxLength: 16 }),
    ttlSeconds: fc.oneof(fc.constant(0), fc.nat()),
    rcode: fc.nat(15),
    rrtypes: fc.array(fc.constantFrom('A', 'CNAME'), { maxLength: 116 }),
  });

  it('is byte for byte what protobuf-es writes', () => {
    const encoder = new DnsEncoder();
    fc.assert(
      fc.property(dns, (layer) => {
        const { isResponse, latencyNs, query, qtypes, ips, cnames, ttlSeconds, rcode, rrtypes } = layer;
        const answer = isResponse ? { ips, ttl: ttlSeconds, cnames, rcode, rrtypes } : {};
        const expected = create(Layer7Schema, {
          type: isResponse ? L7FlowType.RESPONSE : L7FlowType.REQUEST,
          latencyNs: BigInt(latencyNs),
          record: { case: 'dns', value: { query, observationSource: 'proxy', qtypes, ...answer } },
        });
        assert.deepEqual(Buffer.from(encoder.layer7(layer)), Buffer.from(toBinary(Layer7Schema, expected)));
        assert.equal(Buffer.from(encoder.summary(layer)).toString(), dnsSummary(layer));
      }),
    );
  });

  it('has a bound', () => {
    const cnames = Array.from({ length: 150 }, () => 'x'.repeat(1000));
    assert.throws(() => new DnsEncoder().layer7({ ...ANSWER, cnames }), {
      name: 'RangeError',
      message: 'DNS message of 150682 bytes as text, expected at most 131072',
    });
  });
});

describe('the summary of a DNS flow', () => {
  it('of a question has name and types', () => {
    assert.equal(summary({ ...QUESTION, qtypes: ['A', 'AAAA'] }), 'DNS Query bank.example. A,AAAA');
  });

  it('of an answer has addresses, aliases, TTL and the question', () => {
    assert.equal(
      summary({ ...ANSWER, ips: ['192.0.2.1', '2001:db8::1'] }),
      'DNS Answer "192.0.2.1,2001:db8::1" TTL: 30 (Proxy bank.example. A)',
    );
    assert.equal(
      summary({ ...ANSWER, ips: ['192.0.2.1'], cnames: ['a.example.', 'b\\.c"d.example.'] }),
      'DNS Answer "192.0.2.1" CNAMEs: "a.example.,b\\\\.c\\"d.example." TTL: 30 (Proxy bank.example. A)',
    );
    assert.equal(summary(ANSWER), 'DNS Answer  TTL: 30 (Proxy bank.example. A)');
  });

  it('of a refusal has its reason', () => {
    const refused = (rcode: number): string => summary({ ...ANSWER, ttlSeconds: 0, rcode });
    assert.equal(refused(3), 'DNS Answer RCode: Non-Existent Domain TTL: 0 (Proxy bank.example. A)');
    assert.equal(refused(2), 'DNS Answer RCode: Server Failure TTL: 0 (Proxy bank.example. A)');
    assert.equal(refused(15), 'DNS Answer RCode: 15 TTL: 0 (Proxy bank.example. A)');
  });
});
