import { type NodeAnswer, Policies, type Policy } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import type { Server } from '../server/with-server.ts';

/** Which policies are wanted. */
export interface PolicyWish {
  readonly namespaces?: readonly string[];
  readonly nodeNames?: readonly string[];
  readonly withRemoved?: boolean;
}

/** Every policy that a server has, page by page, and how nodes answered. */
export async function fetchPolicies(
  { connection, unary }: Server,
  { namespaces = [], nodeNames = [], withRemoved = false }: PolicyWish,
): Promise<{ policies: Policy[]; nodes: readonly NodeAnswer[] }> {
  const policies: Policy[] = [];
  const request = { namespaces: [...namespaces], nodeNames: [...nodeNames], withRemoved };
  let nodes: readonly NodeAnswer[] = [];
  let after = '';
  do {
    const page = await callUnary(connection, Policies.method.listPolicies, { ...request, after }, unary);
    policies.push(...page.policies);
    nodes = page.nodes;
    // A server that stands still would never end.
    if (page.next !== '' && page.next <= after) throw new Error('the server repeats a page of policies');
    after = page.next;
  } while (after !== '');
  return { policies, nodes };
}
