import type { Field } from './field.ts';
import type { OwnerReference } from './objects.ts';

/** Names of objects: RFC 1123 subdomains, as the Kubernetes API accepts them. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** `metadata.name`; empty (and reported) when it is missing or no name. */
export function readName(metadata: Field): string {
  const field = metadata.get('name');
  return field.value === undefined ? field.requiredString() : checkedName(field);
}

/** `metadata.namespace`, by default `default`, as kubectl would have it. */
export function readNamespace(metadata: Field): string {
  const field = metadata.get('namespace');
  return field.value === undefined || field.value === '' ? 'default' : checkedName(field);
}

function checkedName(field: Field): string {
  const name = field.parsed(
    (text) => (text.length <= 253 && NAME.test(text) ? text : null),
    'lower case letters, digits, "-" and ".", at most 253, beginning and ending with a letter or digit',
  );
  return name ?? '';
}

/** Labels of an object, each checked against what the Kubernetes API accepts. */
export function readLabels(field: Field): Record<string, string> {
  const labels = field.stringMap();
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) {
      field
        .get(key)
        .refuse(
          'a label key of at most 63 letters, digits, "-", "_" and ".", perhaps after a DNS prefix and "/"',
        );
    } else if (!isLabelValue(value)) {
      field.get(key).refuse('a label value of at most 63 letters, digits, "-", "_" and "."');
    }
  }
  return labels;
}

/** Whether the Kubernetes API takes a text for a label's value. */
export function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value);
}

/** Whether the Kubernetes API takes a text for a label's key. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? '' : key.slice(0, slash);
  return LABEL_NAME.test(key.slice(slash + 1)) && (slash < 0 || (prefix.length <= 253 && NAME.test(prefix)));
}

export function readOwners(metadata: Field): OwnerReference[] {
  return metadata
    .get('ownerReferences')
    .items()
    .map((owner) => ({
      kind: owner.get('kind').requiredString(),
      name: owner.get('name').requiredString(),
      controller: owner.get('controller').boolean() ?? false,
    }));
}
