import {
  create,
  type DescMethodUnary,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { CallCode, CallError } from './call-error.ts';
import { callStream } from './call-stream.ts';

const TIMEOUT_MS = 10_000;

/** One question, one answer. Throws CallError.
 * @param question empty where it is left out */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  question?: MessageInitShape<I>,
  stop?: AbortSignal,
): Promise<MessageShape<O>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = stop === undefined ? timeout : AbortSignal.any([timeout, stop]);
  const request = toBinary(method.input, create(method.input, question));
  for await (const bytes of callStream(`${method.parent.typeName}/${method.name}`, request, signal)) {
    return fromBinary(method.output, bytes);
  }
  throw new CallError(CallCode.Unavailable, `no answer to ${method.name} within ${TIMEOUT_MS / 1000} s`);
}
