import type { ReactNode } from 'react';
import type { Policy } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { Sparkline } from '../drawer/sparkline.tsx';
import { shortCount, shortRate } from '../store/format.ts';
import type { PlainColumn } from '../table/plain-grid.tsx';
import { policyId, shortKind } from './policy-names.ts';
import { marksOf, unusedMs, unusedText } from './policy-state.ts';
import type { PolicyList } from './use-policies.ts';

/** A rate where there is one; else how many there were. */
function rateCell(rate: number, total: bigint, tone: string): ReactNode {
  const title = `${total.toLocaleString('en')} in all`;
  if (rate > 0) {
    return (
      <span className={tone} title={title}>
        {shortRate(rate).replace('/s', '')}
      </span>
    );
  }
  return (
    <span className="faint" title={title}>
      {total > 0n ? `(${shortCount(Number(total))})` : '0'}
    </span>
  );
}

/** The columns of the list of policies. */
export function policyColumns({ history }: PolicyList, hasClusters: boolean): readonly PlainColumn<Policy>[] {
  const now = Date.now();
  return [
    {
      id: 'name',
      title: 'Name',
      width: 150,
      isWide: true,
      cell: (policy) => <PolicyCell policy={policy} now={now} hasClusters={hasClusters} />,
      order: ({ namespace, name, cluster }) => `${namespace}/${name} ${cluster}`,
    },
    {
      id: 'kind',
      title: 'Kind',
      width: 36,
      cell: ({ kind }) => (
        <span className="mono" title={kind}>
          {shortKind(kind)}
        </span>
      ),
      order: ({ kind }) => shortKind(kind),
    },
    {
      id: 'curve',
      title: '',
      width: 36,
      cell: (policy) => {
        const rates = history.get(policyId(policy)) ?? [];
        const tone = Number(policy.counts?.denied ?? 0n) > 0 ? 'dropped' : 'forwarded';
        return rates.some((rate) => rate > 0) ? <Sparkline values={rates} tone={tone} /> : null;
      },
      order: (policy) => history.get(policyId(policy))?.at(-1) ?? 0,
    },
    {
      id: 'allowed',
      title: 'Allow/s',
      width: 52,
      isNumber: true,
      cell: ({ counts }) => rateCell(counts?.allowedRate ?? 0, counts?.allowed ?? 0n, 'tone-forwarded'),
      order: ({ counts }) => countOrder(counts?.allowedRate, counts?.allowed),
    },
    {
      id: 'denied',
      title: 'Deny/s',
      width: 56,
      isNumber: true,
      cell: ({ counts }) => rateCell(counts?.deniedRate ?? 0, counts?.denied ?? 0n, 'tone-dropped'),
      order: ({ counts }) => countOrder(counts?.deniedRate, counts?.denied),
    },
    {
      id: 'audited',
      title: 'Audit/s',
      width: 56,
      isNumber: true,
      cell: ({ counts }) => rateCell(counts?.auditedRate ?? 0, counts?.audited ?? 0n, 'tone-audit'),
      order: ({ counts }) => countOrder(counts?.auditedRate, counts?.audited),
    },
    {
      id: 'unused',
      title: 'Unused',
      width: 58,
      isNumber: true,
      cell: (policy) => (
        <span className="muted" title="how long none of its rules decided anything">
          {unusedText(policy, now)}
        </span>
      ),
      order: ({ counts, ruleCount }) => (counts === undefined || ruleCount === 0 ? 0 : unusedMs(counts, now)),
    },
  ];
}

/** Rates come first, then what there ever was. */
function countOrder(rate = 0, total = 0n): number {
  return rate > 0 ? 1e9 + rate : Math.min(1e9, Number(total)) / 2;
}

function PolicyCell({
  policy,
  now,
  hasClusters,
}: {
  readonly policy: Policy;
  readonly now: number;
  readonly hasClusters: boolean;
}): ReactNode {
  const { namespace, name, cluster } = policy;
  const scope = namespace === '' ? '' : `${namespace}/`;
  return (
    <>
      <span className="cell-text" title={`${cluster} ${scope}${name}`}>
        <span className="cell-scope">{scope}</span>
        <span className="policy-list-name">{name}</span>
        {hasClusters && <span className="faint"> {cluster}</span>}
      </span>
      {marksOf(policy, now)
        .slice(0, 1)
        .map(({ text, tone, title }) => (
          <span key={text} className={`tag policy-mark ${tone}`} title={title}>
            {text}
          </span>
        ))}
    </>
  );
}
