import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  conntrackFlags,
  conntrackLayouts,
  conntrackLifetimes,
  CT_TICK_SHIFT,
  decodeConntrack,
} from '../../../agent/datapath/conntrack-entry.ts';
import { readCHeader } from '../../../bench/support/c-header.ts';
import { packStruct } from '../../../bench/support/c-struct.ts';
import { formatIp } from '../../../cluster/index.ts';
import { parseIp } from '../../../proto/flow/ip.ts';

const header = readCHeader('maps_shared.h');
const ip = (text: string): Uint8Array => parseIp(text)!;
/** As the programs write a port: in network order. */
const networkOrder = (port: number): number => ((port & 0xff) << 8) | (port >> 8);
const TICK_NS = 2n ** BigInt(CT_TICK_SHIFT);

function key4(lowPort: number, highPort: number, proto: number): Uint8Array {
  return packStruct(header, 'ct4_key', {
    low_address: ip('10.0.0.1'),
    high_address: ip('10.0.0.2'),
    low_port: networkOrder(lowPort),
    high_port: networkOrder(highPort),
    proto,
  });
}

/** Sets elements of an array, which `packStruct` does not. */
function withArray(entry: Uint8Array, offset: number, size: 4 | 8, values: readonly number[]): Uint8Array {
  const bytes = Buffer.from(entry);
  for (const [i, value] of values.entries()) {
    if (size === 8) bytes.writeBigUInt64LE(BigInt(value), offset + i * size);
    else bytes.writeUInt32LE(value, offset + i * size);
  }
  return bytes;
}

describe('a conntrack entry', () => {
  for (const [name, { size, ...offsets }] of Object.entries(conntrackLayouts)) {
    it(`has the layout of struct ${name}`, () => {
      const struct = header.structs.get(name);
      assert.ok(struct, `no struct ${name} in the header`);
      assert.equal(size, struct.size);
      const fields = [...struct.fields].filter(([field]) => field !== 'pad');
      assert.deepEqual(
        { ...offsets },
        Object.fromEntries(fields.map(([field, { offset }]) => [field, offset])),
      );
    });
  }

  it('has the numbers of the programs', () => {
    assert.equal(CT_TICK_SHIFT, header.defines.get('CT_TICK_SHIFT'));
    assert.deepEqual(conntrackFlags, {
      initiatorHigh: header.defines.get('CT_INITIATOR_HIGH'),
      opened: header.defines.get('CT_OPENED'),
      replied: header.defines.get('CT_REPLIED'),
      closing: header.defines.get('CT_CLOSING'),
      viaStack: header.defines.get('CT_VIA_STACK'),
    });
    const text = readFileSync(join(import.meta.dirname, '../../../bpf/include/ct_table.h'), 'utf8');
    const lifetime = (name: string): number =>
      Number(new RegExp(`#define CT_LIFETIME_${name}_S (\\d+)`).exec(text)?.[1]);
    assert.deepEqual(conntrackLifetimes, {
      established: lifetime('ESTABLISHED'),
      opening: lifetime('OPENING'),
      closing: lifetime('CLOSING'),
      other: lifetime('OTHER'),
    });
  });

  it('is told from whom it began, with what each end sent', () => {
    const { ct_entry: layout } = conntrackLayouts;
    const { initiatorHigh, opened, replied } = conntrackFlags;
    let entry = packStruct(header, 'ct_entry', {
      last_seen: 1000,
      flags: initiatorHigh | opened | replied,
      tcp_flags: Uint8Array.of(0x12, 0x10),
      denied: 2,
    });
    entry = withArray(entry, layout.packets, 8, [5, 4]);
    entry = withArray(entry, layout.bytes, 8, [500, 40]);
    entry = withArray(entry, layout.generation, 4, [7, 0]);
    const told = decodeConntrack(key4(80, 40_000, 6), entry, 1000n * TICK_NS + 60n * TICK_NS);
    assert.deepEqual(
      [
        formatIp(told.initiator.address),
        told.initiator.port,
        told.initiator.packets,
        told.initiator.tcpFlags,
      ],
      ['10.0.0.2', 40_000, 5n, 0x12],
    );
    assert.deepEqual(
      [formatIp(told.responder.address), told.responder.port, told.responder.bytes],
      ['10.0.0.1', 80, 40n],
    );
    assert.deepEqual(told.isDenied, { ingress: false, egress: true });
    assert.deepEqual(told.isAllowed, { ingress: true, egress: false });
    assert.equal(told.wasJoined, false);
    assert.equal(Math.round(told.ageSeconds), 1);
    assert.equal(Math.round(told.expiresInSeconds), 7999);
  });

  it('lives as long as the programs let it', () => {
    const { replied, closing } = conntrackFlags;
    const expiry = (proto: number, flags: number, ticks: bigint): number => {
      const entry = packStruct(header, 'ct_entry', { last_seen: 10, flags });
      return Math.round(decodeConntrack(key4(1, 2, proto), entry, (10n + ticks) * TICK_NS).expiresInSeconds);
    };
    assert.equal(expiry(6, 0, 0n), 60);
    assert.equal(expiry(6, replied | closing, 0n), 10);
    assert.equal(expiry(17, replied, 0n), 60);
    assert.ok(expiry(17, 0, 6000n) < 0);
    // A CPU whose clock is a little ahead makes nothing old.
    assert.equal(expiry(17, 0, -2n), 60);
  });

  it('over IPv6 has its own key', () => {
    const key = packStruct(header, 'ct6_key', {
      low_address: ip('fd00::1'),
      high_address: ip('fd00::2'),
      low_port: networkOrder(53),
      high_port: networkOrder(5000),
      proto: 17,
    });
    const told = decodeConntrack(key, packStruct(header, 'ct_entry', {}), 0n);
    assert.deepEqual(
      [
        formatIp(told.initiator.address),
        told.initiator.port,
        formatIp(told.responder.address),
        told.protocol,
      ],
      ['fd00::1', 53, 'fd00::2', 17],
    );
  });
});
