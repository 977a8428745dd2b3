import {
  type ClusterChange,
  createDirectorySource,
  type PodEndpoint,
  type Service,
} from '../../../cluster/index.ts';
import type { AppConfig } from '../app-config.ts';
import type { Tally } from '../tally.ts';
import { serveDns } from './dns-server.ts';
import { forwardQuery } from './forward.ts';
import { answerFrom } from './zone.ts';

const CLUSTER_DOMAIN = 'cluster.local';

/**
 * A cluster's DNS server: answers for services from the manifests, as those of headless services with the addresses of the pods that their selectors choose,
 * and asks the world's resolver about all else. `NAME.NAMESPACE.svc.cluster.local` is a service of the own cluster, `NAME.NAMESPACE.svc.CLUSTER.local`
 * one of any.
 */
export async function runClusterDns(config: AppConfig, tally: Tally): Promise<void> {
  const zones = await Promise.all(config.clusters.map((cluster) => followCluster(cluster)));
  const find = (name: string): readonly string[] | undefined => {
    const [service, namespace, svc, ...domain] = name.split('.');
    if (svc !== 'svc') return undefined;
    const cluster = domain.join('.');
    const index =
      cluster === CLUSTER_DOMAIN
        ? 0
        : config.clusters.findIndex((other) => cluster === `${other.name}.local`);
    return zones[index]?.(namespace, service);
  };
  serveDns(
    config,
    async (query, message, isTcp) => {
      const own = config.records[query.name];
      if (own !== undefined || query.name.endsWith('.local'))
        return answerFrom(query, own ?? find(query.name));
      return forwardQuery(message, config.dns.ipv4, isTcp);
    },
    tally,
  );
}

type ServiceLookup = (namespace: string, service: string) => readonly string[] | undefined;

async function followCluster(cluster: AppConfig['clusters'][number]): Promise<ServiceLookup> {
  const services = new Map<string, Service>();
  const endpoints = new Map<string, PodEndpoint>();
  let turn = 0;
  const apply = (changes: readonly ClusterChange[]): void => {
    for (const change of changes) {
      if (change.kind === 'service-upsert' || change.kind === 'service-delete') {
        const key = `${change.service.namespace}/${change.service.name}`;
        if (change.kind === 'service-delete') services.delete(key);
        else services.set(key, change.service);
      } else if (change.kind === 'endpoint-upsert' || change.kind === 'endpoint-delete') {
        const key = `${change.endpoint.namespace}/${change.endpoint.podName}`;
        if (change.kind === 'endpoint-delete') endpoints.delete(key);
        else endpoints.set(key, change.endpoint);
      }
    }
  };
  const source = createDirectorySource({
    dir: cluster.dir,
    cluster: cluster.name,
    clusterId: cluster.id,
    readOnly: true,
  });
  await source.start(apply);
  return (namespace, name) => {
    const service = services.get(`${namespace}/${name}`);
    if (service === undefined) return undefined;
    const wanted = Object.entries(service.selector).map(([key, value]) => `k8s:${key}=${value}`);
    const chosen = [...endpoints.values()].filter(
      (pod) =>
        pod.namespace === namespace &&
        wanted.length > 0 &&
        wanted.every((label) => pod.labels.includes(label)),
    );
    // Another one first each time: clients take the first.
    const first = chosen.length > 0 ? turn++ % chosen.length : 0;
    return [...chosen.slice(first), ...chosen.slice(0, first)].flatMap(({ addresses }) => addresses);
  };
}
