import { useEffect, useState } from 'react';
import { Observer } from '../../proto/gen/observer/observer_pb.ts';
import { useStores } from '../app/stores.ts';
import type { FlowFeed } from '../store/flow-feed.ts';
import { callUnary } from '../stream/call-unary.ts';
import { collectFlowNames, collectMapNames, type KnownNames, NameCollector } from './known-names.ts';

const MAX_ROWS = 300;
const nothing: KnownNames = new Map();

/** The names that are there: of the map, of the newest flows of the table, and of all namespaces. Collected when `isWanted` begins to hold. */
export function useKnownNames(isWanted: boolean): KnownNames {
  const { map, flows, status } = useStores();
  const [names, setNames] = useState(nothing);
  useEffect(() => {
    if (!isWanted) return undefined;
    const collector = new NameCollector();
    collectMapNames(map.map, collector);
    collectRows(flows, collector);
    for (const { name } of status.nodes) collector.add('node-name', name, 0);
    setNames(collector.names());
    let isHere = true;
    callUnary(Observer.method.getNamespaces).then(
      ({ namespaces }) => {
        for (const { namespace, cluster } of namespaces) {
          collector.add('namespace', namespace, 0);
          collector.add('cluster', cluster, 0);
        }
        if (isHere) setNames(collector.names());
      },
      // Names of the map are enough, and what is wrong with the server is told elsewhere.
      () => {},
    );
    return () => {
      isHere = false;
    };
  }, [isWanted, map, flows, status]);
  return names;
}

function collectRows(feed: FlowFeed, into: NameCollector): void {
  const { first, end } = feed.ring;
  for (let seq = Math.max(first, end - MAX_ROWS); seq < end; seq++) {
    const content = feed.response(seq)?.responseTypes;
    if (content?.case === 'flow') collectFlowNames(content.value, into);
  }
}
