import type { ReactElement } from 'react';
import { edgeDetail } from '../map/tree-rows.ts';
import { selectedOf } from '../model/selection-words.ts';
import { useStores, useViewState } from './stores.ts';

/** Says to screen readers what has been selected. */
export function Announcer(): ReactElement {
  const { map: feed } = useStores();
  const { selection } = useViewState();
  const { edge, node } = selectedOf(feed.map, selection);
  const text =
    edge !== null
      ? `${edge.from.island.title}/${edge.from.title} to ${edge.to.island.title}/${edge.to.title}, ${edgeDetail(edge)}`
      : node !== null
        ? `${node.island.title}/${node.title} selected`
        : '';
  return (
    <div className="unseen" role="status" aria-live="polite">
      {text}
    </div>
  );
}
