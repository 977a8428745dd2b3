import type { ReactElement } from 'react';
import { type Flow, type Policy, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import { decisionsOf, type SideDecision } from './decided-by.ts';
import type { Tone } from './flow-columns.ts';
import { directionName, dropReasonName, type EndName, endTitle } from './flow-words.ts';

const tones: Readonly<Record<SideDecision['outcome'], Tone | 'muted'>> = {
  allowed: 'forwarded',
  denied: 'dropped',
  'would deny': 'audit',
  'not told': 'muted',
};

/** Both sides of the packet's way; the other side's word is taken from the flows of the same direction of the connection. */
export function Decisions({
  flow,
  connection,
}: {
  readonly flow: Flow;
  readonly connection: readonly Flow[];
}): ReactElement {
  const sameWay = connection.filter(
    (other) => other.IP?.source === flow.IP?.source && other.isReply === flow.isReply,
  );
  // A reply passes because the request did: what decided over that is what is asked for.
  const asked =
    flow.isReply === true ? connection.filter(({ isReply }) => isReply !== true) : [flow, ...sameWay];
  const isTurned = flow.isReply === true;
  const decisions = decisionsOf(asked);
  const ends: readonly EndName[] = isTurned ? ['destination', 'source'] : ['source', 'destination'];
  return (
    <>
      {isTurned && (
        <p className="faint flow-note">
          A reply: it passes as the connection that it belongs to, of which this is told.
        </p>
      )}
      {decisions.map((decision, i) => (
        <DecisionSide
          key={decision.side}
          decision={decision}
          number={i + 1}
          title={endTitle(flow, ends[i])}
          flow={flow}
        />
      ))}
    </>
  );
}

function DecisionSide({
  decision: { side, outcome, policies },
  number,
  title,
  flow,
}: {
  readonly decision: SideDecision;
  readonly number: number;
  readonly title: { readonly scope: string; readonly name: string };
  readonly flow: Flow;
}): ReactElement {
  const isOwn = directionName(flow) === side;
  return (
    <section className={`decision is-${outcome.replace(' ', '-')}`}>
      <header>
        <span className="tag">
          {number} · {side}
        </span>
        <span className="node-name">
          {title.scope !== '' && <span className="muted">{title.scope}/</span>}
          <strong>{title.name}</strong>
        </span>
        <span className={`decision-outcome tone-${tones[outcome]}`}>{outcome}</span>
      </header>
      {policies.length > 0 ? (
        <ul>
          {policies.map((policy) => (
            <li key={policyKey(policy)} className="flow-policy">
              <PolicyFacts policy={policy} />
            </li>
          ))}
        </ul>
      ) : (
        <p className="decision-none muted">{reasonWithoutPolicy(outcome, isOwn, flow)}</p>
      )}
    </section>
  );
}

function reasonWithoutPolicy(outcome: SideDecision['outcome'], isOwn: boolean, flow: Flow): string {
  if (outcome === 'allowed') return 'passed: no policy had to decide, or it decided before';
  if (outcome === 'would deny') return 'no rule matches → would be denied by default';
  const reason = dropReasonName(flow);
  if (outcome === 'denied') {
    const isOfPolicy = !isOwn || reason === '' || reason.startsWith('POLICY_');
    return isOfPolicy ? 'no rule matches → default deny' : reason.toLowerCase().replaceAll('_', ' ');
  }
  return flow.verdict === Verdict.DROPPED
    ? 'no flow of this side: the packet did not get so far, or no agent is there'
    : 'no flow of this side is kept';
}

const policyKey = ({ kind, namespace, name }: Policy): string => [kind, namespace, name].join('/');

function PolicyFacts({ policy }: { readonly policy: Policy }): ReactElement {
  const { kind, namespace, name, revision } = policy;
  return (
    <>
      <span className="muted">{kind}</span>{' '}
      <strong className="tone-accent">
        {namespace === '' ? '' : `${namespace}/`}
        {name}
      </strong>
      {revision > 0n && <span className="faint"> rev {String(revision)}</span>}
    </>
  );
}
