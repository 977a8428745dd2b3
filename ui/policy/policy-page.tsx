import type { ReactElement } from 'react';
import type { Policy, PolicyDetail } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { useClock } from '../map/map-state.tsx';
import { ConversationTable } from './conversation-table.tsx';
import { defaultDenied } from './conversations.ts';
import { ManifestPanel, type RestTraffic } from './manifest-panel.tsx';
import { shortKind } from './policy-names.ts';
import { marksOf } from './policy-state.ts';
import { RevisionLine, RevisionPicker } from './revision-line.tsx';
import { ScopeGraphView } from './scope-graph.tsx';
import { shownLines } from './shown-lines.ts';
import { type Conversations, useConversations } from './use-conversations.ts';
import { usePolicyChoice } from './use-policy-choice.ts';
import { usePolicyDetail, useSubjects } from './use-policy-detail.ts';
import type { PolicySubjects } from './check-policy.ts';

/** All of one policy: its text with the traffic of each rule, its revisions, and who talks with the endpoints that it selects. */
export function PolicyPage({ policy: listed }: { readonly policy: Policy }): ReactElement {
  const { choice } = usePolicyChoice();
  const { answer: detail, problem } = usePolicyDetail(listed);
  const policy = detail?.policy ?? listed;
  const subjects = useSubjects(detail?.manifest ?? '');
  const talk = useConversations(subjects?.selectors, listed.cluster);
  return (
    <article className="policy-page" aria-label={`Policy ${listed.name}`}>
      <PageHead policy={policy} detail={detail} />
      {problem !== '' && <p className="policy-none tone-dropped">Not up to date: {problem}</p>}
      <Problems policy={policy} />
      {detail !== null && (
        <>
          <RevisionLine detail={detail} />
          <ManifestPanel
            detail={detail}
            rest={restOf(subjects, talk.answer)}
            {...shownLines(detail, choice.revisions)}
          />
        </>
      )}
      <ConversationTable conversations={talk.answer} problem={talk.problem} isDeniedOnly={false} />
      <ScopeGraphView conversations={talk.answer} />
    </article>
  );
}

function PageHead({
  policy,
  detail,
}: {
  readonly policy: Policy;
  readonly detail: PolicyDetail | null;
}): ReactElement {
  const { cluster, kind, namespace, name, endpoints, nodesEnforced, nodesTotal, file, line } = policy;
  const now = useClock(true);
  const isEverywhere = nodesTotal > 0 && nodesEnforced === nodesTotal;
  return (
    <header className="policy-head">
      <div className="policy-head-line">
        <h2 className="policy-title">
          {namespace !== '' && <span className="muted">{namespace}/</span>}
          <strong>{name}</strong>
        </h2>
        <span className="tag" title={kind}>
          {kind.length > 24 ? shortKind(kind) : kind}
        </span>
        {isEverywhere && <span className="tag policy-good">enforcing</span>}
        {marksOf(policy, now).map(({ text, tone, title }) => (
          <span key={text} className={`tag policy-mark ${tone}`} title={title}>
            {text}
          </span>
        ))}
        <span className="top-space" />
        {detail !== null && <RevisionPicker detail={detail} />}
      </div>
      <p className="policy-facts muted">
        {cluster !== '' && <span>{cluster}</span>}
        <span>
          selects {endpoints} endpoint{endpoints === 1 ? '' : 's'}
        </span>
        <span className={isEverywhere ? '' : 'tone-audit'}>
          in force on {nodesEnforced}/{nodesTotal} nodes
        </span>
        <span className="mono policy-file" title={`${file}:${line}`}>
          {file}:{line}
        </span>
      </p>
    </header>
  );
}

function Problems({ policy: { problems } }: { readonly policy: Policy }): ReactElement | null {
  if (problems.length === 0) return null;
  return (
    <ul className="policy-problems" aria-label="Problems">
      {problems.map(({ where, message }) => (
        <li key={`${where} ${message}`}>
          <span className="tone-dropped">✕</span> <span className="mono">{where}</span> {message}
        </li>
      ))}
    </ul>
  );
}

/** What becomes of traffic that no rule matches, in the directions that the policy touches. */
function restOf(subjects: PolicySubjects | null, talk: Conversations | null): RestTraffic[] {
  if (subjects === null) return [];
  return (['ingress', 'egress'] as const).flatMap((side) => {
    const rest = subjects.rest[side];
    if (rest === null) return [];
    const { all = [], sinceMs = 0, untilMs = 0 } = talk ?? {};
    const seconds = Math.max(1, (untilMs - sinceMs) / 1000);
    return [
      { side, isDenied: rest === 'denied', isKnown: talk !== null, seconds, ...defaultDenied(all, side) },
    ];
  });
}
