import type { Readable } from 'node:stream';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import type { ByteShare } from './byte-budget.ts';
import { RpcCode, RpcError } from './rpc-error.ts';

/** Longest request message, the receive limit of gRPC libraries when nobody sets one. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** How much of a request is read, and for how long. */
export interface RequestLimits {
  /** Time that it may take to come. */
  readonly timeoutMs: number;
  /** What it takes its bytes from. */
  readonly share: ByteShare;
  /** Ends the reading, with the RpcError to tell. */
  readonly signal: AbortSignal;
}

/**
 * Collects the one message of a request. Throws RpcError: RESOURCE_EXHAUSTED above 4 MiB (as soon as that much is announced or has come) or when the share has no more,
 * INTERNAL when the body is not exactly one uncompressed message, DEADLINE_EXCEEDED when it does not come in time, the reason of the signal when that aborts first.
 */
export async function readRequest(input: Readable, limits: RequestLimits): Promise<Uint8Array> {
  return singleMessage(await readBody(input, limits));
}

function readBody(input: Readable, { timeoutMs, share, signal }: RequestLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const late = (): void =>
      settle(new RpcError(RpcCode.DeadlineExceeded, `request did not come within ${timeoutMs} ms`));
    const timer = setTimeout(late, timeoutMs);
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      input.off('data', take).off('end', finish).off('close', broken);
      signal.removeEventListener('abort', abort);
      if (error === null) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    const take = (chunk: Buffer): void => {
      if (!share.take(chunk.length)) {
        settle(
          new RpcError(
            RpcCode.ResourceExhausted,
            'requests of other calls take all memory there is for them',
          ),
        );
        return;
      }
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_REQUEST_BYTES + FRAME_PREFIX_BYTES) settle(tooLarge(bytes - FRAME_PREFIX_BYTES));
    };
    const finish = (): void => settle(null);
    const broken = (): void => settle(new RpcError(RpcCode.Cancelled, 'request broke off'));
    const abort = (): void => settle(signal.reason as Error);
    input.on('data', take).once('end', finish).once('close', broken);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
}

function tooLarge(bytes: number): RpcError {
  return new RpcError(
    RpcCode.ResourceExhausted,
    `request of ${bytes} bytes or more, at most ${MAX_REQUEST_BYTES} allowed`,
  );
}

function singleMessage(body: Buffer): Uint8Array {
  if (body.length < FRAME_PREFIX_BYTES) {
    throw new RpcError(RpcCode.Internal, `request of ${body.length} bytes, expected one gRPC message`);
  }
  if (body[0] !== 0) {
    throw new RpcError(
      RpcCode.Unimplemented,
      `request message with flag ${body[0]}, expected 0: compression is not supported`,
    );
  }
  const length = body.readUInt32BE(1);
  if (length > MAX_REQUEST_BYTES) throw tooLarge(length);
  if (length !== body.length - FRAME_PREFIX_BYTES) {
    throw new RpcError(
      RpcCode.Internal,
      `request message announces ${length} bytes and has ${body.length - FRAME_PREFIX_BYTES}`,
    );
  }
  return body.subarray(FRAME_PREFIX_BYTES);
}
