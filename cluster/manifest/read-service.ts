import { canonicalIp } from '../address.ts';
import type { ServicePort } from '../model.ts';
import type { Field } from './field.ts';
import { readLabels, readName, readNamespace } from './metadata.ts';
import type { ServiceManifest } from './objects.ts';

export function readService(document: Field): ServiceManifest {
  const metadata = document.get('metadata');
  const spec = document.get('spec');
  const labels = readLabels(metadata.get('labels'));
  const external = spec.get('type').string() === 'ExternalName';
  return {
    kind: 'Service',
    namespace: readNamespace(metadata),
    name: readName(metadata),
    clusterIps: external ? [] : readClusterIps(spec),
    ports: spec.get('ports').items().map(readPort),
    selector: readLabels(spec.get('selector')),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}

/** `spec.clusterIPs` and `spec.clusterIP`; `None` marks a headless service, which has no address. */
function readClusterIps(spec: Field): string[] {
  const fields = [...spec.get('clusterIPs').items(), spec.get('clusterIP')].filter(
    ({ value }) => value !== 'None',
  );
  const addresses = fields.map((field) => field.parsed(canonicalIp, 'an IPv4 or IPv6 address, or None'));
  return [...new Set(addresses.filter((address) => address !== undefined))];
}

/** The protocol of a port; TCP where none is named. */
export function readProtocol(field: Field): ServicePort['protocol'] {
  const known = (text: string): ServicePort['protocol'] | null =>
    text === 'TCP' || text === 'UDP' || text === 'SCTP' ? text : null;
  return field.parsed(known, 'TCP, UDP or SCTP') ?? 'TCP';
}

function readPort(field: Field): ServicePort {
  const protocol = readProtocol(field.get('protocol'));
  if (field.get('port').value === undefined) field.get('port').refuse('a whole number from 1 to 65535');
  const port = field.get('port').integer(1, 65535) ?? 0;
  const target = field.get('targetPort');
  return {
    name: field.get('name').string() ?? '',
    protocol,
    port,
    targetPort: (typeof target.value === 'string' ? target.string() : target.integer(0, 65535)) || port,
  };
}
