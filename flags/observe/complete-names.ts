import type { FlowFilter } from '../../proto/gen/flow/flow_pb.ts';
import { UsageError } from '../flag-spec.ts';

export type End = 'source' | 'destination';

/** What stands before the first slash; null without one. */
function namespaceOf(entry: string): string | null {
  const slash = entry.indexOf('/');
  return slash < 0 ? null : entry.slice(0, slash);
}

/**
 * Puts namespaces in front of an end's pods and services that name none. Without pods and services the namespaces stand for any pod in them; an empty namespace for
 * any namespace. Throws UsageError when entries and namespaces, or pods and services, contradict each other.
 */
export function completeNames(filter: FlowFilter, end: End, namespaces: readonly string[]): void {
  const pods = filter[`${end}Pod`];
  const services = filter[`${end}Service`];
  for (const entry of [...pods, ...services]) requireNamespaces(entry, namespaces);
  for (const pod of pods) requireSameNamespace(pod, services);
  if (namespaces.length === 0) return;
  if (pods.length === 0 && services.length === 0) pods.push('');
  for (const entries of [pods, services]) {
    const complete = entries.flatMap((entry) =>
      entry.includes('/') ? [entry] : namespaces.map((namespace) => `${namespace}/${entry}`),
    );
    entries.splice(0, entries.length, ...complete);
  }
}

/** An entry that names a namespace has to name every one that is asked for. */
function requireNamespaces(entry: string, namespaces: readonly string[]): void {
  const own = namespaceOf(entry);
  if (own === null || own === '') return;
  const other = namespaces.find((namespace) => namespace !== own);
  if (other === undefined) return;
  const asked = other === '' ? 'all namespaces are asked for' : `the namespace "${other}" is asked for`;
  throw new UsageError(`"${entry}" names the namespace "${own}", but ${asked}`);
}

/** One end is a pod and a service at once only within a namespace. */
function requireSameNamespace(pod: string, services: readonly string[]): void {
  const own = namespaceOf(pod);
  if (own === null || own === '') return;
  const other = services.find((service) => namespaceOf(service) !== own);
  if (other === undefined) return;
  throw new UsageError(
    `pod "${pod}" and service "${other}" are not of the same namespace: nothing can be both (name the service as ${own}/NAME)`,
  );
}
