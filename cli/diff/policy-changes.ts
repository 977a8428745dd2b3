import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { Policies, PolicyState, RevisionChange } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import { fetchPolicies } from '../policy/fetch-policies.ts';
import type { Server } from '../server/with-server.ts';
import type { TimeWindow } from './time-windows.ts';

/** A policy that changed. */
export interface PolicyChange {
  readonly timeUs: number;
  readonly cluster: string;
  /** `kind/namespace/name`. */
  readonly policy: string;
  readonly change: string;
  /** Of the node that told of it. */
  readonly revision: string;
  /** What differs, such as `~spec.ingress[0]`. */
  readonly changed: readonly string[];
}

const changes: Readonly<Record<number, string>> = {
  [RevisionChange.ADDED]: 'added',
  [RevisionChange.CHANGED]: 'changed',
  [RevisionChange.DELETED]: 'deleted',
};
/** Agents keep as many. */
const MAX_REVISIONS = 20;
/** Most policies whose revisions are fetched. */
const MAX_POLICIES = 100;

/** How policies changed from the begin of the first window to the end of the second, the oldest first; null where the server does not tell. */
export async function policyChanges(
  server: Server,
  [before, after]: readonly [TimeWindow, TimeWindow],
): Promise<readonly PolicyChange[] | null> {
  const fromUs = Math.min(before.fromUs, after.fromUs);
  const toUs = Math.max(before.toUs, after.toUs);
  try {
    const { policies } = await fetchPolicies(server, { withRemoved: true });
    const recent = policies
      .filter(({ changed, state }) => state === PolicyState.REMOVED || usOf(changed) >= fromUs)
      .slice(0, MAX_POLICIES);
    const found: PolicyChange[] = [];
    for (const { cluster, kind, namespace, name } of recent) {
      const request = { cluster, kind, namespace, name, nodeNames: [], revisions: MAX_REVISIONS };
      const response = await callUnary(server.connection, Policies.method.getPolicy, request, server.unary);
      for (const { revisions } of response.policies) {
        for (const { time, change, revision, changed } of revisions) {
          const timeUs = usOf(time);
          if (timeUs < fromUs || timeUs >= toUs) continue;
          const policy = `${kind}/${namespace === '' ? '' : `${namespace}/`}${name}`;
          found.push({
            timeUs,
            cluster,
            policy,
            change: changes[change] ?? 'changed',
            revision: String(revision),
            changed,
          });
        }
      }
    }
    return found.sort((a, b) => a.timeUs - b.timeUs || (a.policy < b.policy ? -1 : 1));
  } catch (error) {
    const isUnknown = error instanceof RpcError && error.code === RpcCode.Unimplemented;
    if (!isUnknown) throw error;
    return null;
  }
}

function usOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time) * 1000;
}
