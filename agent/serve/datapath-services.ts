import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { parseIp, type PodEndpoint, type Service, type ServicePort } from '../../cluster/index.ts';
import {
  type ServiceBackendSchema,
  type ServiceRow,
  ServiceRowSchema,
} from '../../proto/gen/sluice/v1/datapath_pb.ts';
import type { RowBatches, TableContext } from './datapath-tables.ts';
import { absoluteNodeName } from './peer-log.ts';

const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const NAMESPACE_LABEL = 'k8s:io.kubernetes.pod.namespace=';
const MAX_BACKENDS = 100;
/** Services looked at without letting other work in. */
const BATCH = 100;

/** Services as cluster state has them, a row for each address and port, with the pods behind them. */
export function* serviceRows({ view, filter }: TableContext): RowBatches<ServiceRow> {
  const services = [...view.services.values()];
  const pods = podsByNamespace(view.policies.allPods());
  for (let from = 0; from < services.length; from += BATCH) {
    const rows: ServiceRow[] = [];
    for (const service of services.slice(from, from + BATCH)) {
      const { cluster, namespace, name, ports } = service;
      if (!filter.wantsNames([`${namespace}/${name}`])) continue;
      const backends = backendsOf(service, pods.get(`${cluster}/${namespace}`) ?? []);
      // A headless service has no address.
      for (const address of service.clusterIps.length === 0 ? [''] : service.clusterIps) {
        const bytes = parseIp(address);
        if (
          !(bytes === null ? filter.wantsNoAddress : filter.wantsRange({ bytes, bits: bytes.length * 8 }))
        ) {
          continue;
        }
        for (const port of ports) {
          const protocol = protocolNumbers[port.protocol];
          if (!filter.wantsProtocol(protocol) || !filter.wantsPorts(port.port, port.port)) continue;
          const all = backends.flatMap((backend) => addressesOf(backend, address, port));
          rows.push(
            create(ServiceRowSchema, {
              cluster,
              namespace,
              name,
              address,
              port: port.port,
              protocol,
              portName: port.name,
              backends: all.slice(0, MAX_BACKENDS),
              backendCount: all.length,
            }),
          );
        }
      }
    }
    yield { rows, read: Math.min(BATCH, services.length - from) };
  }
}

type Backend = PodEndpoint | { readonly addresses: readonly string[] };

function podsByNamespace(pods: Iterable<PodEndpoint>): Map<string, PodEndpoint[]> {
  const found = new Map<string, PodEndpoint[]>();
  for (const pod of pods) {
    const key = `${pod.cluster}/${pod.namespace}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, [pod]);
    else known.push(pod);
  }
  return found;
}

function backendsOf({ namespace, selector, backends }: Service, pods: readonly PodEndpoint[]): Backend[] {
  const wanted = Object.entries(selector).map(([key, value]) =>
    value === '' ? `k8s:${key}` : `k8s:${key}=${value}`,
  );
  if (wanted.length === 0) return backends === undefined ? [] : [{ addresses: backends }];
  wanted.push(`${NAMESPACE_LABEL}${namespace}`);
  return pods.filter(({ labels }) => wanted.every((label) => labels.includes(label)));
}

/** A backend's addresses of the family of the service's address; all of them for a headless service. */
function addressesOf(
  backend: Backend,
  address: string,
  { targetPort, protocol }: ServicePort,
): MessageInitShape<typeof ServiceBackendSchema>[] {
  const isPod = 'podName' in backend;
  const named = isPod
    ? backend.namedPorts?.find((port) => port.name === targetPort && port.protocol === protocol)
    : undefined;
  const port = typeof targetPort === 'number' ? targetPort : (named?.port ?? 0);
  return backend.addresses
    .filter((one) => address === '' || one.includes(':') === address.includes(':'))
    .map((one) => ({
      address: one,
      port,
      pod: isPod ? `${backend.namespace}/${backend.podName}` : '',
      nodeName: isPod ? absoluteNodeName(backend.cluster, backend.nodeName) : '',
    }));
}
