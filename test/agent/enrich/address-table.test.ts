import assert from 'node:assert/strict';
import fc from 'fast-check';
import { it } from 'node:test';
import { AddressTable } from '../../../agent/enrich/address-table.ts';

const hex = (address: Uint8Array): string => Buffer.from(address).toString('hex');

// Few different bytes, so that addresses come up again and differ in one place only.
const byte = fc.constantFrom(0, 1, 10, 127, 128, 254, 255);
const address = fc.oneof(
  fc.array(byte, { minLength: 4, maxLength: 4 }),
  fc.array(byte, { minLength: 16, maxLength: 16 }),
);
const step = fc.record({ address: address.map((bytes) => Uint8Array.from(bytes)), remove: fc.boolean() });

it('holds what a map by text would hold, whatever the order of changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), fc.nat(13), (steps, at) => {
      const table = new AddressTable<number>();
      const expected = new Map<string, number>();
      for (const [i, { address, remove }] of steps.entries()) {
        if (remove) {
          table.delete(address);
          expected.delete(hex(address));
        } else {
          table.set(address, i);
          expected.set(hex(address), i);
        }
      }
      assert.equal(table.size, expected.size);
      for (const { address } of steps) {
        const packet = new Uint8Array(40);
        packet.set(address, at);
        assert.equal(table.get(packet, at, address.length === 16), expected.get(hex(address)));
      }
    }),
  );
});

it('keeps thousands of IPv6 addresses of one subnet apart while they come and go', () => {
  const table = new AddressTable<number>();
  const addressOf = (i: number): Uint8Array =>
    Uint8Array.of(0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, i >> 8, i & 255);
  for (let i = 0; i < 5000; i++) table.set(addressOf(i), i);
  for (let i = 0; i < 5000; i += 3) table.delete(addressOf(i));
  for (let i = 0; i < 5000; i++) {
    assert.equal(table.get(addressOf(i), 0, true), i % 3 === 0 ? undefined : i);
  }
  assert.equal(table.size, 3333);
});

it('does not take an IPv4 address for an IPv6 one that begins with it', () => {
  const table = new AddressTable<string>();
  table.set(Uint8Array.of(10, 0, 0, 1), 'v4');
  const packet = new Uint8Array(16);
  packet.set([10, 0, 0, 1]);
  assert.equal(table.get(packet, 0, true), undefined);
  assert.equal(table.get(packet, 0, false), 'v4');
});
