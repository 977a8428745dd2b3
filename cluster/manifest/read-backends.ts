import { canonicalIp } from '../address.ts';
import type { Field } from './field.ts';
import { readLabels, readName, readNamespace } from './metadata.ts';
import type { BackendsManifest } from './objects.ts';

/** Names the Service whose backends a slice lists. */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export function readEndpointSlice(document: Field): BackendsManifest {
  const metadata = document.get('metadata');
  const listsNames = document.get('addressType').string() === 'FQDN';
  const endpoints = listsNames ? [] : document.get('endpoints').items().filter(isServing);
  return {
    kind: 'EndpointSlice',
    namespace: readNamespace(metadata),
    name: readName(metadata),
    service: readLabels(metadata.get('labels'))[SERVICE_NAME_LABEL] ?? '',
    addresses: readAddresses(endpoints.flatMap((endpoint) => endpoint.get('addresses').items())),
  };
}

/** What is not said counts as ready; an endpoint that ends serves as long as it says so. */
function isServing(endpoint: Field): boolean {
  const conditions = endpoint.get('conditions');
  const isReady = conditions.get('ready').boolean() ?? true;
  return (
    isReady ||
    (conditions.get('serving').boolean() === true && conditions.get('terminating').boolean() === true)
  );
}

export function readEndpoints(document: Field): BackendsManifest {
  const metadata = document.get('metadata');
  const name = readName(metadata);
  const addresses = document
    .get('subsets')
    .items()
    .flatMap((subset) => subset.get('addresses').items())
    .map((address) => address.get('ip'));
  return {
    kind: 'Endpoints',
    namespace: readNamespace(metadata),
    name,
    service: name,
    addresses: readAddresses(addresses),
  };
}

function readAddresses(fields: readonly Field[]): string[] {
  const addresses = fields.map((field) => field.parsed(canonicalIp, 'an IPv4 or IPv6 address'));
  return [...new Set(addresses.filter((address) => address !== undefined))];
}
