import { fromBinary } from '@bufbuild/protobuf';
import { isFlowFrame } from '../../proto/flow/frame-kind.ts';
import { FRAME_PREFIX_BYTES, type FrameRun } from '../../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { NodeState } from '../../proto/gen/relay/relay_pb.ts';

/** A client of a relay that counts flows, and how often each node was told to be away and back. */
export class FleetWatcher {
  flows = 0;
  lost = 0;
  readonly away = new Map<string, number>();
  readonly back = new Map<string, number>();

  readonly take = ({ bytes, offsets, count }: FrameRun): void => {
    for (let i = 0; i < count; i++) {
      if (isFlowFrame(bytes, offsets[i])) this.flows++;
      else this.takeNotice(bytes.subarray(offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]));
    }
  };

  /** Forgets who was away and back. */
  reset(): void {
    this.away.clear();
    this.back.clear();
  }

  private takeNotice(message: Uint8Array): void {
    const { responseTypes: told } = fromBinary(GetFlowsResponseSchema, message);
    if (told.case === 'lostEvents') this.lost += Number(told.value.numEventsLost);
    if (told.case !== 'nodeStatus') return;
    const { stateChange, nodeNames } = told.value;
    const counts =
      stateChange === NodeState.NODE_UNAVAILABLE
        ? this.away
        : stateChange === NodeState.NODE_CONNECTED
          ? this.back
          : null;
    for (const name of nodeNames) counts?.set(name, (counts.get(name) ?? 0) + 1);
  }
}
