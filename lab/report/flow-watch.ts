import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { setTimeout as sleep } from 'node:timers/promises';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from '../../proto/flow/peek-flow.ts';
import type { Endpoint, Flow } from '../../proto/gen/flow/flow_pb.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { type Address, RpcCode, RpcConnection, RpcError, type RunListener } from '../../rpc/index.ts';
import { RateLimit } from '../rate-limit.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const RETRY_MS = 300;
const DECODED_PER_SECOND = 2_000;

/** What came over a live stream of flows. */
export class FlowTally {
  flows = 0;
  /** Events that the stream itself told as lost. */
  lostEvents = 0;
  readonly nodes = new Set<string>();
  readonly pods = new Set<string>();
  /** `CLUSTER/NAMESPACE/WORKLOAD -> …`, from who began to whom. */
  readonly pairs = new Set<string>();
  private readonly peek = createFlowPeek();
  /** Every flow is counted; of many a second only some are decoded for their names, which repeat soon enough. */
  private readonly decoding = new RateLimit(DECODED_PER_SECOND, performance.now());

  /** Begins anew. */
  reset(): void {
    this.flows = 0;
    this.lostEvents = 0;
    for (const set of [this.nodes, this.pods, this.pairs]) set.clear();
  }

  /** Takes messages as they come from a stream. */
  readonly add: RunListener = ({ bytes, offsets, count }) => {
    for (let i = 0; i < count; i++) {
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      peekFlow(bytes, start, offsets[i + 1], this.peek);
      const isFlow = this.peek.kind === ENVELOPE_FLOW;
      if (isFlow) this.flows++;
      if (isFlow && !this.decoding.take(performance.now())) continue;
      const { responseTypes } = fromBinary(GetFlowsResponseSchema, bytes.subarray(start, offsets[i + 1]));
      if (responseTypes.case === 'flow') this.addNames(responseTypes.value);
      else if (responseTypes.case === 'lostEvents')
        this.lostEvents += Number(responseTypes.value.numEventsLost);
    }
  };

  private addNames({ nodeName, source, destination, isReply }: Flow): void {
    this.nodes.add(nodeName);
    for (const end of [source, destination]) {
      if (end !== undefined && end.podName !== '') {
        this.pods.add(`${end.clusterName}/${end.namespace}/${end.podName}`);
      }
    }
    // Of an unknown direction nobody can say who began.
    if (isReply === undefined || source === undefined || destination === undefined) return;
    const [from, to] = isReply ? [destination, source] : [source, destination];
    this.pairs.add(`${endName(from)} -> ${endName(to)}`);
  }
}

function endName({ clusterName, namespace, workloads, labels, identity }: Endpoint): string {
  if (workloads.length > 0) return `${clusterName}/${namespace}/${workloads[0].name}`;
  const reserved = labels.find((label) => label.startsWith('reserved:'));
  const name = reserved?.slice('reserved:'.length) ?? String(identity);
  // A range that some policy speaks of says its family; it is the world all the same.
  return name.startsWith('world-') ? 'world' : name;
}

/** Follows all flows of a relay into a tally until the signal aborts, connecting again whenever the stream ends. */
export async function watchFlows(
  address: Address,
  tally: FlowTally,
  signal: AbortSignal,
  onProblem: (message: string) => void,
): Promise<void> {
  const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
  while (!signal.aborted) {
    const connection = new RpcConnection(address, { connectTimeoutMs: 2_000 });
    try {
      await connection.stream(GET_FLOWS, request, { signal }, tally.add);
    } catch (error) {
      // Of a relay that is not there yet, or was restarted, its supervisor tells.
      const isExpected = error instanceof RpcError && (error.code === RpcCode.Unavailable || signal.aborted);
      if (!isExpected) onProblem(`flows cannot be followed: ${(error as Error).message}`);
    } finally {
      connection.close();
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
