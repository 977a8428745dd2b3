import type { ReactElement } from 'react';
import { useStores } from '../app/stores.ts';
import { toneGlyph, toneOf } from '../map/graph.ts';
import { excludeWords, onlyWords } from '../model/selection-words.ts';
import type { Counts, Edge } from '../model/service-map.ts';
import { DraftLink } from '../policy/policy-link.tsx';
import { clockTime, shortCount, shortRate } from '../store/format.ts';
import { DecisionCard } from './decision-card.tsx';
import { FlowFields } from './flow-fields.tsx';
import { NodeName } from './node-name.tsx';
import { Sparkline } from './sparkline.tsx';
import { useEdgeFacts } from './use-edge-facts.ts';

const words = {
  forwarded: 'FORWARDED',
  redirected: 'REDIRECTED',
  audit: 'AUDIT',
  error: 'ERROR',
  dropped: 'DROPPED',
} as const;

/** All that is known of who talks to whom: how much of it passes, which rule decides, and the last flow. */
export function EdgeDrawer({ edge }: { readonly edge: Edge }): ReactElement {
  const { facts, problem } = useEdgeFacts(edge);
  const tone = toneOf(edge.total);
  const reasons = new Set(
    (facts?.decisions ?? []).filter(({ reason }) => reason !== '').map(({ reason }) => reason),
  );
  const egress = facts?.decisions.filter(({ side }) => side === 'egress') ?? [];
  const ingress = facts?.decisions.filter(({ side }) => side === 'ingress') ?? [];
  const isEgressClosed = egress.length > 0 && egress.every(({ outcome }) => outcome === 'denied');
  return (
    <>
      <div className="drawer-head">
        <span className={`drawer-verdict tone-${tone}`}>
          {toneGlyph[tone]} {words[tone]}
        </span>
        {[...reasons].map((reason) => (
          <span key={reason} className="tag">
            {reason}
          </span>
        ))}
      </div>
      <h2 className="drawer-title">
        <NodeName node={edge.from} /> <span className="faint">→</span> <NodeName node={edge.to} />
      </h2>
      <p className="drawer-sub mono muted">{summaryOf(edge)}</p>
      <VerdictSplit edge={edge} history={facts?.history ?? []} />
      <Ports edge={edge} />
      <section className="drawer-part">
        <h3 className="caption">Which rule decided</h3>
        {problem !== '' && <p className="tone-dropped">Not known: {problem}</p>}
        {facts === null && problem === '' && <p className="muted">asking…</p>}
        {facts !== null && (
          <>
            <DecisionCard number={1} side="egress" node={edge.from} decisions={egress} isReached />
            <DecisionCard
              number={2}
              side="ingress"
              node={edge.to}
              decisions={ingress}
              isReached={!isEgressClosed}
            />
          </>
        )}
        {edge.total.dropped + edge.total.audited > 0 && <DraftLink edge={edge.id} />}
      </section>
      {facts?.lastFlow !== null && facts !== null && (
        <section className="drawer-part">
          <h3 className="caption">Last flow</h3>
          <FlowFields flow={facts.lastFlow} />
        </section>
      )}
      <Actions selection={`edge:${edge.id}`} what="this edge" />
    </>
  );
}

/** What can be done with what is selected. */
export function Actions({
  selection,
  what,
}: {
  readonly selection: string;
  readonly what: string;
}): ReactElement {
  const { view, map: feed, commands } = useStores();
  return (
    <div className="drawer-actions">
      <button
        type="button"
        className="button"
        onClick={() => view.set({ words: onlyWords(view.state.words, feed.map, selection) })}
      >
        Filter to {what} <kbd>↵</kbd>
      </button>
      <button
        type="button"
        className="button"
        onClick={() =>
          view.set({ words: excludeWords(view.state.words, feed.map, selection), selection: '' })
        }
      >
        Exclude <kbd>X</kbd>
      </button>
      <button type="button" className="button" onClick={() => commands.send('find', selection)}>
        Find
      </button>
    </div>
  );
}

