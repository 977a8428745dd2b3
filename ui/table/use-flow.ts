import { useEffect, useState } from 'react';
import type { Flow } from '../../proto/gen/flow/flow_pb.ts';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { useStores } from '../app/stores.ts';
import { readConnection, readFlow } from '../store/connection.ts';
import { flowTimeMs } from './flow-columns.ts';

/** A flow by its id, and what belongs to it. */
export interface KnownFlow {
  /** Null = asked for; undefined = not kept. */
  readonly response: GetFlowsResponse | null | undefined;
  /** Flows of the same connection, both ways, oldest first; null = asked for. */
  readonly connection: readonly Flow[] | null;
  readonly problem: string;
}

const asked: KnownFlow = { response: null, connection: null, problem: '' };

/** Finds a flow among those of the table, else at the server, and the rest of its connection. */
export function useFlow(uuid: string): KnownFlow {
  const { flows } = useStores();
  const [known, setKnown] = useState(asked);
  useEffect(() => {
    const run = new AbortController();
    const seq = flows.ring.find(uuid);
    const near = seq === undefined ? null : (flows.response(seq) ?? null);
    setKnown({ ...asked, response: near });
    const read = async (): Promise<void> => {
      const response = near ?? (await readFlow(uuid, run.signal));
      if (run.signal.aborted) return;
      setKnown({ ...asked, response });
      if (response?.responseTypes.case !== 'flow') return;
      const flow = response.responseTypes.value;
      const connection = await readConnection(flow, flowTimeMs(flow), run.signal);
      if (!run.signal.aborted) setKnown({ ...asked, response, connection });
    };
    read().catch((error: unknown) => {
      if (!run.signal.aborted) setKnown((before) => ({ ...before, problem: (error as Error).message }));
    });
    return () => run.abort();
  }, [flows, uuid]);
  return known;
}
