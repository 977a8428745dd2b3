import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { parseCidr, parseIp, rangeContains } from '../../../proto/flow/ip.ts';
import { putIpv4Text, putIpv6Text } from '../../../proto/flow/put-text.ts';

const hex = (text: string): string | null => {
  const bytes = parseIp(text);
  return bytes && Buffer.from(bytes).toString('hex');
};

describe('parseIp', () => {
  it('accepts just what the platform accepts, zones left out', () => {
    // Texts near enough to addresses that many of them are some.
    const part = fc.constantFrom(
      '0',
      '1',
      '00',
      '255',
      '256',
      'ff',
      'FFFF',
      '12345',
      '',
      'g',
      '1.2.3.4',
      '9.9.9',
    );
    const text = fc
      .tuple(fc.array(part, { maxLength: 9 }), fc.constantFrom(':', ':', '.', '::'))
      .map(([parts, separator]) => parts.join(separator));
    fc.assert(
      fc.property(text, (text) => {
        assert.equal(parseIp(text)?.length ?? 0, { 0: 0, 4: 4, 6: 16 }[isIP(text)], JSON.stringify(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it('reads the value of every form', () => {
    assert.equal(hex('1.22.0.255'), '011600ff');
    assert.equal(hex('::'), '0'.repeat(32));
    assert.equal(hex('::1'), `${'0'.repeat(31)}1`);
    assert.equal(hex('2001:DB8::8:0'), '20010db8000000000000000000080000');
    assert.equal(hex('1::'), `0001${'0'.repeat(28)}`);
    assert.equal(hex('1:2:3:4:5:6:7::'), '00010002000300040005000600070000');
    assert.equal(hex('::ffff:10.0.0.1'), `${'0'.repeat(20)}ffff0a000001`);
    assert.equal(hex('1:2:3:4:5:6:1.2.3.4'), '00010002000300040005000601020304');
  });

  it('refuses zones, leading zeros, misplaced IPv4 parts and whatever is too long or too short', () => {
    const shortOrLong = ',x,1,1.2.3,1.2.3.4.5,1.2.3.256,1.2.3.,1:,:1,1:2,12345::,1:2:3:4:5:6:7:8::,::1::,:::';
    const decorated = '01.2.3.4, 1.2.3.4,1.2.3.4 ,+1.2.3.4,fe80::1%eth0,1.2.3.4%eth0,::\u0661';
    const misplaced = '1.2.3.4::,::1.2.3.4:1,1:1.2.3.4,1:2:3:4:5:6:7:1.2.3.4';
    for (const text of [shortOrLong, decorated, misplaced].flatMap((texts) => texts.split(','))) {
      assert.equal(parseIp(text), null, text);
    }
  });
});

describe('address text', () => {
  const written = (bytes: Uint8Array, put: typeof putIpv6Text): string => {
    const out = new Uint8Array(64);
    return Buffer.from(out.subarray(0, put(new DataView(out.buffer), 0, bytes, 0))).toString();
  };

  it('is written so that it is read back the same', () => {
    const byte = fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255));
    fc.assert(
      fc.property(fc.tuple(...Array.from({ length: 16 }, () => byte)), (bytes) => {
        const address = Uint8Array.from(bytes);
        assert.deepEqual(parseIp(written(address, putIpv6Text)), address);
        assert.deepEqual(parseIp(written(address, putIpv4Text)), address.slice(0, 4));
      }),
    );
  });

  it('is the form of RFC 5952', () => {
    for (const [group, text] of [
      // Sections 4.1 to 4.3 and 5 of the RFC.
      ['2001:0db8:0000:0000:0000:0000:0002:0001', '2001:db8::2:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:DB8::ABCD', '2001:db8::abcd'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['1:0:0:0:0:0:0:0', '1::'],
      ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
      ['::1.2.3.4', '::102:304'],
    ]) {
      assert.equal(written(parseIp(group) as Uint8Array, putIpv6Text), text);
    }
  });
});

describe('parseCidr', () => {
  it('wants a prefix length that fits, in plain decimals', () => {
    assert.deepEqual(parseCidr('10.1.2.3/8'), { bytes: Uint8Array.of(10, 1, 2, 3), bits: 8 });
    assert.equal(parseCidr('::/128')?.bits, 128);
    for (const text of [
      '10.0.0.0',
      '10.0.0.0/',
      '10.0.0.0/33',
      '::/129',
      '::/08',
      '::/+8',
      '1.2.3.0/24/8',
      '/8',
    ]) {
      assert.equal(parseCidr(text), null, text);
    }
    assert.equal(parseCidr('fe80::%eth0/64'), null);
  });
});

describe('rangeContains', () => {
  it('agrees with the bits written out', () => {
    const bits = (bytes: Uint8Array): string =>
      [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    const flips = fc.nat(127);
    fc.assert(
      fc.property(address, fc.nat(128), flips, fc.boolean(), (bytes, length, flip, other) => {
        const range = { bytes, bits: Math.min(length, bytes.length * 8) };
        // The same address with one bit turned over, so that both answers come up.
        const near = bytes.slice();
        near[(flip >> 3) % bytes.length] ^= 128 >> (flip & 7);
        const inside = bits(near).slice(0, range.bits) === bits(bytes).slice(0, range.bits);
        assert.equal(rangeContains(range, near), inside);
        assert.ok(rangeContains(range, bytes));
        if (other) assert.equal(rangeContains(range, new Uint8Array(20 - bytes.length)), false);
      }),
    );
  });
});
