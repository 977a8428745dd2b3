import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescMethodServerStreaming,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type CallOptions, type RpcConnection } from './client.ts';

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Calls a unary method with generated types. Throws RpcError. */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions = {},
): Promise<MessageShape<O>> {
  const body = toBinary(method.input, create(method.input, request));
  return fromBinary(method.output, await connection.unary(pathOf(method), body, options));
}

/** Calls a server-streaming method with generated types, for streams that are not hot: each message is decoded. Throws RpcError. */
export async function callStream<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions,
  onMessage: (message: MessageShape<O>) => void | Promise<void>,
): Promise<void> {
  const body = toBinary(method.input, create(method.input, request));
  await connection.stream(pathOf(method), body, options, async (run) => {
    for (let i = 0; i < run.count; i++) {
      await onMessage(fromBinary(method.output, run.bytes.subarray(run.offsets[i] + 5, run.offsets[i + 1])));
    }
  });
}
