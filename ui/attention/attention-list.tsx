import { type ReactElement, useState } from 'react';
import { useChanges, useCommand, useStores, useViewState } from '../app/stores.ts';
import { portsText, type Tone, toneGlyph } from '../map/graph.ts';
import { shortCount, shortRate } from '../store/format.ts';
import { useStillOrder } from './use-still-order.ts';
import { type Attention, type AttentionKind, findAttention } from './find-attention.ts';

const SHOWN = 12;
const tones: Readonly<Record<AttentionKind, Tone>> = {
  denied: 'dropped',
  error: 'error',
  audit: 'audit',
  jump: 'forwarded',
};

/** The edges that need looking at; the key N walks through them. */
export function AttentionList(): ReactElement | null {
  const { map: feed, view, commands } = useStores();
  const { map, sinceMs } = useChanges(feed);
  const { selection } = useViewState();
  const [isOpen, setOpen] = useState(true);
  const [isLong, setLong] = useState(false);
  const [openedMs] = useState(Date.now);
  const [isHeld, setHeld] = useState(false);
  const found = useStillOrder(findAttention(map, Math.max(openedMs, sinceMs)), ({ edge }) => edge.id, isHeld);
  const go = (id: string): void => {
    view.set({ selection: `edge:${id}` });
    commands.send('find', `edge:${id}`);
  };
  useCommand('next-problem', () => {
    const now = found.findIndex(({ edge }) => `edge:${edge.id}` === selection);
    const next = found[(now + 1) % found.length];
    if (next !== undefined) go(next.edge.id);
  });
  if (found.length === 0) {
    return (
      <section className="attention is-calm" aria-label="Needs attention">
        <span className="caption">Needs attention</span>
        <p className="muted">
          {feed.answeredMs === 0
            ? 'asking…'
            : 'Nothing: no denials, no errors, no findings of audits, and no rate that has jumped.'}
        </p>
      </section>
    );
  }
  const shown = isLong ? found : found.slice(0, SHOWN);
  return (
    <section
      className="attention"
      aria-label="Needs attention"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
    >
      <button
        type="button"
        className="attention-head"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="caption">Needs attention</span>
        <span className="attention-count">{found.length}</span>
        <kbd>N</kbd>
      </button>
      {isOpen && (
        <ul>
          {shown.map((item) => (
            <AttentionRow
              key={item.edge.id}
              item={item}
              isSelected={selection === `edge:${item.edge.id}`}
              onPress={() => go(item.edge.id)}
            />
          ))}
        </ul>
      )}
      {isOpen && found.length > SHOWN && (
        <button type="button" className="attention-more" onClick={() => setLong(!isLong)}>
          {isLong ? 'fewer' : `+ ${found.length - SHOWN} more`}
        </button>
      )}
    </section>
  );
}

function AttentionRow({
  item: { kind, edge, rate, count, factor, isNew },
  isSelected,
  onPress,
}: {
  readonly item: Attention;
  readonly isSelected: boolean;
  readonly onPress: () => void;
}): ReactElement {
  const tone = tones[kind];
  const cluster = edge.from.island.cluster || edge.to.island.cluster;
  const amount =
    kind === 'jump' ? `×${factor.toFixed(1)}` : rate >= 0.02 ? shortRate(rate) : `${shortCount(count)} flows`;
  return (
    <li>
      <button
        type="button"
        className="attention-row"
        aria-current={isSelected || undefined}
        onClick={onPress}
      >
        <span className="attention-ends">
          {edge.from.title} <span className="faint">→</span> {edge.to.title}
          <span className="faint">
            {' '}
            {portsText(edge, tone)} {cluster}
          </span>
        </span>
        {isNew && <span className="tag is-new">new</span>}
        <span className={`attention-rate tone-${tone}`}>
          {kind === 'jump' ? '↗' : toneGlyph[tone]} {amount}
        </span>
      </button>
    </li>
  );
}
