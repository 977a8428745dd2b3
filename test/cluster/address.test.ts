import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalCidr, canonicalIp, formatIp, parseIp } from '../../cluster/address.ts';

describe('canonicalIp()', () => {
  // The rules of RFC 5952 section 4, one by one.
  const cases: readonly (readonly [string, string | null])[] = [
    ['10.1.2.3', '10.1.2.3'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['fe80:0:0:0:0:0:0:0', 'fe80::'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::ffff:a01:203', '10.1.2.3'],
    ['10.1.2', null],
    ['10.01.2.3', null],
    ['256.0.0.1', null],
    ['fe80::1%eth0', null],
    ['1::2::3', null],
    ['', null],
    [' 10.0.0.1', null],
  ];
  for (const [text, canonical] of cases) {
    it(`reads "${text}" as ${canonical}`, () => assert.equal(canonicalIp(text), canonical));
  }

  it('keeps the bytes of any address, and what it prints is stable', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.subarray([0, 2, 4, 6, 8, 10, 12, 14]),
        (bytes, zeroed) => {
          for (const i of zeroed) bytes.fill(0, i, i + 2);
          const text = formatIp(bytes);
          assert.deepEqual(parseIp(text), bytes);
          // The URL standard's printer is the oracle for all but IPv4-mapped addresses, which it prints in hexadecimal.
          if (!text.includes('.')) assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
        },
      ),
    );
  });
});

describe('canonicalCidr()', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['10.1.2.3/16', '10.1.0.0/16'],
    ['10.1.2.3/23', '10.1.2.0/23'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['FD00:1:2:3::5/63', 'fd00:1:2:2::/63'],
    ['10.1.2.3', null],
    ['10.1.2.3/33', null],
    ['::/129', null],
    ['::/01', null],
  ];
  for (const [text, canonical] of cases) {
    it(`reads "${text}" as ${canonical}`, () => assert.equal(canonicalCidr(text), canonical));
  }
});
