import { type Field, formatPath, type ReportField } from '../../cluster/manifest/field.ts';

/**
 * Why a field of these kinds is refused although Cilium or Kubernetes knows it. A policy that uses one is not applied at all: half of a policy is a hole.
 */
export const NOT_SUPPORTED = 'is not supported by this version';

/** What a mapping may hold: `known` fields are read, `unsupported` ones refused by name unless they are empty, all others are unknown. */
export interface KnownFields {
  readonly known: readonly string[];
  readonly unsupported?: readonly string[];
}

/** Reports every field of a mapping that is not read, so that nothing of a policy is passed over in silence. */
export function checkFields(
  field: Field,
  { known, unsupported = [] }: KnownFields,
  report: ReportField,
): void {
  if (!isMapping(field.value)) return; // reported by whoever reads it
  for (const [key, value] of Object.entries(field.value)) {
    if (known.includes(key)) continue;
    const path = [...field.path, key];
    if (!unsupported.includes(key)) report(path, `${formatPath(path)} is no field of this kind`);
    else if (!isEmpty(value)) report(path, `${formatPath(path)} ${NOT_SUPPORTED}`);
  }
}

/** Reports that a field is not as it should be, in words of its own. */
export function refuseField(field: Field, what: string, report: ReportField): void {
  report(field.path, `${formatPath(field.path)} ${what}`);
}

/** The mapping that has to be here; reports anything else but absence. Lists are no mappings. */
export function checkMapping(field: Field): boolean {
  if (field.value !== undefined && !isMapping(field.value)) field.refuse('a mapping');
  return isMapping(field.value);
}

/** Whether a list is given and not empty. Reports what is no list. */
export function hasItems(field: Field): boolean {
  return field.items().length > 0;
}

/** Whether the field is there at all; an explicit null counts as absent, as for Kubernetes. */
export function isGiven(field: Field): boolean {
  return field.value !== undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
