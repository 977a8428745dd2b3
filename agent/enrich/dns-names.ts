import { putVarint, varintSize } from '../../proto/flow/wire.ts';
import { AddressTable } from './address-table.ts';

/** How many addresses may have names. */
export interface DnsNamesLimits {
  readonly perEndpoint: number;
  readonly total: number;
}

/** Names of one address that are told; of more, the youngest. */
const MAX_NAMES_PER_ADDRESS = 4;
/** An answer for no time at all is good for the connection that it was asked for. */
const MIN_TTL_SECONDS = 1;
const MAX_TTL_SECONDS = 86_400;
/** Fields 13 and 14 of a Flow, `source_names` and `destination_names`. */
const SOURCE_NAMES_TAG = 0x6a;
const DESTINATION_NAMES_TAG = 0x72;

const NOTHING = new Uint8Array(0);

interface NamedAddress {
  readonly endpointId: number;
  readonly address: Uint8Array;
  /** Name to when it expires, in seconds of the kernel's clock; the youngest last. */
  readonly names: Map<string, number>;
  /** When the first of them does: the encoded fields hold until then. */
  validUntil: number;
  source: Uint8Array | null;
  destination: Uint8Array | null;
}

/** Addresses of one endpoint, and the order in which they were learned. */
interface EndpointNames {
  readonly byAddress: AddressTable<NamedAddress>;
  readonly ages: Set<NamedAddress>;
}

/**
 * What addresses were called in the DNS answers that each endpoint got. For every flow it is asked about an end that nothing else names, so a question about an endpoint
 * without answers costs an array access and one about others a lookup by the packet's own bytes.
 */
export class DnsNames {
  private readonly limits: DnsNamesLimits;
  private readonly byEndpoint: (EndpointNames | undefined)[] = [];
  /** All addresses, the one that was learned longest ago first. */
  private readonly ages = new Set<NamedAddress>();
  private evictedCount = 0;

  /** Sizes: some 200 bytes an address and its names'. */
  constructor(limits: DnsNamesLimits = { perEndpoint: 2048, total: 32_768 }) {
    this.limits = limits;
  }

  get size(): number {
    return this.ages.size;
  }

  /** Addresses that lost their names before these expired. */
  get evicted(): number {
    return this.evictedCount;
  }

  /**
   * Notes that an endpoint was told a name for an address.
   * @param name lower case, without a final dot
   * @param nowS seconds of the clock that `source` and `destination` are asked by
   */
  learn(endpointId: number, address: Uint8Array, name: string, nowS: number, ttlSeconds: number): void {
    const expires = nowS + Math.min(Math.max(ttlSeconds, MIN_TTL_SECONDS), MAX_TTL_SECONDS);
    const names = (this.byEndpoint[endpointId] ??= { byAddress: new AddressTable(), ages: new Set() });
    let known = names.byAddress.get(address, 0, address.length === 16);
    if (known === undefined) {
      known = {
        endpointId,
        address: address.slice(),
        names: new Map(),
        validUntil: 0,
        source: null,
        destination: null,
      };
      names.byAddress.set(known.address, known);
    } else {
      names.ages.delete(known);
      this.ages.delete(known);
    }
    const expiredBefore = known.names.get(name) ?? 0;
    // Behind the others: of too many names the one told longest ago goes.
    known.names.delete(name);
    known.names.set(name, Math.max(expires, expiredBefore));
    prune(known, nowS);
    names.ages.add(known);
    this.ages.add(known);
    if (names.ages.size > this.limits.perEndpoint) this.evict(names.ages, nowS);
    if (this.ages.size > this.limits.total) this.evict(this.ages, nowS);
  }

  /** Forgets what an endpoint was told: its number may become another's. */
  forget(endpointId: number): void {
    const names = this.byEndpoint[endpointId];
    if (names === undefined) return;
    for (const known of names.ages) this.ages.delete(known);
    this.byEndpoint[endpointId] = undefined;
  }

  /** The `source_names` fields of a flow for what the endpoint calls the address at `packet[at]`; empty = it has no name for it. */
  source(endpointId: number, packet: Uint8Array, at: number, isIpv6: boolean, nowS: number): Uint8Array {
    const known = this.find(endpointId, packet, at, isIpv6, nowS);
    if (known === undefined) return NOTHING;
    return (known.source ??= encodeNames(SOURCE_NAMES_TAG, known.names.keys()));
  }

  /** The same as `destination_names` fields. */
  destination(endpointId: number, packet: Uint8Array, at: number, isIpv6: boolean, nowS: number): Uint8Array {
    const known = this.find(endpointId, packet, at, isIpv6, nowS);
    if (known === undefined) return NOTHING;
    return (known.destination ??= encodeNames(DESTINATION_NAMES_TAG, known.names.keys()));
  }

  private find(
    endpointId: number,
    packet: Uint8Array,
    at: number,
    isIpv6: boolean,
    nowS: number,
  ): NamedAddress | undefined {
    const known = this.byEndpoint[endpointId]?.byAddress.get(packet, at, isIpv6);
    if (known === undefined || nowS < known.validUntil) return known;
    prune(known, nowS);
    if (known.names.size > 0) return known;
    this.remove(known);
    return undefined;
  }

  private evict(from: ReadonlySet<NamedAddress>, nowS: number): void {
    const [oldest] = from;
    for (const expires of oldest.names.values()) {
      if (expires <= nowS) continue;
      this.evictedCount++;
      break;
    }
    this.remove(oldest);
  }

  private remove(known: NamedAddress): void {
    this.ages.delete(known);
    const names = this.byEndpoint[known.endpointId];
    if (names === undefined) return;
    names.ages.delete(known);
    names.byAddress.delete(known.address);
    if (names.ages.size === 0) this.byEndpoint[known.endpointId] = undefined;
  }
}

/** Leaves the names that count at a time, and takes back what was encoded of others. */
function prune(known: NamedAddress, nowS: number): void {
  const { names } = known;
  for (const [name, expires] of names) {
    if (expires <= nowS || names.size > MAX_NAMES_PER_ADDRESS) names.delete(name);
  }
  known.validUntil = Math.min(...names.values());
  known.source = null;
  known.destination = null;
}

const utf8 = new TextEncoder();

function encodeNames(tag: number, names: Iterable<string>): Uint8Array {
  const encoded = [...names].sort().map((name) => utf8.encode(name));
  const out = new Uint8Array(
    encoded.reduce((sum, bytes) => sum + 1 + varintSize(bytes.length) + bytes.length, 0),
  );
  let pos = 0;
  for (const bytes of encoded) {
    out[pos++] = tag;
    pos = putVarint(out, pos, bytes.length);
    out.set(bytes, pos);
    pos += bytes.length;
  }
  return out;
}