function summaryOf({ ports, total, firstMs, lastMs, from, to }: Edge): string {
  const texts = [...ports.values()]
    .sort((a, b) => b.flows - a.flows)
    .map(({ port, protocol }) => (port === '' ? protocol : `${protocol} :${port}`));
  const shown = texts.slice(0, 2).join(' · ');
  const more = texts.length > 2 ? ` +${texts.length - 2}` : '';
  const isAcross =
    from.island.cluster !== to.island.cluster && from.island.cluster !== '' && to.island.cluster !== '';
  const clusters = isAcross
    ? ` · ${from.island.cluster} → ${to.island.cluster}`
    : from.island.cluster !== '' || to.island.cluster !== ''
      ? ` · ${from.island.cluster || to.island.cluster}`
      : '';
  const since = firstMs > 0 ? ` · since ${clockTime(firstMs).slice(0, 8)}` : '';
  const last = lastMs > 0 ? `, last ${clockTime(lastMs).slice(0, 8)}` : '';
  return `${shown}${more}${clusters} · ${shortCount(total.flows)} flows${since}${last}`;
}

function VerdictSplit({
  edge: { rate, total },
  history,
}: {
  readonly edge: Edge;
  readonly history: readonly Counts[];
}): ReactElement {
  const parts = [
    {
      name: 'dropped',
      tone: 'dropped',
      rate: rate.dropped,
      total: total.dropped,
      of: (c: Counts) => c.dropped,
    },
    {
      name: 'forwarded',
      tone: 'forwarded',
      rate: rate.forwarded,
      total: total.forwarded,
      of: (c: Counts) => c.forwarded,
    },
    {
      name: 'would be denied',
      tone: 'audit',
      rate: rate.audited,
      total: total.audited,
      of: (c: Counts) => c.audited,
    },
    {
      name: 'to proxy',
      tone: 'redirected',
      rate: rate.redirected,
      total: total.redirected,
      of: (c: Counts) => c.redirected,
    },
    { name: 'errors', tone: 'error', rate: rate.errors, total: total.errors, of: (c: Counts) => c.errors },
  ] as const;
  const shown = parts.filter(({ total }, i) => i < 2 || total > 0).slice(0, 3);
  return (
    <div className="verdict-split">
      {shown.map(({ name, tone, rate, total, of }) => (
        <div key={name} className="verdict-part">
          <span className="muted">{name}</span>
          <span className={`verdict-rate ${total > 0 ? `tone-${tone}` : 'faint'}`}>
            {total > 0 ? shortRate(rate) : '0'}
          </span>
          <Sparkline values={history.map(of)} tone={tone} />
          <span className="faint">{shortCount(total)} in the window</span>
        </div>
      ))}
    </div>
  );
}

const MAX_PORTS = 6;

function Ports({ edge }: { readonly edge: Edge }): ReactElement {
  const ports = [...edge.ports.values()].sort((a, b) => b.flows - a.flows);
  const most = Math.max(1, ...ports.map(({ flows }) => flows));
  return (
    <section className="drawer-part">
      <h3 className="caption">Ports</h3>
      <ul className="port-list">
        {ports.slice(0, MAX_PORTS).map((counts) => (
          <li key={`${counts.port}/${counts.protocol}`}>
            <span className="mono">
              {counts.port === '' ? '' : `:${counts.port} `}
              <span className="muted">{counts.protocol}</span>
            </span>
            <CountBar counts={counts} most={most} />
            <span className={counts.dropped > 0 ? 'tone-dropped' : 'muted'}>{shortCount(counts.flows)}</span>
          </li>
        ))}
      </ul>
      {ports.length > MAX_PORTS && <p className="faint">and {ports.length - MAX_PORTS} more</p>}
    </section>
  );
}

/** Parts by verdict, as long as their share of the longest bar. */
export function CountBar({ counts, most }: { readonly counts: Counts; readonly most: number }): ReactElement {
  const part = (count: number): string => `${((count / most) * 100).toFixed(2)}%`;
  return (
    <span className="count-bar" aria-hidden="true">
      <i className="is-forwarded" style={{ width: part(counts.forwarded + counts.redirected) }} />
      <i className="is-audit" style={{ width: part(counts.audited) }} />
      <i className="is-dropped" style={{ width: part(counts.dropped + counts.errors) }} />
    </span>
  );
}
