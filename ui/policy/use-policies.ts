import { useRef } from 'react';
import { type NodeAnswer, Policies, type Policy } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../stream/call-unary.ts';
import { policyId } from './policy-names.ts';
import { type Asked, useAsked } from './use-asked.ts';

const EVERY_MS = 3000;
const MAX_PAGES = 20;
/** Rates that are remembered of each policy: two minutes. */
const REMEMBERED = 40;

/** All policies of everybody, as of now. */
export interface PolicyList {
  readonly policies: readonly Policy[];
  readonly nodes: readonly NodeAnswer[];
  /** Whether there are more than were asked for. */
  readonly isCut: boolean;
  /** Decisions a second of each policy, by `policyId`, as far back as this list is watched. */
  readonly history: ReadonlyMap<string, readonly number[]>;
}

/** Follows the list of policies. */
export function usePolicies(): Asked<PolicyList> {
  const history = useRef(new Map<string, readonly number[]>());
  const ask = async (signal: AbortSignal): Promise<PolicyList> => {
    const list = await loadPolicies(signal);
    const next = new Map<string, readonly number[]>();
    for (const policy of list.policies) {
      const id = policyId(policy);
      const { allowedRate = 0, deniedRate = 0, auditedRate = 0 } = policy.counts ?? {};
      const rates = [...(history.current.get(id) ?? []), allowedRate + deniedRate + auditedRate];
      next.set(id, rates.slice(-REMEMBERED));
    }
    history.current = next;
    return { ...list, history: next };
  };
  return useAsked('policies', ask, EVERY_MS);
}

async function loadPolicies(signal: AbortSignal): Promise<Omit<PolicyList, 'history'>> {
  const policies: Policy[] = [];
  let nodes: readonly NodeAnswer[] = [];
  let after = '';
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await callUnary(Policies.method.listPolicies, { after, limit: 1000 }, signal);
    policies.push(...answer.policies);
    nodes = answer.nodes;
    after = answer.next;
    if (after === '') break;
  }
  return { policies, nodes, isCut: after !== '' };
}
