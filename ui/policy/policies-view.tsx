import { type ReactElement, useEffect } from 'react';
import { useStores, useViewState } from '../app/stores.ts';
import '../style/table.css';
import '../style/policy.css';
import { ConversationTable } from './conversation-table.tsx';
import { DraftPanel } from './draft-panel.tsx';
import { PolicyListPanel } from './policy-list.tsx';
import { policyId, selectedPolicy } from './policy-names.ts';
import { PolicyPage } from './policy-page.tsx';
import { useConversations } from './use-conversations.ts';
import { usePolicies } from './use-policies.ts';
import { usePolicyChoice } from './use-policy-choice.ts';

/** Policies: the list, the page of the chosen one or all that is denied, and beside them the rule that a denied edge lacks. */
export function PoliciesView(): ReactElement {
  const { selection } = useViewState();
  const { choice, choose } = usePolicyChoice();
  const { answer: list, problem } = usePolicies();
  const chosen = selectedPolicy(list?.policies ?? [], selection, choice.cluster);
  const linkedEdge = selection.startsWith('edge:') ? selection.slice('edge:'.length) : '';
  const edge = choice.edge === '' ? linkedEdge : choice.edge;
  const closeEdge = (): void => choose({ edge: '' }, linkedEdge === '' ? {} : { selection: '' });
  useEscape(edge !== '', closeEdge);
  return (
    <div className="policies">
      {list === null ? (
        <p className="policy-wait muted">
          {problem === '' ? 'asking for policies…' : `No policies: ${problem}`}
        </p>
      ) : (
        <>
          <PolicyListPanel list={list} chosen={chosen} />
          <div className="policy-middle">
            {problem !== '' && (
              <p className="policy-none tone-dropped">Not up to date: {problem}. Asked again every 3 s.</p>
            )}
            {chosen !== null && <PolicyPage key={policyId(chosen)} policy={chosen} />}
            {chosen === null && (
              <>
                {selection.startsWith('policy:') && (
                  <p className="policy-none tone-audit">
                    ◑ No agent has “{selection.slice('policy:'.length)}” any more.
                  </p>
                )}
                <AllDenied />
              </>
            )}
          </div>
        </>
      )}
      {edge !== '' && <DraftPanel key={edge} edge={edge} onClose={closeEdge} />}
    </div>
  );
}

/** What is denied anywhere, whatever policies say. */
function AllDenied(): ReactElement {
  const { answer, problem } = useConversations(null, '');
  return (
    <article className="policy-page" aria-label="All that is denied">
      <header className="policy-head">
        <h2 className="policy-title">
          <strong>All that is denied</strong>
        </h2>
        <p className="policy-facts muted">
          <span>
            who was kept from whom in this window, and why; press one to see what both ends’ policies say, and
            a draft of the missing rule
          </span>
        </p>
      </header>
      <ConversationTable conversations={answer} problem={problem} isDeniedOnly />
    </article>
  );
}

/** Esc closes what is open here before anything else. */
function useEscape(isOpen: boolean, close: () => void): void {
  const { view } = useStores();
  useEffect(() => {
    if (!isOpen) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      close();
    };
    addEventListener('keydown', onKey, { capture: true });
    return () => removeEventListener('keydown', onKey, { capture: true });
  }, [isOpen, view.state]);
}
