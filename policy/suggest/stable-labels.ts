import { isIdentityRelevant } from '../../cluster/security-labels.ts';

/** A key and its value, as a Pod has them. */
export type LabelPair = readonly [key: string, value: string];

/** What people call a workload by, the best first. */
const names = [
  'app.kubernetes.io/name',
  'app',
  'k8s-app',
  'run',
  'app.kubernetes.io/component',
  'component',
  'name',
];
/** What workloads are grouped by. Other keys follow, by their names. */
const groups = ['role', 'tier', 'app.kubernetes.io/instance', 'app.kubernetes.io/part-of'];
const preferred = [...names, ...groups];
/** Labels that change with a rollout, or from pod to pod. */
const unstable =
  /^(version|release|chart|heritage|job-name|app\.kubernetes\.io\/(version|managed-by)|helm\.sh\/.*|.*(hash|revision|checksum|generation|uid|timestamp|pod-index|pod-name|completion-index).*)$/;

/** Labels by which a policy may know a workload for years, the most telling first. `labels` are those of flows: `k8s:KEY=VALUE`. */
export function stableLabels(labels: readonly string[]): LabelPair[] {
  return labels
    .flatMap((label): LabelPair[] => {
      const [, key, value] = /^k8s:([^=]+)=(.*)$/.exec(label) ?? [];
      return key === undefined || !isIdentityRelevant(key) || unstable.test(key) ? [] : [[key, value]];
    })
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Those of them that name the workload; for lack of any, all: for who knows one workload only, and not from whom it has to be told. */
export function namingLabels(labels: readonly string[]): LabelPair[] {
  const stable = stableLabels(labels);
  const naming = stable.filter(([key]) => names.includes(key));
  return naming.length > 0 ? naming : stable;
}

function rank(key: string): number {
  const place = preferred.indexOf(key);
  return place < 0 ? preferred.length : place;
}
