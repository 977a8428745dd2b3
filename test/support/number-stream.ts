import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { frameMessage } from '../../proto/flow/frame.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { type RawCall, RpcCode, RpcError } from '../../rpc/index.ts';

export const GET_FLOWS = '/observer.Observer/GetFlows';

/** Bytes of a GetFlows request for `number` messages. */
export function askFor(number: number): Uint8Array {
  return toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { number: BigInt(number) }));
}

/** The frame that answers with message `i`, its node name being `n<i>`. */
export function numberFrame(i: number): Uint8Array {
  const message = create(GetFlowsResponseSchema, {
    nodeName: `n${i}`,
    time: { seconds: BigInt(i), nanos: 0 },
  });
  return frameMessage(toBinary(GetFlowsResponseSchema, message));
}

/** A GetFlows handler for tests, and what it saw. */
export interface NumberStream {
  readonly handler: (call: RawCall) => Promise<void>;
  /** Calls that run now. */
  running: number;
  /** Frames written, over all calls. */
  written: number;
  /** Why the last call that was aborted was. */
  lastAbort: RpcError | null;
}

/** Answers by the number asked for: that many messages; 0 = waits until the call is aborted; 7 = an error whose words need encoding. */
export function createNumberStream(): NumberStream {
  const stream: NumberStream = {
    running: 0,
    written: 0,
    lastAbort: null,
    handler: async (call) => {
      stream.running++;
      try {
        await answer(call, stream);
      } finally {
        stream.running--;
        if (call.signal.aborted) stream.lastAbort = call.signal.reason as RpcError;
      }
    },
  };
  return stream;
}

async function answer(call: RawCall, stream: NumberStream): Promise<void> {
  const number = Number(fromBinary(GetFlowsRequestSchema, call.request).number);
  if (number === 7) throw new RpcError(RpcCode.InvalidArgument, 'bad füter: 100%\nno');
  if (number === 0) {
    call.flush();
    await new Promise<void>((resolve) => {
      if (call.signal.aborted) resolve();
      call.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return;
  }
  for (let i = 0; i < number && !call.signal.aborted; i++) {
    stream.written++;
    if (!call.write(numberFrame(i))) await call.drained();
  }
}
