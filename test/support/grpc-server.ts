import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { join } from 'node:path';
import type { Loose } from './grpc-client.ts';

/** A handler as grpc-js has it, for unary and streaming methods alike. */
export type ForeignHandler = (
  call: grpc.ServerWritableStream<Loose, Loose>,
  respond: (error: Partial<grpc.StatusObject> | null, response?: Loose) => void,
) => void;

/** A server that knows nothing of this repository's code: grpc-js with the schema loaded from the .proto files at run time. */
export interface ForeignServer {
  readonly port: number;
  /** Ends it and every call on it. */
  close(): void;
}

const root = join(import.meta.dirname, '../../proto');

/** Serves methods of one service such as `observer.Observer`, defined in `file`, on a free port of the loopback. */
export async function startForeignServer(
  file: string,
  service: string,
  handlers: Readonly<Record<string, ForeignHandler>>,
): Promise<ForeignServer> {
  const definition = loadSync(file, { includeDirs: [root], keepCase: true, longs: String, enums: String });
  const server = new grpc.Server();
  server.addService(
    definition[service] as grpc.ServiceDefinition,
    handlers as unknown as grpc.UntypedServiceImplementation,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, close: () => server.forceShutdown() };
}
