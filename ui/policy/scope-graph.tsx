import type { ReactElement } from 'react';
import { shortCount } from '../store/format.ts';
import {
  BOX_HEIGHT,
  BOX_WIDTH,
  SCOPE_WIDTH,
  type ScopeEdge,
  scopeGraph,
  type ScopeNode,
} from './scope-layout.ts';
import type { Conversations } from './use-conversations.ts';
import { usePolicyChoice } from './use-policy-choice.ts';

const MAX_TITLE = 23;

/** Who talks with the endpoints of a policy: callers, the endpoints, whom they call. */
export function ScopeGraphView({
  conversations,
}: {
  readonly conversations: Conversations | null;
}): ReactElement | null {
  const graph = scopeGraph(conversations?.all ?? []);
  if (graph.nodes.length === 0) return null;
  const busiest = Math.max(...graph.edges.map(total));
  return (
    <section className="policy-part" aria-label="In scope">
      <header className="policy-part-head">
        <h2 className="caption">In scope</h2>
        <span className="faint">
          {graph.hidden > 0
            ? `${graph.hidden} more, with less traffic`
            : 'flows in this window, from the view of the policy’s endpoints'}
        </span>
      </header>
      <svg
        className="scope"
        viewBox={`0 0 ${SCOPE_WIDTH} ${graph.height}`}
        style={{ maxHeight: `${graph.height * 1.15}px` }}
        role="group"
        aria-label="Who talks with the endpoints"
      >
        {graph.edges.map((edge) => (
          <Edge key={edge.id} edge={edge} busiest={busiest} />
        ))}
        {graph.nodes.map((node) => (
          <Box key={node.id} node={node} />
        ))}
      </svg>
    </section>
  );
}

const total = ({ dropped, audited, passed }: ScopeEdge): number => dropped + audited + passed;

function Edge({ edge, busiest }: { readonly edge: ScopeEdge; readonly busiest: number }): ReactElement {
  const { choice, choose } = usePolicyChoice();
  const { from, to, dropped, audited, passed, ports } = edge;
  const tone = dropped > 0 ? 'dropped' : audited > 0 ? 'audit' : 'forwarded';
  const [x1, y1] = [from.x + BOX_WIDTH, from.y + BOX_HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + BOX_HEIGHT / 2];
  const middle = (x1 + x2) / 2;
  const width = 1.2 + 2.2 * (Math.log1p(total(edge)) / Math.log1p(busiest));
  const count = dropped > 0 ? `✕ ${shortCount(dropped)}` : shortCount(audited > 0 ? audited : passed);
  const portText = ports.length > 2 ? `${ports[0]} +${ports.length - 1}` : ports.join(' ');
  const label = `${from.node.title} to ${to.node.title} ${ports.join(' ')}: ${passed} passed, ${dropped} denied, ${audited} would be`;
  // At the end of the peer, where edges lie apart.
  const [textX, textY] = to.column === 'to' ? [x2 - 6, y2 - 5] : [x1 + 6, y1 - 5];
  const open = (): void => choose({ edge: choice.edge === edge.edge ? '' : edge.edge });
  return (
    <g
      className={`scope-edge tone-${tone} ${choice.edge === edge.edge ? 'is-chosen' : ''}`}
      role="button"
      tabIndex={0}
      aria-label={label}
      onClick={open}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        event.stopPropagation();
        open();
      }}
    >
      <title>{label}</title>
      <path
        className={`is-${tone}`}
        d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
        strokeWidth={width}
      />
      <text x={textX} y={textY} textAnchor={to.column === 'to' ? 'end' : 'start'}>
        {count} {portText}
      </text>
    </g>
  );
}

function Box({ node: { node, column, x, y } }: { readonly node: ScopeNode }): ReactElement {
  const title = node.title.length > MAX_TITLE ? `${node.title.slice(0, MAX_TITLE - 1)}…` : node.title;
  const place = [node.island.cluster, node.island.title].filter((part) => part !== '').join(' · ');
  return (
    <g className={column === 'own' ? 'scope-box is-own' : 'scope-box'}>
      <title>{`${place} ${node.title}`}</title>
      <rect x={x} y={y} width={BOX_WIDTH} height={BOX_HEIGHT} rx={6} />
      <text className="scope-title" x={x + 10} y={y + 15}>
        {title}
      </text>
      <text className="scope-place" x={x + 10} y={y + 28}>
        {place}
      </text>
    </g>
  );
}
