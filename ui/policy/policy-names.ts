import type { Policy } from '../../proto/gen/sluice/v1/policy_pb.ts';

/** Short names of the kinds of policies. */
const kinds: Readonly<Record<string, string>> = {
  CiliumNetworkPolicy: 'CNP',
  CiliumClusterwideNetworkPolicy: 'CCNP',
  NetworkPolicy: 'KNP',
};

export function shortKind(kind: string): string {
  return kinds[kind] ?? kind;
}

/** What tells a policy from all others, also from one of the same name in another cluster. */
export function policyId({ cluster, kind, namespace, name }: Policy): string {
  return [cluster, kind, namespace, name].join('/');
}

/** What `ViewState.selection` calls a policy. Flows call it by `flowName`, which is found as well. */
export function policySelection({
  kind,
  namespace,
  name,
}: Pick<Policy, 'kind' | 'namespace' | 'name'>): string {
  return `policy:${[kind, namespace, name].join('/')}`;
}

/**
 * The policy that a selection means, in the cluster that is wanted if it is there. Null when none has the name.
 * @param cluster empty: any
 */
export function selectedPolicy(
  policies: readonly Policy[],
  selection: string,
  cluster: string,
): Policy | null {
  if (!selection.startsWith('policy:')) return null;
  const [kind, ...rest] = selection.slice('policy:'.length).split('/');
  const name = rest.at(-1) ?? '';
  const namespace = rest.length > 1 ? rest[0] : '';
  const named = policies.filter(
    (one) => one.kind === kind && one.namespace === namespace && (one.name === name || one.flowName === name),
  );
  return named.find((one) => one.cluster === cluster) ?? named[0] ?? null;
}
