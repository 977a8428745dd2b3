import {
  type NodeAnswer,
  type TraceDecision,
  type TraceResult,
  TraceVerdict,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { verdictTogether } from '../../proto/policy/trace-verdict.ts';

/** What many nodes say about one question: each end as the node says that enforces it. */
export class TraceMerge {
  /** Nodes below relays that did not answer. */
  readonly silent: NodeAnswer[] = [];
  private readonly byClusters = new Map<string, TraceResult>();

  add(result: TraceResult): void {
    const key = `${result.from?.cluster} ${result.to?.cluster}`;
    const known = this.byClusters.get(key);
    if (known === undefined) {
      this.byClusters.set(key, result);
      return;
    }
    const egress = betterOf(known.egress, result.egress);
    const ingress = betterOf(known.ingress, result.ingress);
    if (egress !== undefined) known.egress = egress;
    if (ingress !== undefined) known.ingress = ingress;
    known.verdict = verdictTogether([egress?.verdict, ingress?.verdict]);
  }

  /** What the ends may mean; where somebody enforces an end, only those. */
  results(): TraceResult[] {
    const all = [...this.byClusters.values()];
    const enforced = all.filter(({ egress, ingress }) =>
      [egress, ingress].some((decision) => decision?.isAuthoritative === true),
    );
    const known = enforced.length > 0 ? enforced : all;
    // Somebody of another cluster who happens to have the name is not meant, where one of the own cluster has it.
    const answered = known.filter(({ verdict }) => verdict !== TraceVerdict.UNKNOWN);
    return (answered.length > 0 ? answered : known).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }
}

function nameOf({ from, to }: TraceResult): string {
  return `${from?.cluster} ${to?.cluster}`;
}

/** Who enforces an end knows best; who does not know its cluster's policies knows least. */
function betterOf(a: TraceDecision | undefined, b: TraceDecision | undefined): TraceDecision | undefined {
  return rank(b) > rank(a) ? b : a;
}

function rank(decision: TraceDecision | undefined): number {
  if (decision === undefined) return 0;
  if (decision.isAuthoritative) return 3;
  return decision.verdict === TraceVerdict.UNKNOWN ? 1 : 2;
}
