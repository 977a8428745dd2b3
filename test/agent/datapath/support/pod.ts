import type { PodEndpoint } from '../../../../cluster/model.ts';

/** A pod of node n1 of cluster east, unless told otherwise. */
export function pod(
  podName: string,
  addresses: readonly string[],
  identity: number,
  more: Partial<PodEndpoint> = {},
): PodEndpoint {
  return {
    cluster: 'east',
    namespace: 'shop',
    podName,
    nodeName: 'n1',
    addresses,
    labels: [],
    identity,
    workloads: [],
    ...more,
  };
}
