import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cidrLabel, parseLabel } from '../../../policy/select/label.ts';

describe('parseLabel()', () => {
  it('takes source, key and value apart', () => {
    const cases: readonly (readonly [text: string, source: string, key: string, value: string])[] = [
      ['k8s:app=web', 'k8s', 'app', 'web'],
      ['k8s:app.kubernetes.io/name=a=b', 'k8s', 'app.kubernetes.io/name', 'a=b'],
      ['reserved:host', 'reserved', 'host', ''],
      ['k8s:empty=', 'k8s', 'empty', ''],
      ['app=x:y', 'unspec', 'app', 'x:y'],
      ['bare', 'unspec', 'bare', ''],
    ];
    for (const [text, source, key, value] of cases) {
      assert.deepEqual(parseLabel(text), { text, source, key, value, cidr: null });
    }
  });

  it('reads the range of a cidr label', () => {
    assert.deepEqual(parseLabel('cidr:10.0.0.0/8').cidr, { bytes: Uint8Array.of(10, 0, 0, 0), bits: 8 });
    assert.equal(parseLabel('k8s:10.0.0.0/8').cidr, null);
  });
});

describe('cidrLabel()', () => {
  it('writes colons as dashes, with a zero at the ends, and is read back', () => {
    const cases: readonly (readonly [cidr: string, label: string, firstByte: number, lastByte: number])[] = [
      ['10.0.0.0/8', 'cidr:10.0.0.0/8', 10, 0],
      ['2001:db8::1/128', 'cidr:2001-db8--1/128', 0x20, 1],
      ['fd00::/8', 'cidr:fd00--0/8', 0xfd, 0],
      ['::1/128', 'cidr:0--1/128', 0, 1],
    ];
    for (const [cidr, label, firstByte, lastByte] of cases) {
      assert.equal(cidrLabel(cidr), label);
      const read = parseLabel(label).cidr;
      assert.equal(read?.bits, Number(cidr.split('/')[1]));
      assert.deepEqual([read.bytes[0], read.bytes.at(-1)], [firstByte, lastByte]);
    }
  });
});
