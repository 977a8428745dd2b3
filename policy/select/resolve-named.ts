import { isRangeInside } from '../../cluster/address.ts';
import { POD_NAMESPACE_LABEL } from '../../cluster/security-labels.ts';
import type { Peer } from '../model.ts';
import { parseLabel } from './label.ts';
import { compileRequirements } from './selector.ts';

/** A Kubernetes Service as far as policies look at it. */
export interface PolicyService {
  readonly namespace: string;
  readonly name: string;
  /** Of the Service object itself. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of its pods; empty for a service whose backends are written down one by one. */
  readonly selector: Readonly<Record<string, string>>;
  /** Addresses of such backends; not used when there is a selector. Canonical text. */
  readonly addresses: readonly string[];
}

/** A CiliumCIDRGroup. */
export interface PolicyCidrGroup {
  readonly name: string;
  /** Canonical text. */
  readonly cidrs: readonly string[];
}

type ServicePeer = Extract<Peer, { kind: 'service' | 'services' }>;
type GroupPeer = Extract<Peer, { kind: 'cidr-group' }>;
export type PlainPeer = Exclude<Peer, ServicePeer | GroupPeer>;

/**
 * The backends of the services that a peer names: pods by the service's selector, in the namespace of the service, or the listed addresses as ranges of one. Nothing for
 * services that do not exist.
 */
export function resolveServices(peer: ServicePeer, services: Iterable<PolicyService>): PlainPeer[] {
  const isMeant = serviceMatch(peer);
  return [...services].filter(isMeant).flatMap((service) => {
    const selector = Object.entries(service.selector);
    if (selector.length === 0) {
      return service.addresses.map((address): PlainPeer => ({
        kind: 'cidr',
        cidr: `${address}/${address.includes(':') ? 128 : 32}`,
        except: [],
      }));
    }
    const labels = [...selector, [POD_NAMESPACE_LABEL, service.namespace] as const];
    const requirements = labels.map(
      ([key, value]) => ({ source: 'k8s', key, operator: 'In', values: [value] }) as const,
    );
    return [{ kind: 'labels', selector: { requirements, localCluster: true } } as const];
  });
}

/** The ranges of a group but for exceptions, which may lie in a range or cover it. */
export function resolveCidrGroup({ except }: GroupPeer, group: PolicyCidrGroup | undefined): PlainPeer[] {
  const cidrs = (group?.cidrs ?? []).filter((cidr) => !except.some((outer) => isRangeInside(cidr, outer)));
  return cidrs.map((cidr) => ({
    kind: 'cidr',
    cidr,
    except: except.filter((inner) => isRangeInside(inner, cidr)),
  }));
}

function serviceMatch(peer: ServicePeer): (service: PolicyService) => boolean {
  const isInNamespace = ({ namespace }: PolicyService): boolean =>
    peer.namespace === '' || peer.namespace === namespace;
  if (peer.kind === 'service') return (service) => isInNamespace(service) && service.name === peer.name;
  const match = compileRequirements(peer.selector.requirements);
  return (service) =>
    isInNamespace(service) &&
    match(Object.entries(service.labels).map(([key, value]) => parseLabel(`k8s:${key}=${value}`)));
}
