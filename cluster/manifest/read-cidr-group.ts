import { canonicalCidr } from '../address.ts';
import type { Field } from './field.ts';
import { readName } from './metadata.ts';
import type { CidrGroupManifest } from './objects.ts';

/** A CiliumCIDRGroup: ranges under one name, for `cidrGroupRef` of policies. */
export function readCidrGroup(document: Field): CidrGroupManifest {
  const cidrs = document
    .get('spec')
    .get('externalCIDRs')
    .items()
    .map((field) => {
      if (field.value === undefined) field.requiredString();
      return field.parsed(canonicalCidr, 'a range such as 10.0.0.0/8 or fd00::/8');
    });
  return {
    kind: 'CiliumCIDRGroup',
    namespace: '',
    name: readName(document.get('metadata')),
    cidrs: [...new Set(cidrs.filter((cidr) => cidr !== undefined))],
  };
}
