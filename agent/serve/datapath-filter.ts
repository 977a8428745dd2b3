import { parseCidr, parseIp } from '../../cluster/index.ts';
import { rangeContains } from '../../proto/flow/ip.ts';
import { type DumpRequest, DumpTable } from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { RpcCode, RpcError } from '../../rpc/index.ts';
import type { NamedAddress } from './datapath-names.ts';

/** Conditions of a request, beside those that every table has. */
type Condition = 'namespaces' | 'names' | 'addresses' | 'identities' | 'endpointIds' | 'port' | 'protocol';

const WHO = ['namespaces', 'names'] as const;
const conditionsOf: Readonly<Record<number, readonly Condition[]>> = {
  [DumpTable.IPCACHE]: [...WHO, 'addresses', 'identities'],
  [DumpTable.POLICY]: [...WHO, 'identities', 'endpointIds', 'port', 'protocol'],
  [DumpTable.CONNTRACK]: [...WHO, 'addresses', 'identities', 'port', 'protocol'],
  [DumpTable.SERVICES]: [...WHO, 'addresses', 'port', 'protocol'],
  [DumpTable.ENDPOINTS]: [...WHO, 'addresses', 'identities', 'endpointIds'],
};
const ALL: readonly Condition[] = [...WHO, 'addresses', 'identities', 'endpointIds', 'port', 'protocol'];
const protoNames: Readonly<Record<string, string>> = { endpointIds: 'endpoint_ids' };

interface Range {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Which rows of a map are wanted. */
export class RowFilter {
  private readonly request: DumpRequest;
  private readonly ranges: readonly Range[];
  private readonly namespaces: ReadonlySet<string>;
  private readonly identities: ReadonlySet<number>;
  private readonly endpointIds: ReadonlySet<number>;

  /** Throws RpcError INVALID_ARGUMENT that names the field. */
  constructor(request: DumpRequest) {
    const known = conditionsOf[request.table];
    if (known === undefined) throw invalid('table', `is ${request.table}: expected one of DumpTable`);
    for (const condition of ALL) {
      const value = request[condition];
      const isGiven = typeof value === 'number' ? value !== 0 : value.length > 0;
      if (isGiven && !known.includes(condition)) {
        throw invalid(protoNames[condition] ?? condition, 'is no condition for this table');
      }
    }
    if (request.withExpired && request.table !== DumpTable.CONNTRACK) {
      throw invalid('with_expired', 'is no condition for this table');
    }
    this.request = request;
    this.namespaces = new Set(request.namespaces);
    this.identities = new Set(request.identities);
    this.endpointIds = new Set(request.endpointIds);
    this.ranges = request.addresses.map(readRange);
  }

  /** Whether some of these names of pods or services (`namespace/name`) are wanted. */
  wantsNames(names: readonly string[]): boolean {
    const { namespaces } = this;
    if (namespaces.size === 0 && this.request.names.length === 0) return true;
    return names.some((name) => {
      const [namespace, rest = ''] = name.split('/');
      if (namespaces.size > 0 && !namespaces.has(namespace)) return false;
      return matchesName(this.request.names, namespace, rest);
    });
  }

  /** Whether one of these ends is wanted, by who it is, its address and its identity, each condition by itself. */
  wantsAddresses(ends: readonly { readonly bytes: Uint8Array; readonly named: NamedAddress }[]): boolean {
    return (
      this.wantsNames(ends.filter(({ named }) => named.namespace !== '').map(({ named }) => named.name)) &&
      (this.ranges.length === 0 ||
        ends.some(({ bytes }) => this.wantsRange({ bytes, bits: bytes.length * 8 }))) &&
      this.wantsIdentities(ends.map(({ named }) => named.identity.identity))
    );
  }

  /** Whether a range lies in a wanted one, or holds a wanted address. */
  wantsRange({ bytes, bits }: Range): boolean {
    if (this.ranges.length === 0) return true;
    return this.ranges.some((range) =>
      range.bits <= bits ? rangeContains(range, bytes) : rangeContains({ bytes, bits }, range.bytes),
    );
  }

  /** Whether rows without an address are wanted. */
  get wantsNoAddress(): boolean {
    return this.ranges.length === 0;
  }

  wantsIdentities(identities: readonly number[]): boolean {
    return this.identities.size === 0 || identities.some((identity) => this.identities.has(identity));
  }

  wantsEndpoints(ids: readonly number[]): boolean {
    return this.endpointIds.size === 0 || ids.some((id) => this.endpointIds.has(id));
  }

  get wantsExpired(): boolean {
    return this.request.withExpired;
  }

  wantsProtocol(protocol: number): boolean {
    return this.request.protocol === 0 || this.request.protocol === protocol;
  }

  /** Whether the wanted port is among these. */
  wantsPorts(first: number, last: number): boolean {
    const { port } = this.request;
    return port === 0 || (first <= port && port <= last);
  }

  /** The port and protocol that are asked about; 0 for any. */
  get l4(): { port: number; protocol: number } {
    return { port: this.request.port, protocol: this.request.protocol };
  }
}

/** Whether a name is wanted: `NAMESPACE/NAME` or the beginning of it, or without a namespace the beginning of a name anywhere. */
export function matchesName(wanted: readonly string[], namespace: string, name: string): boolean {
  if (wanted.length === 0) return true;
  return wanted.some((text) => {
    const slash = text.indexOf('/');
    if (slash < 0) return name.startsWith(text);
    return text.slice(0, slash) === namespace && name.startsWith(text.slice(slash + 1));
  });
}

function readRange(text: string): Range {
  const ip = parseIp(text);
  const range = ip === null ? parseCidr(text) : { bytes: ip, bits: ip.length * 8 };
  if (range === null) throw invalid('addresses', `has "${text}": expected an address or a range`);
  return range;
}

function invalid(field: string, what: string): RpcError {
  return new RpcError(RpcCode.InvalidArgument, `${field} ${what}`);
}
