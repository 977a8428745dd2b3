import type { ReactElement } from 'react';
import type { ServiceNode } from '../model/service-node.ts';

/** A node with where it belongs in quieter letters: namespace/workload. */
export function NodeName({ node: { island, title, group } }: { readonly node: ServiceNode }): ReactElement {
  const scope =
    island.kind === 'namespace' ? `${island.title}/` : island.kind === 'outside' ? 'world ' : 'node ';
  return (
    <span
      className="node-name"
      title={`${island.cluster} ${scope}${group === null ? '' : `${group.title} `}${title}`}
    >
      <span className="muted">{scope}</span>
      <strong>{title}</strong>
    </span>
  );
}
