import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { setTimeout as sleep } from 'node:timers/promises';
import { FRAME_PREFIX_BYTES } from '../../../proto/flow/frame.ts';
import {
  GetFlowsRequestSchema,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
} from '../../../proto/gen/observer/observer_pb.ts';
import { RpcConnection } from '../../../rpc/index.ts';

/** Live messages of a server on a Unix socket, each kept; connects again when the stream ends. */
export class FlowStream {
  readonly messages: GetFlowsResponse[] = [];
  private readonly abort = new AbortController();
  private readonly done: Promise<void>;

  constructor(path: string) {
    this.done = this.run(path);
  }

  /** Resolves with the first message from `from` on that fits; the test's timeout is the bound. */
  async next(from: number, fits: (message: GetFlowsResponse) => boolean): Promise<GetFlowsResponse> {
    for (let at = from; ;) {
      for (; at < this.messages.length; at++) if (fits(this.messages[at])) return this.messages[at];
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    this.abort.abort();
    await this.done;
  }

  private async run(path: string): Promise<void> {
    const { signal } = this.abort;
    const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
    while (!signal.aborted) {
      const connection = new RpcConnection({ kind: 'unix', path });
      await connection
        .stream('/observer.Observer/GetFlows', request, { signal }, ({ bytes, offsets, count }) => {
          for (let i = 0; i < count; i++) {
            const message = bytes.slice(offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]);
            this.messages.push(fromBinary(GetFlowsResponseSchema, message));
          }
        })
        .catch(() => {}); // the server went away: that is what some tests are about
      connection.close();
      await sleep(100);
    }
  }
}
