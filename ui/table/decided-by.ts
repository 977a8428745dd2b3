import {
  DropReason,
  type Flow,
  type Policy,
  TrafficDirection,
  Verdict,
} from '../../proto/gen/flow/flow_pb.ts';
import { decidingPolicies } from '../../proto/flow/text/verdict-text.ts';

/** Short names of the kinds of policies. */
const kinds: Readonly<Record<string, string>> = {
  CiliumNetworkPolicy: 'CNP',
  CiliumClusterwideNetworkPolicy: 'CCNP',
  NetworkPolicy: 'KNP',
};

/** What decided over a flow, in few words; empty where no policy had to. */
export function decidedBy(flow: Flow): string {
  const names = decidingPolicies(flow)
    .filter(({ name }) => name !== '')
    .map(({ name, kind }) => `${name} (${kinds[kind] ?? kind})`);
  const isDenial = flow.verdict === Verdict.DROPPED || flow.verdict === Verdict.AUDIT;
  const isOfPolicy =
    flow.dropReasonDesc === DropReason.POLICY_DENIED || flow.dropReasonDesc === DropReason.POLICY_DENY;
  if (names.length === 0) {
    if (!isDenial || !isOfPolicy) return '';
    return `${flow.verdict === Verdict.AUDIT ? 'would deny: ' : ''}${directionWord(flow)}default deny`;
  }
  if (flow.verdict === Verdict.AUDIT) return `would deny: ${names.join(', ')}`;
  return isDenial ? `${names.join(', ')} deny` : names.join(', ');
}

function directionWord({ trafficDirection }: Flow): string {
  if (trafficDirection === TrafficDirection.EGRESS) return 'egress: ';
  return trafficDirection === TrafficDirection.INGRESS ? 'ingress: ' : '';
}

/** What one side of a connection said. */
export interface SideDecision {
  readonly side: 'egress' | 'ingress';
  readonly outcome: 'allowed' | 'denied' | 'would deny' | 'not told';
  readonly policies: readonly Policy[];
}

/** What both sides said, out of all flows known of the packet's way: egress of the source first. A side of which no flow tells is `not told`. */
export function decisionsOf(flows: readonly Flow[]): readonly SideDecision[] {
  return [
    sideDecision(flows, 'egress', TrafficDirection.EGRESS),
    sideDecision(flows, 'ingress', TrafficDirection.INGRESS),
  ];
}

function sideDecision(
  flows: readonly Flow[],
  side: 'egress' | 'ingress',
  direction: TrafficDirection,
): SideDecision {
  const ofSide = flows.filter(({ trafficDirection }) => trafficDirection === direction);
  // A flow that names its policies tells more than one that only passed.
  const told = ofSide.find((flow) => decidingPolicies(flow).length > 0) ?? ofSide.find(isDenial) ?? ofSide[0];
  if (told === undefined) return { side, outcome: 'not told', policies: [] };
  const outcome = told.verdict === Verdict.AUDIT ? 'would deny' : isDenial(told) ? 'denied' : 'allowed';
  return { side, outcome, policies: decidingPolicies(told) };
}

function isDenial({ verdict }: Flow): boolean {
  return verdict === Verdict.DROPPED || verdict === Verdict.ERROR || verdict === Verdict.AUDIT;
}
