/**
 * The relay as one would write it first: grpc-js on both sides, every flow decoded and encoded by protobuf-es, a window of 100 flows to sort in. The baseline.
 *   usage: node naive-relay.ts DIR PEERS
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import {
  type GetFlowsRequest,
  GetFlowsRequestSchema,
  type GetFlowsResponse,
  GetFlowsResponseSchema,
} from '../../proto/gen/observer/observer_pb.ts';

const [dir, peersText] = process.argv.slice(2);
const WINDOW = 100;

const method: grpc.MethodDefinition<GetFlowsRequest, GetFlowsResponse> = {
  path: '/observer.Observer/GetFlows',
  requestStream: false,
  responseStream: true,
  requestSerialize: (message) => Buffer.from(toBinary(GetFlowsRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(GetFlowsRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(GetFlowsResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(GetFlowsResponseSchema, bytes),
};
const Client = grpc.makeGenericClientConstructor({ getFlows: method }, 'observer.Observer');

function getFlows(call: grpc.ServerWritableStream<GetFlowsRequest, GetFlowsResponse>): void {
  const window: GetFlowsResponse[] = [];
  const time = (message: GetFlowsResponse): bigint =>
    (message.time?.seconds ?? 0n) * 1_000_000_000n + BigInt(message.time?.nanos ?? 0);
  const streams = Array.from({ length: Number(peersText) }, (_, i) => {
    const client = new Client(`unix://${dir}/agent-${i}.sock`, grpc.credentials.createInsecure());
    const stream = (client['getFlows'] as (request: unknown) => grpc.ClientReadableStream<GetFlowsResponse>)(
      call.request,
    );
    stream.on('error', () => {});
    stream.on('data', (message: GetFlowsResponse) => {
      let at = window.length;
      while (at > 0 && time(window[at - 1]) > time(message)) at--;
      window.splice(at, 0, message);
      if (window.length > WINDOW && !call.write(window.shift()!)) {
        for (const other of streams) other.pause();
        call.once('drain', () => {
          for (const other of streams) other.resume();
        });
      }
    });
    return stream;
  });
  call.on('cancelled', () => {
    for (const stream of streams) stream.cancel();
  });
}

const server = new grpc.Server();
server.addService({ getFlows: method }, { getFlows });
server.bindAsync(`unix://${dir}/relay.sock`, grpc.ServerCredentials.createInsecure(), () =>
  process.send?.('ready'),
);
