import { POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { LabelSelector, Requirement } from '../model.ts';
import type { Label } from './label.ts';

/** Whether a set of labels fulfils something. */
export type LabelMatch = (labels: readonly Label[]) => boolean;

/** Every requirement of a selector, that for the local cluster spelled out. */
export function requirementsOf(selector: LabelSelector, clusterName: string): readonly Requirement[] {
  if (!selector.localCluster) return selector.requirements;
  return [
    ...selector.requirements,
    { source: 'k8s', key: POLICY_CLUSTER_LABEL, operator: 'In', values: [clusterName] },
  ];
}

/** Compiles requirements to one function; true only if all of them hold. */
export function compileRequirements(requirements: readonly Requirement[]): LabelMatch {
  const tests = requirements.map(compileRequirement);
  if (tests.length === 1) return tests[0];
  return (labels) => {
    for (const test of tests) if (!test(labels)) return false;
    return true;
  };
}

function compileRequirement({ source, key, operator, values }: Requirement): LabelMatch {
  const isExpected = operator === 'In' || operator === 'Exists';
  const anyValue = operator === 'Exists' || operator === 'DoesNotExist';
  const anySource = source === 'any';
  const allowed: ReadonlySet<string> = new Set(values);
  const only = values.length === 1 ? values[0] : undefined;
  return (labels) => {
    for (const label of labels) {
      if (label.key !== key || !(anySource || label.source === source)) continue;
      if (anyValue || (only === undefined ? allowed.has(label.value) : label.value === only))
        return isExpected;
    }
    return !isExpected;
  };
}

/** A text that is the same for selectors that say the same in the same words, whatever their order. */
export function selectorKey(requirements: readonly Requirement[]): string {
  const texts = requirements.map(({ source, key, operator, values }) =>
    JSON.stringify([source, key, operator, ...values]),
  );
  return [...new Set(texts)].sort().join(' ');
}
