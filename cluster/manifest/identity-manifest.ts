import type { Field } from './field.ts';
import type { IdentityManifest } from './objects.ts';

/** Largest number an identity of cluster scope can have: 16 bits of number, 8 bits of cluster. */
const MAX_IDENTITY = 2 ** 24 - 1;

/** Reads a CiliumIdentity. Its `security-labels` are a mapping from `source:key` to value. */
export function readIdentity(document: Field): IdentityManifest {
  const name = document.get('metadata').get('name');
  const identity = name.parsed((text) => {
    const number = Number(text);
    return /^[1-9]\d{0,7}$/.test(text) && number <= MAX_IDENTITY ? number : null;
  }, `a decimal number from 1 to ${MAX_IDENTITY} in quotes`);
  if (name.value === undefined) name.requiredString();
  const labels = Object.entries(document.get('security-labels').stringMap());
  if (labels.length === 0) document.get('security-labels').refuse('a mapping with at least one label');
  return {
    kind: 'CiliumIdentity',
    namespace: '',
    name: String(identity ?? ''),
    identity: identity ?? 0,
    labels: labels.map(([key, value]) => `${key}=${value}`).sort(),
  };
}

/**
 * The manifest of an identity, as `readIdentity` reads it. A value ends where the label ends: keys hold no `=`.
 */
export function formatIdentityManifest(identity: number, labels: readonly string[]): string {
  const entries = labels.map((label) => {
    const equals = label.indexOf('=');
    return `  ${JSON.stringify(label.slice(0, equals))}: ${JSON.stringify(label.slice(equals + 1))}\n`;
  });
  return `apiVersion: cilium.io/v2\nkind: CiliumIdentity\nmetadata:\n  name: "${identity}"\nsecurity-labels:\n${entries.join('')}`;
}
