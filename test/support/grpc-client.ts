import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { join } from 'node:path';

/** A message as proto-loader gives it: fields by proto name. */
export type Loose = Record<string, unknown>;

/** A client that knows nothing of this repository's code: grpc-js with the schema loaded from the .proto files at run time. */
export interface ForeignClient {
  unary(
    method: string,
    request?: Loose,
    options?: grpc.CallOptions,
  ): Promise<{ response: Loose; headers: grpc.Metadata }>;
  stream(method: string, request?: Loose, options?: grpc.CallOptions): grpc.ClientReadableStream<Loose>;
  close(): void;
}

const root = join(import.meta.dirname, '../../proto');

/** Connects to `address` (`unix:///path` or `host:port`) for one service such as `observer.Observer`, defined in `file`; in plaintext unless told how else. */
export function connectForeign(
  address: string,
  file: string,
  service: string,
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  options: grpc.ClientOptions = {},
): ForeignClient {
  const definition = loadSync(file, {
    includeDirs: [root],
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
  });
  const services = grpc.loadPackageDefinition(definition);
  const Client = service
    .split('.')
    .reduce<unknown>((scope, name) => (scope as Loose)[name], services) as grpc.ServiceClientConstructor;
  const client = new Client(address, credentials, options);
  const methods = client as unknown as Record<string, (...args: unknown[]) => unknown>;
  return {
    unary: (method, request = {}, options = {}) =>
      new Promise((resolve, reject) => {
        let headers = new grpc.Metadata();
        const call = methods[method](
          request,
          new grpc.Metadata(),
          options,
          (error: grpc.ServiceError | null, response: Loose) => {
            if (error === null) resolve({ response, headers });
            else reject(error);
          },
        ) as grpc.ClientUnaryCall;
        call.on('metadata', (metadata) => (headers = metadata));
      }),
    stream: (method, request = {}, options = {}) =>
      methods[method](request, new grpc.Metadata(), options) as grpc.ClientReadableStream<Loose>,
    close: () => client.close(),
  };
}

/** Reads a stream to its end: what came, and the status that ended it. */
export async function collect(
  call: grpc.ClientReadableStream<Loose>,
): Promise<{ messages: Loose[]; code: number; details: string }> {
  const messages: Loose[] = [];
  call.on('data', (message: Loose) => messages.push(message));
  call.on('error', () => {}); // the status tells the same
  return new Promise((resolve) => {
    call.on('status', ({ code, details }) => resolve({ messages, code, details }));
  });
}
