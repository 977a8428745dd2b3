import { policyHeader } from '../../../../bench/support/datapath-node.ts';
import { packStruct, readMember } from '../../../../bench/support/c-struct.ts';
import type { FakePolicyMap } from './fake-policy-map.ts';

const define = (name: string): number => policyHeader.defines.get(name)!;

/** Who stands for whom besides everybody. */
function classOfIdentity(identity: number, clusterId: number): number {
  if (identity < 100) return 0;
  if (identity >= 0x2000000) return 14;
  if (identity >= 0x1000000) return 13;
  return identity < 256 || identity >> 16 === clusterId ? 11 : 12;
}

/** What the programs would say of a packet: "open", "allow", "deny", "default-deny", or "missing" for an endpoint without a policy. A reading of policy_shared.h. */
export function askMaps(
  headers: FakePolicyMap,
  entries: FakePolicyMap,
  question: {
    readonly endpointId: number;
    readonly direction: 'ingress' | 'egress';
    readonly clusterId: number;
    readonly identity: number;
    readonly protocol: number;
    readonly port: number;
  },
): string {
  const value = headers.lookup(new Uint8Array(Uint32Array.of(question.endpointId).buffer));
  if (value === null) return 'missing';
  const isIngress = question.direction === 'ingress';
  const flag = define(isIngress ? 'POLICY_ENFORCES_INGRESS' : 'POLICY_ENFORCES_EGRESS');
  const read = (member: string, index = 0): number =>
    readMember(policyHeader, 'endpoint_policy', value, member, index);
  if ((read('flags') & flag) === 0) return 'open';
  const direction = isIngress ? 0 : 1;
  let best = -1;
  const stages = [
    [question.identity, read('own', direction)],
    [classOfIdentity(question.identity, question.clusterId), read('class', direction)],
    [0, read('any', direction)],
  ];
  for (const [i, [identity, has]] of stages.entries()) {
    if (i === 1 && identity === 0) continue;
    const probes = [
      ...Array.from({ length: 17 }, (_, n) => ({ bit: 16 - n, proto: question.protocol, bits: 16 - n })),
      { bit: 17, proto: 0, bits: 0 },
    ];
    for (const { bit, proto, bits } of probes) {
      if ((has & (1 << bit)) === 0) continue;
      const port = bits === 0 ? 0 : question.port & (0xffff << (16 - bits));
      const key = packStruct(policyHeader, 'policy_key', {
        set_id: read('set_id'),
        identity,
        port: ((port & 0xff) << 8) | (port >> 8),
        proto,
        prefix_len: bits,
        direction,
      });
      const entry = entries.lookup(key);
      if (entry === null) continue;
      if (readMember(policyHeader, 'policy_entry', entry, 'verdict') === define('POLICY_DENY')) return 'deny';
      best = Math.max(best, bit === 17 ? 0 : 1 + bits);
      break;
    }
  }
  return best < 0 ? 'default-deny' : 'allow';
}
