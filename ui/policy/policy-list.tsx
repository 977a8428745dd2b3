import type { ReactElement } from 'react';
import type { NodeAnswer, Policy } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { NodeAnswerState } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { shortRate } from '../store/format.ts';
import { PlainGrid } from '../table/plain-grid.tsx';
import { policyColumns } from './policy-columns.tsx';
import { policyId, policySelection, shortKind } from './policy-names.ts';
import type { PolicyList } from './use-policies.ts';
import { usePolicyChoice } from './use-policy-choice.ts';

/** All policies with what their rules decide; one is chosen by a press. */
export function PolicyListPanel({
  list,
  chosen,
}: {
  readonly list: PolicyList;
  readonly chosen: Policy | null;
}): ReactElement {
  const { choice, choose } = usePolicyChoice();
  const { policies, nodes, isCut } = list;
  const hasClusters = new Set(policies.map(({ cluster }) => cluster)).size > 1;
  const shown = policies.filter((policy) => isFound(policy, choice.find));
  const silent = nodes.filter(({ state }) => state !== NodeAnswerState.ANSWERED);
  const chosenId = chosen === null ? '' : policyId(chosen);
  return (
    <section className="policy-list" aria-label="Policies">
      <header className="policy-list-head">
        <h1>Policies</h1>
        <span className="muted">
          {shown.length === policies.length ? policies.length : `${shown.length} of ${policies.length}`}
          {isCut && ' and more'}
        </span>
        <input
          type="search"
          aria-label="Find policies by kind, namespace, name or cluster"
          placeholder="find…"
          value={choice.find}
          onChange={({ target }) => choose({ find: target.value.slice(0, 100) }, {}, { isFleeting: true })}
        />
      </header>
      <button
        type="button"
        className="policy-rest"
        aria-pressed={chosen === null}
        onClick={() => choose({ edge: '', cluster: '', revisions: null }, { selection: '' })}
      >
        <span>
          <strong>everything else</strong> <span className="muted">no rule matches</span>
        </span>
        <RestRates nodes={nodes} />
      </button>
      {silent.length > 0 && (
        <p
          className="policy-silent tone-audit"
          title={silent.map(({ nodeName, message }) => `${nodeName}: ${message}`).join('\n')}
        >
          ◑ {silent.length} of {nodes.length} nodes did not answer: {silent[0].nodeName}
          {silent.length > 1 && ', …'}
        </p>
      )}
      {shown.length === 0 ? (
        <p className="table-empty muted">
          {policies.length === 0
            ? 'No agent has a policy: everything passes. Agents read them from their --state-dir.'
            : 'No policy has these words.'}
        </p>
      ) : (
        <PlainGrid
          label="Policies"
          rows={shown}
          columns={policyColumns(list, hasClusters)}
          keyOf={policyId}
          isSelected={(policy) => policyId(policy) === chosenId}
          onOpen={(policy) =>
            choose(
              { cluster: hasClusters ? policy.cluster : '', revisions: null, edge: '' },
              { selection: policySelection(policy) },
            )
          }
          firstSort={choice.sort}
          isFirstDescending={choice.isDescending}
          onSort={(sort, isDescending) => choose({ sort, isDescending }, {}, { isFleeting: true })}
        />
      )}
    </section>
  );
}

function isFound({ kind, namespace, name, cluster }: Policy, find: string): boolean {
  const text = `${kind} ${shortKind(kind)} ${namespace}/${name} ${cluster}`.toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** What no rule decided, on all nodes together. */
function RestRates({ nodes }: { readonly nodes: readonly NodeAnswer[] }): ReactElement {
  const sum = (read: (node: NodeAnswer) => number | undefined): number =>
    nodes.reduce((total, node) => total + (read(node) ?? 0), 0);
  const denied = sum(({ defaultDeny }) => defaultDeny?.deniedRate);
  const audited = sum(({ defaultDeny }) => defaultDeny?.auditedRate);
  return (
    <span className="policy-rest-rates">
      {audited > 0 && <span className="tone-audit">◑ {shortRate(audited)}</span>}
      <span className={denied > 0 ? 'tone-dropped' : 'faint'}>✕ {shortRate(denied)}</span>
    </span>
  );
}
