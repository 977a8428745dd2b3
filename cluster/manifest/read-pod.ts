import { canonicalIp } from '../address.ts';
import type { NamedContainerPort } from '../model.ts';
import type { Field } from './field.ts';
import { readLabels, readName, readNamespace, readOwners } from './metadata.ts';
import type { PodManifest } from './objects.ts';
import { readProtocol } from './read-service.ts';

const PHASES: ReadonlySet<string> = new Set(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']);

export function readPod(document: Field): PodManifest {
  const metadata = document.get('metadata');
  const spec = document.get('spec');
  const status = document.get('status');
  const namedPorts = readNamedPorts(spec);
  return {
    kind: 'Pod',
    namespace: readNamespace(metadata),
    name: readName(metadata),
    labels: readLabels(metadata.get('labels')),
    owners: readOwners(metadata),
    nodeName: spec.get('nodeName').string() ?? '',
    // The API server fills in "default" where the manifest names none, and the deprecated name beside the new one.
    serviceAccount:
      spec.get('serviceAccountName').string() || spec.get('serviceAccount').string() || 'default',
    hostNetwork: spec.get('hostNetwork').boolean() ?? false,
    phase:
      status
        .get('phase')
        .parsed((text) => (PHASES.has(text) ? text : null), `one of ${[...PHASES].join(', ')}`) ?? '',
    addresses: readPodAddresses(status),
    ...(namedPorts.length > 0 && { namedPorts }),
    ...(readsAudit(metadata) && { auditsPolicy: true }),
  };
}

/** Where a pod says that its policies are to be audited. */
const AUDIT_ANNOTATION = 'policy.sluice.io/audit';

function readsAudit(metadata: Field): boolean {
  const field = metadata.get('annotations').get(AUDIT_ANNOTATION);
  const known = (text: string): boolean | null =>
    text === 'true' || text === 'false' ? text === 'true' : null;
  return field.parsed(known, '"true" or "false"') ?? false;
}

/** `status.podIPs`, and `status.podIP` where an old client wrote only that. */
function readPodAddresses(status: Field): string[] {
  const fields = status
    .get('podIPs')
    .items()
    .map((item) => item.get('ip'));
  const addresses = [...fields, status.get('podIP')].map((field) =>
    field.parsed(canonicalIp, 'an IPv4 or IPv6 address'),
  );
  return [...new Set(addresses.filter((address) => address !== undefined))];
}

/** Ports of the containers that have a name. Those of init containers, which are gone when the pod serves, do not count. */
function readNamedPorts(spec: Field): NamedContainerPort[] {
  const ports = spec
    .get('containers')
    .items()
    .flatMap((container) => container.get('ports').items());
  return ports.flatMap((field) => {
    const name = field.get('name').string() ?? '';
    if (name === '') return [];
    const protocol = readProtocol(field.get('protocol'));
    const number = field.get('containerPort');
    if (number.value === undefined) number.refuse('a whole number from 1 to 65535');
    return [{ name, protocol, port: number.integer(1, 65_535) ?? 0 }];
  });
}
