import {
  NAMESPACE_LABELS_PREFIX,
  POD_NAMESPACE_LABEL,
  POLICY_CLUSTER_LABEL,
  SERVICE_ACCOUNT_LABEL,
} from '../../cluster/security-labels.ts';
import { labelValue, type PodEnd } from '../replay/traffic-end.ts';
import { type LabelPair, stableLabels } from './stable-labels.ts';

/** Labels by which a policy may know a workload. */
export interface WorkloadSelector {
  readonly namespace: string;
  /** Keys and values, as a Pod has them; none where nothing but the namespace tells the workload apart. */
  readonly labels: readonly LabelPair[];
}

interface Workload {
  readonly key: string;
  readonly ends: PodEnd[];
}

/** Whether policies can select an end at all: it takes the labels that every pod gets. */
export function isSelectable({ labels }: PodEnd): boolean {
  return [
    POD_NAMESPACE_LABEL,
    POLICY_CLUSTER_LABEL,
    `${NAMESPACE_LABELS_PREFIX}kubernetes.io/metadata.name`,
  ].every((key) => labelValue(labels, key) !== '');
}

/** The fewest stable labels that tell each workload from all others of its namespace that were seen. */
export class WorkloadSelectors {
  private readonly selectors = new Map<PodEnd, WorkloadSelector>();

  /** @param ends every pod that was seen, all selectable */
  constructor(ends: Iterable<PodEnd>) {
    for (const inNamespace of Map.groupBy(ends, ({ namespace }) => namespace).values()) {
      const workloads = workloadsOf(inNamespace);
      for (const workload of workloads) {
        const labels = chooseLabels(workload, workloads);
        for (const end of workload.ends) this.selectors.set(end, { namespace: end.namespace, labels });
      }
    }
  }

  of(end: PodEnd): WorkloadSelector {
    return this.selectors.get(end)!;
  }
}

/** Ends by their workload; those of one whose pods have no stable label in common stay apart. */
function workloadsOf(ends: readonly PodEnd[]): Workload[] {
  return [...Map.groupBy(ends, ({ workload }) => workload)].flatMap(([key, own]): Workload[] => {
    if (commonLabels(own).length > 0) return [{ key, ends: own }];
    return own.map((end, i) => ({ key: `${key} ${i}`, ends: [end] }));
  });
}

function chooseLabels(workload: Workload, all: readonly Workload[]): WorkloadSelector['labels'] {
  const candidates = commonLabels(workload.ends);
  const others = all.filter((other) => other !== workload).flatMap(({ ends }) => ends);
  const isUnique = (pairs: WorkloadSelector['labels']): boolean =>
    !others.some(({ labels }) => pairs.every(([key, value]) => labels.includes(`k8s:${key}=${value}`)));
  const one = candidates.find((pair) => isUnique([pair]));
  if (one !== undefined) return [one];
  for (const [i, first] of candidates.entries()) {
    const second = candidates.slice(i + 1).find((pair) => isUnique([first, pair]));
    if (second !== undefined) return [first, second];
  }
  if (isUnique(candidates)) return candidates;
  // Nothing tells it apart: the fewest that people would write, which others have as well.
  return candidates.slice(0, 1);
}

/** Stable labels that all of these have, the most telling first. For lack of any, the service account. */
function commonLabels(ends: readonly PodEnd[]): LabelPair[] {
  const [first, ...others] = ends.map(({ labels }) => labels);
  const common = first.filter((label) => others.every((labels) => labels.includes(label)));
  const pairs = stableLabels(common).filter(([, value]) => value !== '');
  if (pairs.length > 0) return pairs;
  const account = labelValue(common, SERVICE_ACCOUNT_LABEL);
  return account === '' || account === 'default' ? [] : [[SERVICE_ACCOUNT_LABEL, account]];
}
