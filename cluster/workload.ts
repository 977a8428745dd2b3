import type { PodManifest } from './manifest/objects.ts';
import type { Workload } from './model.ts';

/**
 * The workload that a pod belongs to, as Hubble names it: its controller, but for the controllers that others make: a ReplicaSet's Deployment, a Job's
 * CronJob. Both are told by how Kubernetes names what they make. A pod without owner is its own workload.
 */
export function workloadOf(pod: PodManifest): Workload {
  const owner = pod.owners.find(({ controller }) => controller) ?? pod.owners[0];
  if (owner === undefined) return { name: pod.name, kind: 'Pod' };
  const { kind, name } = owner;
  if (kind === 'ReplicaSet') {
    const suffix = `-${pod.labels['pod-template-hash']}`;
    if (name.endsWith(suffix) && name.length > suffix.length) {
      return { name: name.slice(0, -suffix.length), kind: 'Deployment' };
    }
  }
  if (kind === 'Job') {
    // The suffix is the time for which the run was scheduled, in minutes (8 digits), or seconds (10) with old versions.
    const cronJob = /^(.+)-\d{8,10}$/.exec(name)?.[1];
    if (cronJob !== undefined) return { name: cronJob, kind: 'CronJob' };
  }
  return { name, kind };
}
