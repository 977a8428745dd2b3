import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeEndpointPolicy,
  decodePolicyEntry,
  encodeEndpointPolicy,
  maskOf,
  policyLayouts,
  prefixBit,
  setIdOfKey,
  writePolicyEntry,
  writePolicyKey,
} from '../../../agent/policy/policy-layout.ts';
import { readCHeader } from '../../../bench/support/c-header.ts';
import { packStruct } from '../../../bench/support/c-struct.ts';
import { CLASS_LOCAL_PODS, CLASS_REMOTE_NODES, matchTypes, type PolicyEntry } from '../../../policy/index.ts';

const header = readCHeader('policy_shared.h');
const define = (name: string): number => header.defines.get(name)!;

const entry: PolicyEntry = {
  direction: 'egress',
  identity: 0xfedcba98,
  protocol: 6,
  port: 0x1234,
  prefixLength: 14,
  verdict: 'deny',
  cookie: 0x89abcdef,
  matchType: 'L3-L4',
};

describe('layouts of the policy maps', () => {
  for (const [name, { size, ...offsets }] of Object.entries(policyLayouts)) {
    it(`of ${name} are those of bpf/shared/policy_shared.h`, () => {
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

  it('hold each value where the compiler puts it', () => {
    const key = Buffer.alloc(policyLayouts.policy_key.size);
    writePolicyKey(key, 0, 77, entry);
    const expected = packStruct(header, 'policy_key', {
      set_id: 77,
      identity: entry.identity,
      port: 0x3412, // network order
      proto: 6,
      prefix_len: 14,
      direction: define('POLICY_EGRESS'),
    });
    assert.deepEqual([...key], [...expected]);
    assert.equal(setIdOfKey(key), 77);
    const value = Buffer.alloc(policyLayouts.policy_entry.size);
    writePolicyEntry(value, 0, entry);
    const verdict = define('POLICY_DENY');
    const packed = packStruct(header, 'policy_entry', { cookie: entry.cookie, verdict, match_type: 2 });
    assert.deepEqual([...value], [...packed]);
  });

  it('lead an endpoint to its set', () => {
    const bytes = encodeEndpointPolicy({
      generation: 0xfffffffe,
      setId: 9,
      endpointId: 0xabcd,
      enforcesIngress: true,
      enforcesEgress: false,
      audits: true,
      masks: { own: [1, 0], class: [0, 1 << 16], any: [1 << 17, 0] },
    });
    const packed = Buffer.from(
      packStruct(header, 'endpoint_policy', {
        generation: 0xfffffffe,
        set_id: 9,
        endpoint_id: 0xabcd,
        flags: define('POLICY_ENFORCES_INGRESS') | define('POLICY_AUDITS'),
        generation_again: 0xfffffffe,
      }),
    );
    packed.writeUInt32LE(1, policyLayouts.endpoint_policy.own);
    packed.writeUInt32LE(1 << 16, policyLayouts.endpoint_policy.class + 4);
    packed.writeUInt32LE(1 << 17, policyLayouts.endpoint_policy.any);
    assert.deepEqual([...bytes], [...packed]);
    assert.deepEqual(decodeEndpointPolicy(bytes), {
      generation: 0xfffffffe,
      setId: 9,
      isOpen: false,
      enforcesIngress: true,
      enforcesEgress: false,
      audits: true,
    });
  });

  it('are read back as they were written', () => {
    const entries = [
      entry,
      { ...entry, direction: 'egress', verdict: 'deny', protocol: 17, port: 8080, prefixLength: 12 },
      { ...entry, protocol: 0, port: 0, prefixLength: 0, matchType: 'all', identity: 0 },
    ] as const;
    for (const one of entries) {
      const key = Buffer.alloc(policyLayouts.policy_key.size);
      const value = Buffer.alloc(policyLayouts.policy_entry.size);
      writePolicyKey(key, 0, 77, one);
      writePolicyEntry(value, 0, one);
      assert.deepEqual(decodePolicyEntry(key, value), { setId: 77, ...one });
    }
  });

  it('tell kinds of prefixes apart by the bits of the header', () => {
    const bit = (protocol: number, prefixLength: number): number =>
      prefixBit({ ...entry, protocol, prefixLength });
    assert.equal(bit(0, 0), define('POLICY_HAS_ALL'));
    assert.equal(bit(6, 0), define('POLICY_HAS_PROTOCOL'));
    assert.equal(bit(6, define('POLICY_PORT_BITS')), define('POLICY_HAS_PORT'));
    assert.equal(bit(6, 1), 2);
    assert.equal(matchTypes.all, 4); // which the programs know by number
  });

  it('tell identities, classes and everybody apart', () => {
    assert.deepEqual([0, 1, CLASS_LOCAL_PODS, CLASS_REMOTE_NODES, 256, 0xffffffff].map(maskOf), [
      'any',
      'own',
      'class',
      'class',
      'own',
      'own',
    ]);
  });
});
