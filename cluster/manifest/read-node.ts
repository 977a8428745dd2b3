import { canonicalCidr, canonicalIp } from '../address.ts';
import type { Field } from './field.ts';
import { readLabels, readName } from './metadata.ts';
import type { NamespaceManifest, NodeManifest } from './objects.ts';

export function readNode(document: Field): NodeManifest {
  const metadata = document.get('metadata');
  const spec = document.get('spec');
  const addresses: string[] = [];
  for (const item of document.get('status').get('addresses').items()) {
    const type = item.get('type').requiredString();
    // Hostname and DNS entries hold names; ExternalIP may belong to a device in front of several nodes.
    if (type !== 'InternalIP') continue;
    const address = item.get('address').parsed(canonicalIp, 'an IPv4 or IPv6 address');
    if (address !== undefined && !addresses.includes(address)) addresses.push(address);
  }
  const podCidrs = [...spec.get('podCIDRs').items(), spec.get('podCIDR')]
    .map((field) => field.parsed(canonicalCidr, 'a range such as 10.1.0.0/24 or fd00:1::/64'))
    .filter((cidr) => cidr !== undefined);
  return {
    kind: 'Node',
    namespace: '',
    name: readName(metadata),
    labels: readLabels(metadata.get('labels')),
    addresses,
    podCidrs: [...new Set(podCidrs)],
  };
}

export function readNamespaceObject(document: Field): NamespaceManifest {
  const metadata = document.get('metadata');
  return {
    kind: 'Namespace',
    namespace: '',
    name: readName(metadata),
    labels: readLabels(metadata.get('labels')),
  };
}
