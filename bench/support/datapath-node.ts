import { BpfObject } from '../../agent/kernel/bpf-object.ts';
import { bpf, c, viewMemory } from '../../agent/kernel/ffi.ts';
import { KernelError } from '../../agent/kernel/kernel-error.ts';
import { inNetns } from '../../agent/kernel/netns.ts';
import { openPerfRings, type PerfRings } from '../../agent/kernel/perf-rings.ts';
import { CONTROL_PAGE_BYTES, RingReader } from '../../agent/ring/ring-reader.ts';
import { readCHeader } from './c-header.ts';
import { packStruct, readMember, type StructValues } from './c-struct.ts';
import { addressBytes, macBytes } from './address-bytes.ts';
import type { Pod, TestNode } from './two-nodes.ts';

/** The numbers and layouts that programs and tests share, read from the C headers themselves. */
export const flowEventHeader = readCHeader('flow_event_shared.h');
export const mapsHeader = readCHeader('maps_shared.h');
export const policyHeader = readCHeader('policy_shared.h');
export const natHeader = readCHeader('nat_shared.h');

const objectPath = `${import.meta.dirname}/../../build/bpf/datapath.bpf.o`;
/** enum bpf_attach_type. */
const BPF_TCX_INGRESS = 46;
const BPF_TCX_EGRESS = 47;

/** A constant of the shared headers. Throws if none has it. */
export function constant(name: string): number {
  const headers = [flowEventHeader, mapsHeader, policyHeader, natHeader];
  const value = headers.find(({ defines }) => defines.has(name))?.defines.get(name);
  if (value === undefined) throw new Error(`no ${name} in bpf/shared`);
  return value;
}

/** One event as the programs wrote it: members of struct flow_event, and the bytes captured. */
export interface DatapathEvent {
  readonly type: number;
  readonly subType: number;
  readonly reason: number;
  readonly flags: number;
  readonly protocol: number;
  readonly packetLength: number;
  readonly l3Offset: number;
  readonly l4Offset: number;
  readonly ifindex: number;
  readonly source: { readonly identity: number; readonly endpointId: number };
  readonly destination: { readonly identity: number; readonly endpointId: number };
  readonly sourceFile: number;
  readonly sourceLine: number;
  /** VERDICT_* bits. */
  readonly policy: number;
  readonly ruleCookie: number;
  readonly captured: Uint8Array;
}

function decodeEvent(bytes: Uint8Array): DatapathEvent {
  const member = (name: string): number => readMember(flowEventHeader, 'flow_event', bytes, name);
  const start = flowEventHeader.structs.get('flow_event')?.size ?? 0;
  return {
    type: member('type'),
    subType: member('sub_type'),
    reason: member('trace_reason'),
    flags: member('flags'),
    protocol: member('l4_proto'),
    packetLength: member('packet_len'),
    l3Offset: member('l3_offset'),
    l4Offset: member('l4_offset'),
    ifindex: member('ifindex'),
    source: { identity: member('src_identity'), endpointId: member('src_endpoint_id') },
    destination: { identity: member('dst_identity'), endpointId: member('dst_endpoint_id') },
    sourceFile: member('source_file'),
    sourceLine: member('source_line'),
    policy: member('policy'),
    ruleCookie: member('rule_cookie'),
    captured: bytes.subarray(start, start + member('captured_len')),
  };
}

export interface DatapathOptions {
  readonly deviceIfindex?: number;
  readonly deviceHasNoL2?: boolean;
  readonly clusterId?: number;
  /** 0 = no rings: an agent that is away. Default 1 MiB. */
  readonly ringBytesPerCpu?: number;
  readonly maxEntries?: Readonly<Record<string, number>>;
}

const u32Key = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function addressKey(address: string): Uint8Array {
  const bytes = addressBytes(address);
  const family = constant(bytes.length === 4 ? 'FAMILY_IPV4' : 'FAMILY_IPV6');
  return packStruct(mapsHeader, 'address_key', { family, address: bytes });
}

/**
 * The loaded datapath of one node with its maps filled by hand, for tests and benchmarks: attached in a namespace, or fed packets by
 * test runs. Nothing is pinned: `close` detaches and unloads all of it, and so does the process's end.
 */
export class DatapathNode {
  readonly object: BpfObject;
  private rings: PerfRings | null = null;
  private readers: RingReader[] = [];
  private readonly links: number[] = [];

  constructor(options: DatapathOptions = {}) {
    this.object = BpfObject.load({
      path: objectPath,
      rodata: packStruct(mapsHeader, 'node_constants', {
        device_ifindex: options.deviceIfindex ?? 0,
        device_has_no_l2: options.deviceHasNoL2 === true ? 1 : 0,
        cluster_id: options.clusterId ?? 0,
      }),
      maxEntries: options.maxEntries ?? {},
    });
    const bytes = options.ringBytesPerCpu ?? 1 << 20;
    if (bytes > 0) this.openRings(bytes);
  }

  openRings(bytesPerCpu: number): void {
    this.rings = openPerfRings(this.object.map('events'), bytesPerCpu, bytesPerCpu / 2);
    this.readers = this.rings.rings.map(
      (ring) => new RingReader(viewMemory(ring.pointer, CONTROL_PAGE_BYTES + ring.dataBytes), ring.dataBytes),
    );
  }

  configure(settings: {
    aggregation?: number;
    intervalS?: number;
    captureBytes?: number;
    flags?: number;
    dnsBurst?: number;
    identityEpoch?: number;
    denialBurst?: number;
  }): void {
    const value = packStruct(mapsHeader, 'datapath_settings', {
      aggregation: settings.aggregation ?? 0,
      interval_s: settings.intervalS ?? 0,
      capture_bytes: settings.captureBytes ?? 0,
      flags: settings.flags ?? 0,
      dns_burst: settings.dnsBurst ?? 0,
      identity_epoch: settings.identityEpoch ?? 0,
      denial_burst: settings.denialBurst ?? 0,
    });
    this.object.map('settings').update(u32Key(0), value);
  }

