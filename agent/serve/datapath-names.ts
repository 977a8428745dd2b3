import { create } from '@bufbuild/protobuf';
import { formatIp } from '../../cluster/index.ts';
import { isClass } from '../../policy/index.ts';
import { type NamedIdentity, NamedIdentitySchema } from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { encodeAddressKey, encodeCidrKey, layouts } from '../datapath/map-layout.ts';
import { labelsOfReservedIdentity } from '../enrich/reserved-identity.ts';
import type { NodeView } from './node-view.ts';

const NAMESPACE_LABEL = 'k8s:io.kubernetes.pod.namespace=';
/** Labels by which applications are told apart, the usual ones first. */
const APP_LABELS = ['k8s:app=', 'k8s:app.kubernetes.io/name=', 'k8s:k8s-app=', 'k8s:name='] as const;
const classNames: Readonly<Record<number, string>> = {
  11: 'all pods of the cluster',
  12: 'all pods of other clusters',
  13: 'all ranges outside',
  14: 'all other nodes',
};
const IDENTITY_WORLD = 2;

/** An address as people know it. */
export interface NamedAddress {
  readonly identity: NamedIdentity;
  /** `namespace/pod`, `node/name`, or `namespace/service`; empty for others. */
  readonly name: string;
  /** Of the pod or service; empty for others. */
  readonly namespace: string;
  /** With the cluster: `pod east/shop/web`. */
  readonly owner: string;
}

/** Names for the numbers in a node's maps. Remembers what it found: for one answer. */
export class DatapathNames {
  private readonly view: NodeView;
  private readonly identities = new Map<number, NamedIdentity>();
  private readonly addresses = new Map<string, NamedAddress>();
  private serviceAddresses: ReadonlyMap<string, { namespace: string; name: string }> | null = null;

  constructor(view: NodeView) {
    this.view = view;
  }

  identity(identity: number): NamedIdentity {
    const known = this.identities.get(identity);
    if (known !== undefined) return known;
    const labels = this.labelsOf(identity);
    const named = create(NamedIdentitySchema, { identity, labels, name: shortName(identity, labels) });
    this.identities.set(identity, named);
    return named;
  }

  /** Who has an address, and which identity the programs take it for. */
  address(bytes: Uint8Array): NamedAddress {
    const text = formatIp(bytes);
    const known = this.addresses.get(text);
    if (known !== undefined) return known;
    const identity = this.identity(this.identityOf(bytes));
    const owner = this.view.datapath.ownerOf(text) ?? '';
    const [kind, key = ''] = owner.split(' ');
    const parts = key.split('/');
    let named: NamedAddress;
    if (kind === 'pod') {
      named = { identity, name: `${parts[1]}/${parts[2]}`, namespace: parts[1], owner };
    } else if (kind === 'node') named = { identity, name: `node/${parts[1]}`, namespace: '', owner };
    else {
      const service = this.serviceOf(text);
      const name = service === undefined ? '' : `${service.namespace}/${service.name}`;
      named = { identity, name, namespace: service?.namespace ?? '', owner: '' };
    }
    this.addresses.set(text, named);
    return named;
  }

  /** As the programs find it: the address itself, else the longest range, else the world. */
  private identityOf(bytes: Uint8Array): number {
    const { datapath } = this.view;
    const value =
      datapath.map('ipcache').lookup(encodeAddressKey(bytes)) ??
      datapath.map('ipcache_cidr').lookup(encodeCidrKey(bytes, bytes.length * 8));
    if (value === null) return IDENTITY_WORLD;
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).readUInt32LE(
      layouts.ipcache_info.identity,
    );
  }

  private labelsOf(identity: number): string[] {
    if (identity === 0 || isClass(identity)) return [];
    const known = this.view.policies.state.identities.identity(identity)?.labels.map(({ text }) => text);
    return known ?? [...(labelsOfReservedIdentity(identity) ?? [])];
  }

  private serviceOf(address: string): { namespace: string; name: string } | undefined {
    this.serviceAddresses ??= new Map(
      [...this.view.services.values()].flatMap(({ clusterIps, namespace, name }) =>
        clusterIps.map((ip) => [ip, { namespace, name }] as const),
      ),
    );
    return this.serviceAddresses.get(address);
  }
}

/** What a set of labels is called in short. */
function shortName(identity: number, labels: readonly string[]): string {
  if (identity === 0) return 'everybody';
  if (isClass(identity)) return classNames[identity] ?? '';
  const range = labels.find((label) => label.startsWith('cidr:'));
  if (range !== undefined) return rangeOf(range);
  const reserved = labels.find((label) => label.startsWith('reserved:'));
  if (reserved !== undefined) return reserved.slice('reserved:'.length);
  const namespace = valueOf(labels, NAMESPACE_LABEL);
  const app = APP_LABELS.map((prefix) => valueOf(labels, prefix)).find((value) => value !== undefined);
  if (app !== undefined) return namespace === undefined ? app : `${namespace}/${app}`;
  return namespace === undefined ? '' : `${namespace}/`;
}

/** A range's label has dashes in place of an IPv6 address's colons, and may have a zero more at its ends. */
function rangeOf(label: string): string {
  const text = label.slice('cidr:'.length);
  if (!text.includes('-')) return text;
  const [address, bits] = text.replaceAll('-', ':').split('/');
  return `${address.replace(/^0::/, '::').replace(/::0$/, '::')}/${bits}`;
}

function valueOf(labels: readonly string[], prefix: string): string | undefined {
  return labels.find((label) => label.startsWith(prefix))?.slice(prefix.length);
}
