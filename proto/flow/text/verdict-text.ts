import { type Flow, type Policy, TrafficDirection, Verdict } from '../../gen/flow/flow_pb.ts';
import { enumName } from './enum-name.ts';
import { EVENT_POLICY_VERDICT } from './event-names.ts';
import type { PolicyNames } from './print-options.ts';
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

/** The policies that decided: those that denied stand also behind an audit, which would have been denied. None for verdicts that no policy makes. */
export function decidingPolicies(flow: Flow): readonly Policy[] {
  const word = policyWords.get(flow.verdict);
  if (word === undefined) return [];
  switch (flow.trafficDirection) {
    case TrafficDirection.INGRESS:
      return word === 'ALLOWED' ? flow.ingressAllowedBy : flow.ingressDeniedBy;
    case TrafficDirection.EGRESS:
      return word === 'ALLOWED' ? flow.egressAllowedBy : flow.egressDeniedBy;
    default:
      return [];
  }
}

/** The deciding policies as `kind/namespace/name`, those without a namespace as `kind/name`; empty without any. */
export function decidingRules(flow: Flow): string {
  return decidingPolicies(flow)
    .map(({ kind, namespace, name }) => [kind, namespace, name].filter((part) => part !== '').join('/'))
    .filter((rule) => rule !== '')
    .join(', ');
}

function policiesText(policies: readonly Policy[]): string {
  const names = policies
    .filter(({ name, kind }) => name !== '' && kind !== '')
    .map(({ name, kind }) => `${name} (${kind})`);
  return names.length === 0 ? '' : ` BY ${names.join(', ')}`;
}

/** The verdict, on policy verdicts in the words of policy, with the policies behind it where they are wanted. */
export function verdictText(flow: Flow, policyNames: PolicyNames, paint: Paint): string {
  const isPolicyVerdict = flow.eventType?.type === EVENT_POLICY_VERDICT;
  let text = (isPolicyVerdict ? policyWords.get(flow.verdict) : undefined) ?? enumName(Verdict, flow.verdict);
  if (policyNames === 'always' || (policyNames === 'verdicts' && isPolicyVerdict)) {
    text += policiesText(decidingPolicies(flow));
  }
  const colour = verdictColours.get(flow.verdict);
  return colour === undefined ? text : paint(colour, text);
}
