import type { ReactElement } from 'react';
import { shortCount } from '../store/format.ts';
import type { ServiceNode } from '../model/service-node.ts';
import { PolicyLink } from '../policy/policy-link.tsx';
import { shortKind } from '../policy/policy-names.ts';
import { type Tone, toneGlyph } from '../map/graph.ts';
import type { Decision } from './edge-facts.ts';
import { NodeName } from './node-name.tsx';

const tones: Readonly<Record<Decision['outcome'], Tone>> = {
  allowed: 'forwarded',
  denied: 'dropped',
  'would deny': 'audit',
};
const MAX_LINES = 8;

/** What one side of an edge said, port by port, and the rule that made it. */
export function DecisionCard({
  number,
  side,
  node,
  decisions,
  isReached,
}: {
  readonly number: number;
  readonly side: Decision['side'];
  readonly node: ServiceNode;
  readonly decisions: readonly Decision[];
  /** Whether anything came through the side before. */
  readonly isReached: boolean;
}): ReactElement {
  const worst: Decision['outcome'] | 'none' = decisions.at(0)?.outcome ?? 'none';
  const isMixed = new Set(decisions.map(({ outcome }) => outcome)).size > 1;
  return (
    <section className={`decision is-${worst.replace(' ', '-')}`} aria-label={`${side} of ${node.title}`}>
      <header>
        <span className="tag">
          {number} · {side}
        </span>
        <NodeName node={node} />
        {worst !== 'none' && (
          <span className={`decision-outcome tone-${tones[worst]}`}>
            {toneGlyph[tones[worst]]} {isMixed ? `${worst}, in part` : worst}
          </span>
        )}
      </header>
      {decisions.length === 0 && (
        <p className="decision-none muted">
          {node.island.kind !== 'namespace'
            ? 'not policed: it is no endpoint of these clusters'
            : isReached
              ? 'no policy decided: none selects it in this direction, or the connection is older than this window'
              : 'not asked: nothing came through egress'}
        </p>
      )}
      <ul>
        {decisions.slice(0, MAX_LINES).map((decision) => (
          <DecisionLine key={keyOf(decision)} decision={decision} side={side} />
        ))}
      </ul>
      {decisions.length > MAX_LINES && (
        <p className="decision-none faint">and {decisions.length - MAX_LINES} more ports</p>
      )}
    </section>
  );
}

function DecisionLine({
  decision: { outcome, policies, reason, port, protocol, flows },
  side,
}: {
  readonly decision: Decision;
  readonly side: Decision['side'];
}): ReactElement {
  const isDefault = policies.length === 0;
  return (
    <li className={`decision-line is-${outcome.replace(' ', '-')}`}>
      <span className="mono decision-port">{port === '' ? protocol : `:${port}/${protocol}`}</span>
      <span className="decision-rule">
        {isDefault ? (
          <span className={outcome === 'allowed' ? '' : `tone-${tones[outcome]}`}>
            {isOfPolicy(reason, outcome) ? `no rule matches → ${side} default deny` : reasonText(reason)}
          </span>
        ) : (
          policies.map((policy) => <PolicyName key={policy} policy={policy} />)
        )}
      </span>
      <span className={`decision-count tone-${tones[outcome]}`}>{shortCount(flows)}</span>
    </li>
  );
}

const isOfPolicy = (reason: string, outcome: string): boolean =>
  outcome === 'would deny' || reason === 'POLICY_DENIED' || reason === 'POLICY_DENY';

const reasonText = (reason: string): string => reason.toLowerCase().replaceAll('_', ' ');

const keyOf = ({ outcome, policies, port, protocol, reason }: Decision): string =>
  [outcome, ...policies, port, protocol, reason].join(' ');

/** A policy by its kind, in short, and its name; leads to its page. */
function PolicyName({ policy }: { readonly policy: string }): ReactElement {
  const [kind, ...rest] = policy.split('/');
  return (
    <span className="policy-name" title={policy}>
      <span className="faint">{shortKind(kind)}</span>{' '}
      <PolicyLink policy={policy}>{rest.join('/')}</PolicyLink>
    </span>
  );
}
