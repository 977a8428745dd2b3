import type { Requirement } from '../../policy/model.ts';

/** Requirements of a policy's selector as a label selector of flow filters: `k8s:app=web,k8s:tier notin (db,cache)`. */
export function selectorText(requirements: readonly Requirement[]): string {
  return requirements.map(requirementText).join(',');
}

function requirementText({ source, key, operator, values }: Requirement): string {
  const name = `${source}:${key}`;
  const list = `(${values.join(',')})`;
  const texts: Readonly<Record<Requirement['operator'], string>> = {
    In: values.length === 1 ? `${name}=${values[0]}` : `${name} in ${list}`,
    NotIn: `${name} notin ${list}`,
    Exists: name,
    DoesNotExist: `!${name}`,
  };
  return texts[operator];
}
