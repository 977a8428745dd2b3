import type { ConnectRouter } from '@connectrpc/connect';
import type { RequestListener } from 'node:http';
import { type Address, formatAddress } from './address.ts';
import type { DoorTls } from './doors.ts';
import { FollowedFiles, type TlsProblem } from './followed-files.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { listen, type Listener } from './listener.ts';
import type { RawStreamHandler } from './raw-call.ts';
import { RefusalLog } from './refusal-log.ts';
import { routeRequests } from './route-requests.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { loadServerFiles, type TlsFiles } from './tls-files.ts';

/** What a process serves, and where. */
export interface RpcServerOptions {
  readonly listen: readonly Address[];
  /** Certificates for the TCP addresses, read again when they change. Without them TCP needs `insecure`. */
  readonly tls?: TlsFiles;
  /** Serve TCP in plaintext, beside TLS where there are certificates, too; not on addresses of TLS alone (`tls://`). Never the default: whoever wants it has to say so. */
  readonly insecure?: boolean;
  /** What is taken from clients; the defaults for what is left out. */
  readonly limits?: Partial<ServerLimits>;
  /** Permission bits of Unix sockets; default 0o660: the owner and the group. */
  readonly socketMode?: number;
  /** Unary calls and slow streams, through connect: gRPC, gRPC-web and Connect at once. */
  readonly routes?: (router: ConnectRouter) => void;
  /** Hot streams by path, such as `/observer.Observer/GetFlows`, in gRPC, gRPC-web and Connect streaming alike. They win over `routes`. */
  readonly rawStreams?: ReadonlyMap<string, RawStreamHandler>;
  /** Requests that are no calls, such as those for files; answered with 404 when absent. Over HTTP/2 request and response are node's compatible ones. */
  readonly web?: RequestListener;
  /** Calls of web pages need it: as a bearer, or as the cookie that `guardFiles` sets. Default: none do. */
  readonly pageToken?: string;
  /** Origins such as `https://ui.example.org` whose web pages may call; default none but this server's own, see `judgeOrigin`. */
  readonly allowedOrigins?: readonly string[];
  /** Sent with every response. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Told once of each change of the certificate files that does not work; the last ones that did stay in use. */
  readonly onProblem?: (message: string) => void;
  /** Told which clients are refused and why: a line at once and one with the number of the others, for each reason in ten seconds. */
  readonly onRefused?: (message: string) => void;
}

/** A serving process's doors. */
export interface RpcServer {
  /** Bound addresses, port 0 resolved. */
  readonly addresses: readonly Address[];
  /** Connections open now, on all addresses. */
  readonly connectionCount: number;
  /** What is wrong with the certificates now. */
  readonly tlsProblems: readonly TlsProblem[];
  /**
   * Stops accepting connections and calls (GOAWAY) and ends running streams with UNAVAILABLE. Unary calls may finish; connections that are left once
   * `graceMs` have passed are cut.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves everything a process serves on every address given. Throws an Error when TCP is asked for without TLS and without `insecure`, or when
 * an address cannot be bound; nothing is left listening then.
 */
export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  checkTrust(options);
  const closing = new AbortController();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const tls =
    options.tls === undefined ? undefined : followServerFiles(options.tls, options.onProblem ?? (() => {}));
  const protocols = routeRequests(options, limits, closing.signal);
  const refusals = new RefusalLog(options.onRefused ?? (() => {}));
  const listeners: Listener[] = [];
  try {
    for (const address of options.listen) {
      listeners.push(
        await listen(address, protocols, {
          // Unix sockets are always plaintext.
          tls: address.kind === 'tcp' ? tls : undefined,
          plaintext: address.kind === 'unix' || (options.insecure === true && !address.tls),
          limits,
          refusals,
          socketMode: options.socketMode ?? 0o660,
        }),
      );
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
  return {
    addresses: listeners.map((listener) => listener.address),
    get connectionCount() {
      return listeners.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
    },
    get tlsProblems() {
      return tls?.files.problems(Date.now()) ?? [];
    },
    close: async (graceMs) => {
      closing.abort(new RpcError(RpcCode.Unavailable, 'server is shutting down'));
      await Promise.all(listeners.map((listener) => listener.close(graceMs)));
    },
  };
}

/** Throws an Error when an address would be served in another way than was asked for. */
function checkTrust({ listen: addresses, tls, insecure }: RpcServerOptions): void {
  if (tls !== undefined) return;
  for (const address of addresses) {
    if (address.kind === 'unix') continue;
    const where = formatAddress(address);
    if (address.tls) throw new Error(`cannot serve TLS on ${where}: give a certificate and key`);
    if (insecure === true) continue;
    throw new Error(`refusing to serve plaintext on ${where}: give a certificate and key, or say --insecure`);
  }
}

function followServerFiles(files: TlsFiles, onFault: (message: string) => void): DoorTls {
  const { certFile, keyFile, clientCaFiles = [] } = files;
  const paths = [certFile, keyFile, ...clientCaFiles];
  return {
    files: new FollowedFiles(paths, certFile, () => loadServerFiles(files), onFault),
    isMutual: clientCaFiles.length > 0,
  };
}
