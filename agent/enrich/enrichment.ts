import { create, toBinary } from '@bufbuild/protobuf';
import { parseIp } from '../../proto/flow/ip.ts';
import { NetworkInterfaceSchema, ServiceSchema } from '../../proto/gen/flow/flow_pb.ts';
import { AddressTable } from './address-table.ts';
import { DnsNames } from './dns-names.ts';
import { type EndpointFacts, KnownEndpoint } from './known-endpoint.ts';
import type { NamedRule } from '../../policy/index.ts';
import { PolicyNames } from './policy-names.ts';
import { IDENTITY_UNKNOWN, IDENTITY_WORLD, labelsOfReservedIdentity } from './reserved-identity.ts';

export { type EndpointFacts, type KnownEndpoint } from './known-endpoint.ts';

/** One change of the tables, small enough to be sent between threads. */
export type EnrichmentChange =
  | { readonly kind: 'address'; readonly address: string; readonly facts: EndpointFacts | null }
  | {
      readonly kind: 'service';
      readonly address: string;
      readonly port: number;
      readonly service: { readonly namespace: string; readonly name: string } | null;
    }
  | { readonly kind: 'interface'; readonly index: number; readonly name: string | null }
  /** The number that an endpoint has on this node, by one of its addresses. */
  | { readonly kind: 'local'; readonly id: number; readonly address: string | null }
  /** Labels of an identity that is known by its number alone, such as a range's; null when there is none of that number any more. */
  | { readonly kind: 'identity'; readonly identity: number; readonly labels: readonly string[] | null }
  /** What pods of this node are seen as outside; null where they keep their own addresses. */
  | { readonly kind: 'masquerade'; readonly ipv4: Uint8Array | null; readonly ipv6: Uint8Array | null }
  /** Rules behind cookies that verdicts may have from now on, and the revision of all policies. */
  | {
      readonly kind: 'rules';
      readonly revision: number;
      readonly rules: readonly { readonly cookie: number; readonly rules: readonly NamedRule[] }[];
    };

const NOTHING = new Uint8Array(0);
/** Beyond this many numbers without names, the cached ones are given up. */
const MAX_BY_IDENTITY = 65_536;

/** Puts names to what the datapath reports: addresses to endpoints, service addresses to services, interface numbers to interfaces. */
export class Enrichment {
  private readonly endpoints = new AddressTable<KnownEndpoint>();
  /** Endpoints of this node by their number, and which address of theirs the number was given with. */
  private readonly localEndpoints: (KnownEndpoint | undefined)[] = [];
  private readonly localIds = new Map<string, number>();
  /** Services by address, then port. */
  private readonly services = new AddressTable<Map<number, Uint8Array>>();
  private readonly interfaces = new Map<number, Uint8Array>();
  /** What the endpoints of this node call the addresses of others. */
  readonly dnsNames = new DnsNames();
  /** Which rules decided. */
  readonly policyNames = new PolicyNames();
  private masquerade: { readonly ipv4: Uint8Array | null; readonly ipv6: Uint8Array | null } = {
    ipv4: null,
    ipv6: null,
  };
  private seen: KnownEndpoint[] = [];
  /** Endpoints of which only the identity is known. */
  private readonly byIdentity = new Map<number, KnownEndpoint>();
  private readonly factsByIdentity = new Map<number, EndpointFacts>();

  /** Applies changes in order. Throws TypeError for an address that is none. */
  apply(changes: readonly EnrichmentChange[]): void {
    for (const change of changes) {
      if (change.kind === 'address') this.setAddress(change.address, change.facts);
      else if (change.kind === 'service') this.setService(change.address, change.port, change.service);
      else if (change.kind === 'interface') this.setInterface(change.index, change.name);
      else if (change.kind === 'identity') this.setIdentity(change.identity, change.labels);
      else if (change.kind === 'masquerade') this.masquerade = change;
      else if (change.kind === 'rules') this.policyNames.set(change.revision, change.rules);
      else this.setLocal(change.id, change.address);
    }
  }

  /** The address that masqueraded packets of a family leave with; empty while it is not known. */
  masqueradeAddress(isIpv6: boolean): Uint8Array {
    return (isIpv6 ? this.masquerade.ipv6 : this.masquerade.ipv4) ?? NOTHING;
  }

  private setAddress(text: string, facts: EndpointFacts | null): void {
    const address = addressBytes(text);
    const known = facts === null ? undefined : new KnownEndpoint(facts);
    if (known === undefined) this.endpoints.delete(address);
    else this.endpoints.set(address, known);
    const localId = this.localIds.get(text);
    if (localId !== undefined) this.localEndpoints[localId] = known;
    // 0 stands for all that have none yet.
    if (facts === null || facts.identity === IDENTITY_UNKNOWN) return;
    this.factsByIdentity.set(facts.identity, facts);
    this.byIdentity.delete(facts.identity);
  }

