import { POLICY_CLUSTER_LABEL } from '../../cluster/security-labels.ts';
import type { LabelSelector, Requirement } from '../model.ts';
import { intern, type Label } from './label.ts';

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

/** A requirement as the inner loop of matching wants it. */
interface Test {
  /** Null: labels of any source. */
  readonly source: string | null;
  readonly key: string;
  /** Whether a label that fits makes the test succeed, rather than fail. */
  readonly isExpected: boolean;
  /** Null: any value fits. */
  readonly values: readonly string[] | null;
}

/** Compiles requirements to one function; true only if all of them hold. */
export function compileRequirements(requirements: readonly Requirement[]): LabelMatch {
  const tests = requirements.map(compileTest);
  return (labels) => {
    for (const test of tests) if (holds(test, labels) !== test.isExpected) return false;
    return true;
  };
}

function compileTest({ source, key, operator, values }: Requirement): Test {
  const isAnyValue = operator === 'Exists' || operator === 'DoesNotExist';
  return {
    source: source === 'any' ? null : intern(source),
    key: intern(key),
    isExpected: operator === 'In' || operator === 'Exists',
    values: isAnyValue ? null : values.map(intern),
  };
}

/** Whether there is a label that fits. */
function holds({ source, key, values }: Test, labels: readonly Label[]): boolean {
  for (const label of labels) {
    if (label.key !== key || (source !== null && label.source !== source)) continue;
    if (values === null || values.includes(label.value)) return true;
  }
  return false;
}

/** A text that is the same for selectors that say the same in the same words, whatever their order. */
export function selectorKey(requirements: readonly Requirement[]): string {
  const texts = requirements.map(({ source, key, operator, values }) =>
    JSON.stringify([source, key, operator, ...values]),
  );
  return [...new Set(texts)].sort().join(' ');
}
