import { type Flow, type Policy, TrafficDirection, Verdict } from '../../gen/flow/flow_pb.ts';
import { enumName } from './enum-name.ts';
import type { Colour, Paint } from './terminal.ts';

/** Verdicts in the words of policy, on policy verdicts. */
const policyWords: ReadonlyMap<number, string> = new Map([
  [Verdict.FORWARDED, 'ALLOWED'],
  [Verdict.REDIRECTED, 'ALLOWED'],
  [Verdict.DROPPED, 'DENIED'],
  [Verdict.ERROR, 'DENIED'],
  [Verdict.AUDIT, 'AUDITED'],
]);

const verdictColours: ReadonlyMap<number, Colour> = new Map([
  [Verdict.FORWARDED, 'green'],
  [Verdict.REDIRECTED, 'green'],
  [Verdict.DROPPED, 'red'],
  [Verdict.ERROR, 'red'],
  [Verdict.AUDIT, 'yellow'],
  [Verdict.TRACED, 'yellow'],
  [Verdict.TRANSLATED, 'yellow'],
]);

/** The policies that decided: those that denied stand also behind AUDITED, which would have been denied. */
function decidingPolicies(flow: Flow, isAllowed: boolean): readonly Policy[] {
  switch (flow.trafficDirection) {
    case TrafficDirection.INGRESS:
      return isAllowed ? flow.ingressAllowedBy : flow.ingressDeniedBy;
    case TrafficDirection.EGRESS:
      return isAllowed ? flow.egressAllowedBy : flow.egressDeniedBy;
    default:
      return [];
  }
}

function policiesText(policies: readonly Policy[]): string {
  const names = policies
    .filter(({ name, kind }) => name !== '' && kind !== '')
    .map(({ name, kind }) => `${name} (${kind})`);
  return names.length === 0 ? '' : ` BY ${names.join(', ')}`;
}

/** The verdict, on policy verdicts in the words of policy, and there with `policyNames` the policies behind it. */
export function verdictText(
  flow: Flow,
  isPolicyVerdict: boolean,
  policyNames: boolean,
  paint: Paint,
): string {
  const word = isPolicyVerdict ? policyWords.get(flow.verdict) : undefined;
  let text = word ?? enumName(Verdict, flow.verdict);
  if (word !== undefined && policyNames) text += policiesText(decidingPolicies(flow, word === 'ALLOWED'));
  const colour = verdictColours.get(flow.verdict);
  return colour === undefined ? text : paint(colour, text);
}
