import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DatapathSettings } from '../../../agent/datapath/datapath-settings.ts';
import {
  decodeSettings,
  encodeCidrKey,
  encodeMasquerade,
  SETTING_MASQUERADE,
} from '../../../agent/datapath/map-layout.ts';
import { Masquerade, type MasqueradeAddresses, portsBeside } from '../../../agent/datapath/masquerade.ts';
import type { NetworkState } from '../../../agent/kernel/netlink.ts';
import type { ClusterChange } from '../../../cluster/model.ts';
import { parseIp } from '../../../proto/flow/ip.ts';
import { FakePolicyMap } from '../policy/support/fake-policy-map.ts';

const DEVICE = 5;
const ip = (text: string): Uint8Array => parseIp(text)!;

class Maps {
  readonly settings = new FakePolicyMap(4);
  readonly masquerade = new FakePolicyMap(4);
  readonly noMasquerade = new FakePolicyMap(24);
  readonly told: MasqueradeAddresses[] = [];

  agent(
    options: { masquerade?: boolean; noMasqueradeCidrs?: readonly string[] } = { masquerade: true },
  ): Masquerade {
    const settings = new DatapathSettings(this.settings, {
      aggregation: 'medium',
      aggregationIntervalMs: 5000,
      captureBytes: 0,
      noRedirect: false,
    });
    const own = { clusterName: 'east', nodeName: 'n1', ...options };
    return new Masquerade(own, this, settings, (addresses) => this.told.push(addresses));
  }

  get isOn(): boolean {
    return (decodeSettings([...this.settings.content.values()][0]).flags & SETTING_MASQUERADE) !== 0;
  }

  get config(): string {
    return Buffer.from([...this.masquerade.content.values()][0]).toString('hex');
  }

  hasRange(address: string, bits: number): boolean {
    return this.noMasquerade.lookup(encodeCidrKey(ip(address), bits)) !== null;
  }
}

const network = (...addresses: readonly string[]): NetworkState => ({
  links: [],
  routes: [],
  addresses: [
    { linkIndex: 1, address: ip('127.0.0.1') },
    ...addresses.map((text) => ({ linkIndex: DEVICE, address: ip(text) })),
  ],
});
const node = (name: string, addresses: readonly string[], podCidrs: readonly string[]): ClusterChange => ({
  kind: 'node-upsert',
  node: { cluster: 'east', name, addresses, podCidrs, labels: [] },
});

describe('a node that masquerades', () => {
  it('takes the addresses of its device, those of its Node object first, none of a link', () => {
    const maps = new Maps();
    const masquerade = maps.agent();
    masquerade.apply([node('n1', ['192.0.2.9'], [])]);
    const state = network('192.0.2.8', '192.0.2.9', 'fe80::1', '2001:db8::1');
    assert.deepEqual(masquerade.reconcile(state, DEVICE), []);
    assert.ok(maps.isOn);
    const { ipv4, ipv6 } = maps.told[0];
    assert.deepEqual([ipv4, ipv6], [ip('192.0.2.9'), ip('2001:db8::1')]);
    masquerade.reconcile(state, DEVICE);
    assert.equal(maps.told.length, 1, 'told once');
  });

  it('says for which family it has no address', () => {
    const maps = new Maps();
    assert.deepEqual(maps.agent().reconcile(network('192.0.2.8'), DEVICE), [
      {
        where: 'masquerade',
        message: "the node's device has no IPv6 address: over IPv6 pods leave with their own",
      },
    ]);
    assert.equal(maps.told[0].ipv6, undefined);
  });

  it('spares the ranges of all pods, and those it is told', () => {
    const maps = new Maps();
    const masquerade = maps.agent({ masquerade: true, noMasqueradeCidrs: ['10.99.0.0/16'] });
    assert.equal(masquerade.apply([node('n2', [], ['10.2.0.0/24', 'fd00:2::/64'])]), true);
    masquerade.reconcile(network('192.0.2.8', '2001:db8::1'), DEVICE);
    assert.deepEqual(
      [maps.hasRange('10.2.0.0', 24), maps.hasRange('fd00:2::', 64), maps.hasRange('10.99.0.0', 16)],
      [true, true, true],
    );
    masquerade.apply([node('n2', [], ['10.3.0.0/24'])]);
    masquerade.reconcile(network('192.0.2.8', '2001:db8::1'), DEVICE);
    assert.deepEqual([maps.hasRange('10.2.0.0', 24), maps.hasRange('10.3.0.0', 24)], [false, true]);
  });

  it('goes on under the next agent, and without its device, until one that does not', () => {
    const maps = new Maps();
    maps.agent().reconcile(network('192.0.2.8', '2001:db8::1'), DEVICE);
    const { config } = maps;
    const second = maps.agent();
    assert.ok(maps.isOn);
    second.reconcile(network(), 0);
    assert.deepEqual([maps.isOn, maps.config], [true, config]);
    maps.agent({}).reconcile(network('192.0.2.8'), DEVICE);
    assert.equal(maps.isOn, false);
  });

  it('gives pods the larger part of the ports that its own sockets do not choose', () => {
    assert.deepEqual(portsBeside({ first: 32_768, last: 60_999 }), { first: 1024, count: 31_744 });
    assert.deepEqual(portsBeside({ first: 1024, last: 40_000 }), { first: 40_001, count: 25_535 });
    assert.deepEqual(portsBeside({ first: 1, last: 65_535 }), { first: 32_768, count: 32_768 });
  });

  it('writes what the programs read', () => {
    const bytes = encodeMasquerade({ ipv4: ip('192.0.2.1') }, { first: 1024, count: 31_744 });
    assert.equal(Buffer.from(bytes).toString('hex'), `c0000201${'00'.repeat(16)}0004007c`);
  });
});
