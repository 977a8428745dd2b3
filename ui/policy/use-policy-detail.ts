import { useEffect, useState } from 'react';
import { Policies, type Policy, type PolicyDetail } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../stream/call-unary.ts';
import type { PolicySubjects } from './check-policy.ts';
import { policyId } from './policy-names.ts';
import { type Asked, useAsked } from './use-asked.ts';

const EVERY_MS = 3000;
const REVISIONS = 20;

/** Follows one policy with its manifest and its revisions; none while none is chosen. */
export function usePolicyDetail(policy: Policy): Asked<PolicyDetail> {
  const { cluster, kind, namespace, name } = policy;
  return useAsked(
    policyId(policy),
    async (signal) => {
      const question = { cluster, kind, namespace, name, revisions: REVISIONS };
      const { policies } = await callUnary(Policies.method.getPolicy, question, signal);
      const found = policies.find((one) => one.policy?.cluster === cluster) ?? policies.at(0);
      if (found === undefined) throw new Error(`nobody has the policy ${namespace}/${name} any more`);
      return found;
    },
    EVERY_MS,
  );
}

/** Whom a manifest selects; null until the compiler is loaded and has read it. */
export function useSubjects(manifest: string): PolicySubjects | null {
  const [state, setState] = useState<{ manifest: string; subjects: PolicySubjects | null }>({
    manifest: '',
    subjects: null,
  });
  useEffect(() => {
    if (manifest === '') return undefined;
    let isWanted = true;
    void import('./check-policy.ts').then(({ readSubjects }) => {
      if (isWanted) setState({ manifest, subjects: readSubjects(manifest) });
    });
    return () => {
      isWanted = false;
    };
  }, [manifest]);
  return state.manifest === manifest ? state.subjects : null;
}
