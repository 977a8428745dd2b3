import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import type { CallOptions, RpcConnection } from './client.ts';
import { RpcCode, RpcError } from './rpc-error.ts';

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function encode<T extends DescMessage>(schema: T, init: MessageInitShape<T>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

function decode<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new RpcError(
      RpcCode.Internal,
      `response is no ${schema.typeName} message: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Calls a unary method with generated types. Throws RpcError. */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions = {},
): Promise<MessageShape<O>> {
  const response = await connection.unary(pathOf(method), encode(method.input, request), options);
  return decode(method.output, response);
}

/** Calls a server-streaming method with generated types, for streams that are not hot: each message is decoded. Throws RpcError. */
export async function callStream<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  options: CallOptions,
  onMessage: (message: MessageShape<O>) => void | Promise<void>,
): Promise<void> {
  const body = encode(method.input, request);
  await connection.stream(pathOf(method), body, options, async ({ bytes, count, offsets }) => {
    for (let i = 0; i < count; i++) {
      await onMessage(decode(method.output, bytes.subarray(offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1])));
    }
  });
}
