import { type MatchType, matchTypes, type PolicyEntry, type PolicyEntryKey } from '../../policy/index.ts';

/** Mirrors bpf/shared/policy_shared.h; a test holds the two against each other. */
export const policyLayouts = {
  endpoint_policy: {
    size: 40,
    generation: 0,
    set_id: 4,
    endpoint_id: 8,
    flags: 10,
    own: 12,
    class: 20,
    any: 28,
    generation_again: 36,
  },
  policy_key: { size: 16, set_id: 0, identity: 4, port: 8, proto: 10, prefix_len: 11, direction: 12 },
  policy_entry: { size: 8, cookie: 0, verdict: 4, match_type: 5 },
  rule_counter: { size: 16, decisions: 0, audited: 8 },
} as const;

/** Of the node itself among endpoints. */
export const NODE_ENDPOINT_ID = 0;

const POLICY_ENFORCES = { ingress: 1 << 0, egress: 1 << 1 } as const;
const POLICY_AUDITS = 1 << 2;
const DIRECTION_INDEX = { ingress: 0, egress: 1 } as const;
const POLICY_HAS_PROTOCOL = 1 << 0;
const POLICY_HAS_ALL = 1 << 17;
const FIRST_CLASS = 11;
const LAST_CLASS = 14;

/** Which kinds of prefixes a set has, by direction (ingress, egress): bits POLICY_HAS_*. */
export interface PrefixMasks {
  readonly own: readonly [number, number];
  readonly class: readonly [number, number];
  readonly any: readonly [number, number];
}

export const NO_PREFIXES: PrefixMasks = { own: [0, 0], class: [0, 0], any: [0, 0] };

/** What the datapath is told of one endpoint's policy. */
export interface EndpointHeader {
  readonly generation: number;
  readonly setId: number;
  readonly endpointId: number;
  readonly enforcesIngress: boolean;
  readonly enforcesEgress: boolean;
  readonly audits: boolean;
  readonly masks: PrefixMasks;
}

export function encodeEndpointPolicy(header: EndpointHeader): Uint8Array {
  const layout = policyLayouts.endpoint_policy;
  const bytes = Buffer.alloc(layout.size);
  bytes.writeUInt32LE(header.generation, layout.generation);
  bytes.writeUInt32LE(header.setId, layout.set_id);
  bytes.writeUInt16LE(header.endpointId, layout.endpoint_id);
  bytes[layout.flags] =
    (header.enforcesIngress ? POLICY_ENFORCES.ingress : 0) |
    (header.enforcesEgress ? POLICY_ENFORCES.egress : 0) |
    (header.audits ? POLICY_AUDITS : 0);
  for (const part of ['own', 'class', 'any'] as const) {
    bytes.writeUInt32LE(header.masks[part][0], layout[part]);
    bytes.writeUInt32LE(header.masks[part][1], layout[part] + 4);
  }
  bytes.writeUInt32LE(header.generation, layout.generation_again);
  return bytes;
}

/** What an `endpoint_policies` value says, but for its masks. */
export function decodeEndpointPolicy(value: Uint8Array): {
  generation: number;
  setId: number;
  isOpen: boolean;
  enforcesIngress: boolean;
  enforcesEgress: boolean;
  audits: boolean;
} {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const layout = policyLayouts.endpoint_policy;
  const flags = bytes[layout.flags];
  return {
    generation: bytes.readUInt32LE(layout.generation),
    setId: bytes.readUInt32LE(layout.set_id),
    isOpen: (flags & (POLICY_ENFORCES.ingress | POLICY_ENFORCES.egress)) === 0,
    enforcesIngress: (flags & POLICY_ENFORCES.ingress) !== 0,
    enforcesEgress: (flags & POLICY_ENFORCES.egress) !== 0,
    audits: (flags & POLICY_AUDITS) !== 0,
  };
}

/** Writes the key of an entry at a place of a buffer that is all zero there. */
export function writePolicyKey(out: Buffer, at: number, setId: number, key: PolicyEntryKey): void {
  const layout = policyLayouts.policy_key;
  out.writeUInt32LE(setId, at + layout.set_id);
  out.writeUInt32LE(key.identity, at + layout.identity);
  out.writeUInt16BE(key.port, at + layout.port);
  out[at + layout.proto] = key.protocol;
  out[at + layout.prefix_len] = key.prefixLength;
  out[at + layout.direction] = DIRECTION_INDEX[key.direction];
}

/** Writes the value of an entry at a place of a buffer that is all zero there. */
export function writePolicyEntry(out: Buffer, at: number, entry: PolicyEntry): void {
  const layout = policyLayouts.policy_entry;
  out.writeUInt32LE(entry.cookie, at + layout.cookie);
  out[at + layout.verdict] = entry.verdict === 'deny' ? 1 : 0;
  out[at + layout.match_type] = matchTypes[entry.matchType];
}

const MATCH_TYPE_NAMES: ReadonlyMap<number, MatchType> = new Map(
  Object.entries(matchTypes).map(([name, number]) => [number, name as MatchType]),
);

/** An entry as it stands in the map. */
export function decodePolicyEntry(
  key: Uint8Array,
  value: Uint8Array,
): PolicyEntry & { readonly setId: number } {
  const { policy_key: keyLayout, policy_entry: layout } = policyLayouts;
  const keyBytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return {
    setId: keyBytes.readUInt32LE(keyLayout.set_id),
    direction: keyBytes[keyLayout.direction] === DIRECTION_INDEX.ingress ? 'ingress' : 'egress',
    identity: keyBytes.readUInt32LE(keyLayout.identity),
    protocol: keyBytes[keyLayout.proto],
    port: keyBytes.readUInt16BE(keyLayout.port),
    prefixLength: keyBytes[keyLayout.prefix_len],
    verdict: bytes[layout.verdict] === 1 ? 'deny' : 'allow',
    cookie: bytes.readUInt32LE(layout.cookie),
    matchType: MATCH_TYPE_NAMES.get(bytes[layout.match_type]) ?? 'none',
  };
}

/** The set that a key in the map belongs to. */
export function setIdOfKey(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32LE(
    policyLayouts.policy_key.set_id,
  );
}

/** Whose entry it is, as masks tell them apart. */
export function maskOf(identity: number): keyof PrefixMasks {
  if (identity === 0) return 'any';
  return identity >= FIRST_CLASS && identity <= LAST_CLASS ? 'class' : 'own';
}

/** The bit that stands for an entry's kind of prefix. */
export function prefixBit({ protocol, prefixLength }: PolicyEntryKey): number {
  if (protocol === 0) return POLICY_HAS_ALL;
  return prefixLength === 0 ? POLICY_HAS_PROTOCOL : 1 << prefixLength;
}

export const directionIndex = (direction: 'ingress' | 'egress'): 0 | 1 => DIRECTION_INDEX[direction];
