import { create, toBinary } from '@bufbuild/protobuf';
import { parseIp } from '../../proto/flow/ip.ts';
import {
  EndpointSchema,
  NetworkInterfaceSchema,
  ServiceSchema,
  WorkloadSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { AddressTable } from './address-table.ts';
import { IDENTITY_UNKNOWN, IDENTITY_WORLD, labelsOfReservedIdentity } from './reserved-identity.ts';

/** What is known of an address: a pod's names, or nothing but an identity (nodes, the world). */
export interface EndpointFacts {
  readonly identity: number;
  readonly namespace: string;
  readonly podName: string;
  readonly clusterName: string;
  readonly labels: readonly string[];
  readonly workloads: readonly { readonly name: string; readonly kind: string }[];
}

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
  | { readonly kind: 'local'; readonly id: number; readonly address: string | null };

const NOTHING = new Uint8Array(0);

function addressBytes(text: string): Uint8Array {
  const address = parseIp(text);
  if (address === null) throw new TypeError(`address "${text}" in cluster state: expected an IP`);
  return address;
}

/** An address's facts and the Endpoint messages made of them, by local id and identity. */
class KnownEndpoint {
  readonly facts: EndpointFacts;
  /** Whether it stood in a flow since the last look. */
  seen = false;
  private readonly encoded = new Map<number, Uint8Array>();

  constructor(facts: EndpointFacts) {
    this.facts = facts;
  }

  bytes(id: number, identity: number): Uint8Array {
    const key = identity * 65536 + id;
    let bytes = this.encoded.get(key);
    if (bytes === undefined) {
      const { namespace, podName, clusterName, labels, workloads } = this.facts;
      const endpoint = create(EndpointSchema, { ID: id, identity, namespace, podName, clusterName });
      endpoint.labels = [...labels];
      endpoint.workloads = workloads.map((workload) => create(WorkloadSchema, workload));
      bytes = toBinary(EndpointSchema, endpoint);
      // An identity changes a few times in a pod's life; more entries than this are of no use.
      if (this.encoded.size >= 8) this.encoded.clear();
      this.encoded.set(key, bytes);
    }
    return bytes;
  }
}

/** Puts names to what the datapath reports: addresses to endpoints, service addresses to services, interface numbers to interfaces. */
export class Enrichment {
  private readonly endpoints = new AddressTable<KnownEndpoint>();
  /** An address of each endpoint of this node, by its number. */
  private readonly localAddresses = new Map<number, Uint8Array>();
  /** Services by address, then port. */
  private readonly services = new AddressTable<Map<number, Uint8Array>>();
  private readonly interfaces = new Map<number, Uint8Array>();
  private seen: KnownEndpoint[] = [];
  /** Endpoints of which only the identity is known. */
  private readonly byIdentity = new Map<number, KnownEndpoint>();
  private readonly factsByIdentity = new Map<number, EndpointFacts>();

  /** Applies changes in order. Throws TypeError for an address that is none. */
  apply(changes: readonly EnrichmentChange[]): void {
    for (const change of changes) this.applyOne(change);
  }

  private applyOne(change: EnrichmentChange): void {
    switch (change.kind) {
      case 'address': {
        const address = addressBytes(change.address);
        if (change.facts === null) this.endpoints.delete(address);
        else {
          this.endpoints.set(address, new KnownEndpoint(change.facts));
          // 0 stands for all that have none yet.
          if (change.facts.identity !== IDENTITY_UNKNOWN) {
            this.factsByIdentity.set(change.facts.identity, change.facts);
            this.byIdentity.delete(change.facts.identity);
          }
        }
        return;
      }
      case 'service': {
        const address = addressBytes(change.address);
        const ports = this.services.get(address, 0, address.length === 16) ?? new Map<number, Uint8Array>();
        if (change.service === null) ports.delete(change.port);
        else ports.set(change.port, toBinary(ServiceSchema, create(ServiceSchema, change.service)));
        if (ports.size > 0) this.services.set(address, ports);
        else this.services.delete(address);
        return;
      }
      case 'interface': {
        if (change.name === null) this.interfaces.delete(change.index);
        else {
          const networkInterface = create(NetworkInterfaceSchema, { index: change.index, name: change.name });
          this.interfaces.set(change.index, toBinary(NetworkInterfaceSchema, networkInterface));
        }
        return;
      }
      case 'local':
        if (change.address === null) this.localAddresses.delete(change.id);
        else this.localAddresses.set(change.id, addressBytes(change.address));
    }
  }

  /**
   * The Endpoint message of one end of a packet. Who an endpoint of this node is, the datapath knows by its interface, whatever address it speaks from (a link-local
   * one, a stolen one); others go by the address at `packet[at]`. The datapath's identity counts; 0 means that it knew none, and then the table's does: an address
   * that is nobody's is the world's.
   * @param id the endpoint's number on this node, 0 when it is not here
   */
  endpoint(packet: Uint8Array, at: number, isIpv6: boolean, id: number, identity: number): Uint8Array {
    const own = id === 0 ? undefined : this.localAddresses.get(id);
    const known =
      (own === undefined ? undefined : this.endpoints.get(own, 0, own.length === 16)) ??
      this.endpoints.get(packet, at, isIpv6);
    if (known !== undefined) {
      if (!known.seen) {
        known.seen = true;
        this.seen.push(known);
      }
      return known.bytes(id, identity === 0 ? known.facts.identity : identity);
    }
    return this.endpointByIdentity(id, identity === IDENTITY_UNKNOWN ? IDENTITY_WORLD : identity);
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

  /** The Endpoint message of something of which only the identity is known. */
  endpointByIdentity(id: number, identity: number): Uint8Array {
    let known = this.byIdentity.get(identity);
    if (known === undefined) {
      const labels = labelsOfReservedIdentity(identity);
      const facts = this.factsByIdentity.get(identity);
      known = new KnownEndpoint({
        identity,
        namespace: facts?.namespace ?? '',
        podName: '',
        clusterName: facts?.clusterName ?? '',
        labels: labels ?? facts?.labels ?? [],
        workloads: [],
      });
      if (this.byIdentity.size >= 65536) this.byIdentity.clear();
      this.byIdentity.set(identity, known);
    }
    return known.bytes(id, identity);
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