  addIpcache(address: string, identity: number): void {
    this.object
      .map('ipcache')
      .update(addressKey(address), packStruct(mapsHeader, 'ipcache_info', { identity }));
  }

  addRange(address: string, prefixLength: number, identity: number, map = 'ipcache_cidr'): void {
    const bytes = addressBytes(address);
    const key: StructValues = {
      prefix_len: 32 + prefixLength,
      family: constant(bytes.length === 4 ? 'FAMILY_IPV4' : 'FAMILY_IPV6'),
      address: bytes,
    };
    const value = packStruct(mapsHeader, 'ipcache_info', { identity });
    this.object.map(map).update(packStruct(mapsHeader, 'cidr_key', key), value);
  }

  /** What pods send outside leaves with these, from ports that count from `firstPort` on. Settings have to switch it on. */
  masqueradeAs(addresses: { ipv4?: string; ipv6?: string }, firstPort: number, ports: number): void {
    const value = packStruct(natHeader, 'masquerade_config', {
      ...(addresses.ipv4 !== undefined && { ipv4: addressBytes(addresses.ipv4) }),
      ...(addresses.ipv6 !== undefined && { ipv6: addressBytes(addresses.ipv6) }),
      first_port: firstPort,
      ports,
    });
    this.object.map('masquerade').update(u32Key(0), value);
  }

  /** An address of the node itself. */
  addOwnAddress(address: string): void {
    this.object
      .map('local_addresses')
      .update(addressKey(address), packStruct(mapsHeader, 'local_address', { identity: 1 }));
  }

  addEndpoint(pod: Omit<Pod, 'netns'>): void {
    const common = {
      identity: pod.identity,
      endpoint_id: pod.endpointId,
      pod_mac: macBytes(pod.podMac),
      host_mac: macBytes(pod.hostMac),
    };
    const endpoint = { ...common, ipv4: addressBytes(pod.ipv4), ipv6: addressBytes(pod.ipv6) };
    this.object
      .map('endpoints')
      .update(u32Key(pod.hostIfindex), packStruct(mapsHeader, 'endpoint_info', endpoint));
    const local = packStruct(mapsHeader, 'local_address', { ...common, ifindex: pod.hostIfindex });
    for (const address of [pod.ipv4, pod.ipv6]) {
      this.object.map('local_addresses').update(addressKey(address), local);
      this.addIpcache(address, pod.identity);
    }
  }

  /** Everything this node knows of itself and of the other. */
  describe(node: TestNode, other: TestNode): void {
    for (const address of [node.ipv4, node.ipv6, node.gatewayIpv4, node.gatewayIpv6])
      this.addOwnAddress(address);
    for (const pod of node.pods) this.addEndpoint(pod);
    for (const pod of other.pods)
      for (const address of [pod.ipv4, pod.ipv6]) this.addIpcache(address, pod.identity);
    for (const address of [other.ipv4, other.ipv6]) this.addIpcache(address, 6);
  }

  /** Attaches all four programs in the node's namespace, on the pods' veths and on the device. */
  attach(node: TestNode): void {
    inNetns(`/run/netns/${node.netns}`, () => {
      for (const pod of node.pods) {
        this.attachOne('from_container', pod.hostIfindex, BPF_TCX_INGRESS);
        this.attachOne('to_container', pod.hostIfindex, BPF_TCX_EGRESS);
      }
      this.attachOne('from_netdev', node.deviceIfindex, BPF_TCX_INGRESS);
      this.attachOne('to_netdev', node.deviceIfindex, BPF_TCX_EGRESS);
    });
  }

  private attachOne(program: string, ifindex: number, type: number): void {
    const fd = bpf.linkCreate(this.object.programFd(program), ifindex, type, null) as number;
    if (fd < 0) throw KernelError.fromErrno(`cannot attach ${program} to interface ${ifindex}`, -fd);
    this.links.push(fd);
  }

  detach(): void {
    for (const fd of this.links.splice(0)) c.close(fd);
  }

  /** The events since the last drain, in the order of time. */
  drain(): DatapathEvent[] {
    const events: { ktimeNs: number; event: DatapathEvent }[] = [];
    for (const reader of this.readers) {
      reader.drain((u8, _u32, offset, length) => {
        const bytes = u8.slice(offset, offset + length);
        const ktimeNs = readMember(flowEventHeader, 'flow_event', bytes, 'ktime_ns');
        events.push({ ktimeNs, event: decodeEvent(bytes) });
      }, Infinity);
    }
    return events.sort((a, b) => a.ktimeNs - b.ktimeNs).map(({ event }) => event);
  }

  /** Throws the events since the last drain away and gives their number: what a benchmark's reader does. */
  discard(): number {
    return this.readers.reduce((sum, reader) => sum + reader.drain(() => undefined, Infinity), 0);
  }

  /** Records that the rings have reported lost. */
  get lostRecords(): number {
    return this.readers.reduce((sum, reader) => sum + reader.lostRecords, 0);
  }

  /** A counter of `event_counters` by its name in the header, summed over CPUs. */
  counter(name: string): number {
    const values = this.object.map('event_counters').lookup(u32Key(constant(name)));
    if (values === null) return 0;
    return new BigUint64Array(values.buffer, values.byteOffset, values.length / 8).reduce(
      (sum, value) => sum + Number(value),
      0,
    );
  }

  close(): void {
    this.detach();
    this.readers = []; // their memory goes with the rings
    this.rings?.close();
    this.rings = null;
    this.object.close();
  }
}
