import type { ReactElement } from 'react';
import {
  type TraceDecision,
  type TraceEnd,
  type TraceRule,
  TraceVerdict,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { PolicyLink } from './policy-link.tsx';

const words: Readonly<Record<number, readonly [text: string, look: string, tone: string]>> = {
  [TraceVerdict.ALLOWED]: ['→ allowed', 'is-allowed', 'tone-forwarded'],
  [TraceVerdict.DENIED]: ['✕ denied by a rule', 'is-denied', 'tone-dropped'],
  [TraceVerdict.DEFAULT_DENIED]: ['✕ denied', 'is-denied', 'tone-dropped'],
  [TraceVerdict.AUDITED]: ['◑ would be denied', 'is-would-deny', 'tone-audit'],
  [TraceVerdict.UNKNOWN]: ['not known', '', 'muted'],
};

/** What the policies of one end say of a connection. */
export function TraceSide({
  number,
  side,
  decision,
  end,
}: {
  readonly number: number;
  readonly side: 'egress' | 'ingress';
  readonly decision: TraceDecision | undefined;
  readonly end: TraceEnd | undefined;
}): ReactElement {
  const [text, look, tone] = words[decision?.verdict ?? TraceVerdict.ALLOWED] ?? words[TraceVerdict.UNKNOWN];
  const isPoliced = decision?.isPoliced === true;
  return (
    <section className={`decision ${isPoliced ? look : ''}`} aria-label={`${side}: ${end?.name ?? ''}`}>
      <header>
        <span className="tag">
          {number} · {side}
        </span>
        <span className="node-name" title={end?.name}>
          {end?.name}
        </span>
        <span className={`decision-outcome ${isPoliced ? tone : 'muted'}`}>
          {isPoliced ? text : 'not policed'}
        </span>
      </header>
      <ul>
        {(decision?.rules ?? []).slice(0, 5).map((rule) => (
          <li key={`${rule.address}${rule.text}`} className={`decision-line trace-rule ${look}`}>
            <RuleName rule={rule} />
          </li>
        ))}
        {isPoliced && decision.rules.length === 0 && (
          <li className={`decision-line trace-rule ${look}`}>no rule matches → {side} default deny</li>
        )}
      </ul>
    </section>
  );
}

function RuleName({ rule: { address, text } }: { readonly rule: TraceRule }): ReactElement {
  if (address === '') return <span className="muted">{text}</span>;
  const [policy, path] = address.split('#');
  return (
    <span className="mono">
      <PolicyLink policy={policy}>{policy.split('/').slice(1).join('/')}</PolicyLink>{' '}
      <span className="faint">{path}</span>
    </span>
  );
}