  private setIdentity(identity: number, labels: readonly string[] | null): void {
    this.byIdentity.delete(identity);
    if (labels === null) {
      this.factsByIdentity.delete(identity);
      return;
    }
    const nobody = { namespace: '', podName: '', clusterName: '', workloads: [] };
    this.factsByIdentity.set(identity, { identity, labels, ...nobody });
  }

  private setService(text: string, port: number, service: { namespace: string; name: string } | null): void {
    const address = addressBytes(text);
    const ports = this.services.get(address, 0, address.length === 16) ?? new Map<number, Uint8Array>();
    if (service === null) ports.delete(port);
    else ports.set(port, toBinary(ServiceSchema, create(ServiceSchema, service)));
    if (ports.size > 0) this.services.set(address, ports);
    else this.services.delete(address);
  }

  private setInterface(index: number, name: string | null): void {
    if (name === null) {
      this.interfaces.delete(index);
      return;
    }
    const networkInterface = create(NetworkInterfaceSchema, { index, name });
    this.interfaces.set(index, toBinary(NetworkInterfaceSchema, networkInterface));
  }

  private setLocal(id: number, text: string | null): void {
    for (const [address, other] of this.localIds) if (other === id) this.localIds.delete(address);
    this.localEndpoints[id] = undefined;
    this.dnsNames.forget(id);
    if (text === null) return;
    const address = addressBytes(text);
    this.localIds.set(text, id);
    this.localEndpoints[id] = this.endpoints.get(address, 0, address.length === 16);
  }

  /**
   * Who is at one end of a packet, if that is known by more than an identity. Who an endpoint of this node is, the datapath knows by its interface, whatever address it
   * speaks from (a link-local one, a stolen one); others go by the address at `packet[at]`.
   * @param id the endpoint's number on this node, 0 when it is not here
   */
  find(packet: Uint8Array, at: number, isIpv6: boolean, id: number): KnownEndpoint | undefined {
    const local = id === 0 ? undefined : this.localEndpoints[id];
    return local ?? this.endpoints.get(packet, at, isIpv6);
  }

  /**
   * The Endpoint message of one end of a packet, as `find` found it. The datapath's identity counts; 0 means that it knew none, and then the table's does: an address that
   * is nobody's is the world's.
   */
  endpoint(known: KnownEndpoint | undefined, id: number, identity: number): Uint8Array {
    if (known === undefined) {
      return this.endpointByIdentity(id, identity === IDENTITY_UNKNOWN ? IDENTITY_WORLD : identity);
    }
    if (!known.seen) {
      known.seen = true;
      this.seen.push(known);
    }
    return known.bytes(id, identity === IDENTITY_UNKNOWN ? known.facts.identity : identity);
  }

  /** The Endpoint message of something of which only the identity is known: what all endpoints of that identity share. */
  endpointByIdentity(id: number, identity: number): Uint8Array {
    let known = this.byIdentity.get(identity);
    if (known === undefined) {
      const facts = this.factsByIdentity.get(identity);
      known = new KnownEndpoint({
        identity,
        namespace: facts?.namespace ?? '',
        podName: '',
        clusterName: facts?.clusterName ?? '',
        labels: labelsOfReservedIdentity(identity) ?? facts?.labels ?? [],
        workloads: [],
      });
      if (this.byIdentity.size >= MAX_BY_IDENTITY) this.byIdentity.clear();
      this.byIdentity.set(identity, known);
    }
    return known.bytes(id, identity);
  }

  /** Namespaces of the endpoints that stood in flows since the last call, each once. */
  takeSeenNamespaces(): { cluster: string; namespace: string }[] {
    const found = new Map<string, { cluster: string; namespace: string }>();
    for (const known of this.seen) {
      known.seen = false;
      const { clusterName: cluster, namespace } = known.facts;
      if (namespace !== '') found.set(`${cluster}/${namespace}`, { cluster, namespace });
    }
    this.seen = [];
    return [...found.values()];
  }

  /** The Service message of the address at `packet[at]` and a port, empty bytes when there is none. */
  service(packet: Uint8Array, at: number, isIpv6: boolean, port: number): Uint8Array {
    if (this.services.size === 0) return NOTHING;
    return this.services.get(packet, at, isIpv6)?.get(port) ?? NOTHING;
  }

  /** The NetworkInterface message of an interface; of one that is not known, with its number alone. */
  networkInterface(index: number): Uint8Array {
    let bytes = this.interfaces.get(index);
    if (bytes === undefined) {
      if (index === 0) return NOTHING;
      bytes = toBinary(NetworkInterfaceSchema, create(NetworkInterfaceSchema, { index }));
      this.interfaces.set(index, bytes);
    }
    return bytes;
  }
}

function addressBytes(text: string): Uint8Array {
  const address = parseIp(text);
  if (address === null) throw new TypeError(`address "${text}" in cluster state: expected an IP`);
  return address;
}
