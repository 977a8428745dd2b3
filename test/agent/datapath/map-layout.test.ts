import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  aggregationLevels,
  decodeAddressKey,
  decodeCidrKey,
  decodeEndpoint,
  decodeEndpointInfo,
  encodeAddressKey,
  encodeCidrKey,
  encodeEndpointInfo,
  encodeIpcacheInfo,
  encodeLocalAddress,
  encodeNodeConstants,
  encodeSettings,
  decodeSettings,
  layouts,
  SETTING_NO_REDIRECT,
  SETTING_POLICY,
} from '../../../agent/datapath/map-layout.ts';
import { readCHeader } from '../../../bench/support/c-header.ts';
import { packStruct } from '../../../bench/support/c-struct.ts';
import { formatIp } from '../../../cluster/index.ts';
import { parseIp } from '../../../proto/flow/ip.ts';

const header = readCHeader('maps_shared.h');
const natHeader = readCHeader('nat_shared.h');
const ip = (text: string): Uint8Array => parseIp(text)!;
const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
/** Byte by byte, whatever kind of array. */
const same = (actual: Uint8Array, expected: Uint8Array): void => assert.deepEqual([...actual], [...expected]);

describe('map layouts', () => {
  for (const [name, { size, ...offsets }] of Object.entries(layouts)) {
    it(`of ${name} are those of bpf/shared`, () => {
      const struct = header.structs.get(name) ?? natHeader.structs.get(name);
      assert.ok(struct, `no struct ${name} in the header`);
      assert.equal(size, struct.size);
      const fields = [...struct.fields].filter(([field]) => field !== 'pad');
      assert.deepEqual(
        { ...offsets },
        Object.fromEntries(fields.map(([field, { offset }]) => [field, offset])),
      );
    });
  }

  it('use the header’s numbers', () => {
    assert.deepEqual(aggregationLevels, {
      none: header.defines.get('AGGREGATE_NONE'),
      low: header.defines.get('AGGREGATE_LOW'),
      medium: header.defines.get('AGGREGATE_MEDIUM'),
    });
    assert.equal(SETTING_NO_REDIRECT, header.defines.get('SETTING_NO_REDIRECT'));
    assert.equal(SETTING_POLICY, header.defines.get('SETTING_POLICY'));
  });

  const endpoint = {
    ifindex: 0x01020304,
    identity: 0xfedcba98,
    id: 0xabcd,
    podMac: mac(1),
    hostMac: mac(2),
    addresses: [ip('10.0.0.1'), ip('fd00::1')],
  };
  const common = {
    identity: endpoint.identity,
    endpoint_id: endpoint.id,
    pod_mac: endpoint.podMac,
    host_mac: endpoint.hostMac,
  };

  it('hold each value where the compiler puts it', () => {
    const family = (name: string): number => header.defines.get(name)!;
    same(
      encodeEndpointInfo(endpoint),
      packStruct(header, 'endpoint_info', { ...common, ipv4: ip('10.0.0.1'), ipv6: ip('fd00::1') }),
    );
    same(
      encodeLocalAddress(endpoint),
      packStruct(header, 'local_address', { ...common, ifindex: endpoint.ifindex }),
    );
    same(encodeLocalAddress(null), packStruct(header, 'local_address', { identity: 1 }));
    same(
      encodeAddressKey(ip('10.0.0.1')),
      packStruct(header, 'address_key', { family: family('FAMILY_IPV4'), address: ip('10.0.0.1') }),
    );
    same(
      encodeAddressKey(ip('fd00::1')),
      packStruct(header, 'address_key', { family: family('FAMILY_IPV6'), address: ip('fd00::1') }),
    );
    same(
      encodeCidrKey(ip('10.16.0.0'), 12),
      packStruct(header, 'cidr_key', {
        prefix_len: 44,
        family: family('FAMILY_IPV4'),
        address: ip('10.16.0.0'),
      }),
    );
    same(encodeIpcacheInfo(0x1020304), packStruct(header, 'ipcache_info', { identity: 0x1020304 }));
    same(
      encodeNodeConstants({ index: 77, hasL2: false }, 3),
      packStruct(header, 'node_constants', { device_ifindex: 77, device_has_no_l2: 1, cluster_id: 3 }),
    );
    same(encodeNodeConstants(null, 0), packStruct(header, 'node_constants', {}));
    same(
      encodeSettings({
        aggregation: 'medium',
        intervalSeconds: 5,
        captureBytes: 128,
        flags: 2,
        dnsPerSecond: 10_000,
        identityEpoch: 9,
        denialsPerSecond: 8000,
      }),
      packStruct(header, 'datapath_settings', {
        aggregation: 2,
        interval_s: 5,
        capture_bytes: 128,
        flags: 2,
        // 10,000 a second in a window of 67 ms
        dns_burst: 672,
        identity_epoch: 9,
        denial_burst: 537,
      }),
    );
  });

  it('are read back as they were written', () => {
    const settings = packStruct(header, 'datapath_settings', { flags: 5, identity_epoch: 0xfffffff0 });
    assert.deepEqual(decodeSettings(settings), { flags: 5, identityEpoch: 0xfffffff0 });
    for (const text of ['10.0.0.1', 'fd00::1', '::', '0.0.0.0'])
      same(decodeAddressKey(encodeAddressKey(ip(text))), ip(text));
    const { id, addresses } = decodeEndpointInfo(encodeEndpointInfo(endpoint));
    assert.equal(id, endpoint.id);
    assert.deepEqual(addresses.map(formatIp), ['10.0.0.1', 'fd00::1']);
    const { identity, podMac, hostMac } = decodeEndpoint(encodeEndpointInfo(endpoint));
    assert.equal(identity, endpoint.identity);
    same(podMac, endpoint.podMac);
    same(hostMac, endpoint.hostMac);
    const unknown = decodeEndpoint(encodeEndpointInfo({ ...endpoint, podMac: new Uint8Array(0) }));
    same(unknown.podMac, new Uint8Array(0));
    const range = decodeCidrKey(encodeCidrKey(ip('fd00::'), 20));
    assert.deepEqual([formatIp(range.bytes), range.bits], ['fd00::', 20]);
    const onlyIpv6 = decodeEndpointInfo(encodeEndpointInfo({ ...endpoint, addresses: [ip('fd00::1')] }));
    assert.deepEqual(onlyIpv6.addresses.map(formatIp), ['fd00::1']);
  });
});
