import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlowIndex, type EndpointView } from '../../proto/flow/flow-index.ts';
import { FRAME_PREFIX_BYTES } from '../../proto/flow/frame.ts';
import { ENVELOPE_FLOW, ENVELOPE_LOST_EVENTS } from '../../proto/flow/peek-flow.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { type Address, RpcConnection, type RunListener } from '../../rpc/index.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const RETRY_MS = 300;

/** What came over a live stream of flows. */
export class FlowTally {
  flows = 0;
  /** Events that the stream itself told as lost. */
  lostEvents = 0;
  readonly nodes = new Set<string>();
  readonly pods = new Set<string>();
  /** `CLUSTER/NAMESPACE/WORKLOAD -> …`, from who began to whom. */
  readonly pairs = new Set<string>();
  private readonly index = new FlowIndex();
  /** Nodes and addresses of flows already looked at: all else follows from them. */
  private readonly known = new Set<string>();

  /** Begins anew. */
  reset(): void {
    this.flows = 0;
    this.lostEvents = 0;
    for (const set of [this.nodes, this.pods, this.pairs, this.known]) set.clear();
  }

  readonly add: RunListener = ({ bytes, offsets, count }) => {
    for (let i = 0; i < count; i++) {
      const start = offsets[i] + FRAME_PREFIX_BYTES;
      this.index.reset(bytes, start, offsets[i + 1]);
      if (this.index.kind === ENVELOPE_FLOW) this.addFlow();
      else if (this.index.kind === ENVELOPE_LOST_EVENTS) {
        const { responseTypes } = fromBinary(GetFlowsResponseSchema, bytes.subarray(start, offsets[i + 1]));
        if (responseTypes.case === 'lostEvents') this.lostEvents += Number(responseTypes.value.numEventsLost);
      }
    }
  };

  private addFlow(): void {
    this.flows++;
    const { index } = this;
    const key = `${index.nodeName} ${index.sourceIp} ${index.destinationIp} ${index.isReply}`;
    if (this.known.has(key)) return;
    this.known.add(key);
    this.nodes.add(index.nodeName);
    const { source, destination } = index;
    for (const { clusterName, namespace, podName } of [source, destination]) {
      if (podName !== '') this.pods.add(`${clusterName}/${namespace}/${podName}`);
    }
    // Of an unknown direction nobody can say who began.
    if (index.isReply === undefined) return;
    const [from, to] = index.isReply ? [destination, source] : [source, destination];
    this.pairs.add(`${endName(from)} -> ${endName(to)}`);
  }
}

function endName({ clusterName, namespace, workloads, labels, identity }: EndpointView): string {
  if (workloads.length > 0) return `${clusterName}/${namespace}/${workloads[0].name}`;
  const reserved = labels.find((label) => label.startsWith('reserved:'));
  return reserved?.slice('reserved:'.length) ?? String(identity);
}

/** Follows all flows of a relay into a tally until the signal aborts, connecting again whenever the stream ends. */
export async function watchFlows(address: Address, tally: FlowTally, signal: AbortSignal): Promise<void> {
  const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
  while (!signal.aborted) {
    const connection = new RpcConnection(address, { connectTimeoutMs: 2_000 });
    try {
      await connection.stream(GET_FLOWS, request, { signal }, tally.add);
    } catch {
      // The relay is not there yet, or was restarted: the lab tells of its processes, here only flows count.
    } finally {
      connection.close();
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
