import { createServer as createHttp1Server, type Server as Http1Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { clientAddress, clientName } from './client-name.ts';
import type { FollowedFiles } from './followed-files.ts';
import type { ServerLimits } from './limits.ts';
import type { RefusalLog } from './refusal-log.ts';
import { NOT_TRUSTED, refuseConnection, TOO_MANY } from './refuse-connection.ts';
import { sniff } from './sniff.ts';
import { TlsDoor } from './tls-door.ts';

/** What a connection is served by, in HTTP/2 and HTTP/1.1. */
export interface Protocols {
  readonly http2: (server: Http2Server) => void;
  readonly http1: RequestListener;
}

/** Certificates of a server. */
export interface DoorTls {
  readonly files: FollowedFiles;
  /** Whether clients have to show one. */
  readonly isMutual: boolean;
}

/** How the connections of one address are served. */
export interface DoorOptions {
  /** TLS is spoken with these; absent: no TLS. */
  readonly tls: DoorTls | undefined;
  /** Serve clients that speak plaintext. */
  readonly plaintext: boolean;
  readonly limits: ServerLimits;
  readonly refusals: RefusalLog;
}

/** Connections beyond the most allowed that are told why they are refused; those beyond are cut. */
const TOLD_CONNECTIONS = 32;
const TLS_ONLY = 'this address speaks TLS only';

/** Takes the connections of one address: finds out what each speaks, and hands it to HTTP/2 or HTTP/1.1, or refuses it in words that its client can show. */
export class Doors {
  private readonly options: DoorOptions;
  private readonly http2: Http2Server;
  private readonly http1: Http1Server;
  private readonly tls: TlsDoor | null;
  private readonly sockets = new Set<Socket>();
  /** Those that have not said yet what they speak. */
  private readonly waiting = new Set<Socket>();
  private isClosing = false;
  private readonly sessions = new Set<ServerHttp2Session>();

  constructor(protocols: Protocols, options: DoorOptions) {
    this.options = options;
    const { limits, tls } = options;
    this.http2 = createHttp2Server({
      settings: {
        maxConcurrentStreams: limits.maxStreamsPerConnection,
        maxHeaderListSize: limits.maxHeaderBytes,
        initialWindowSize: 1024 * 1024,
      },
      // Streams within the promised number may each have their headers in memory, and little more: requests are small.
      maxSessionMemory: 64,
    });
    this.http2.on('session', (session) => this.watchSession(session));
    this.http2.on('sessionError', () => {}); // a broken connection ends its calls; there is nobody to tell
    protocols.http2(this.http2);
    this.http1 = createHttp1Server(
      {
        maxHeaderSize: limits.maxHeaderBytes,
        headersTimeout: Math.min(limits.helloTimeoutMs, limits.requestTimeoutMs),
        requestTimeout: limits.requestTimeoutMs,
      },
      protocols.http1,
    );
    // Never listening itself, it would not look after its timeouts: those start with this event.
    this.http1.emit('listening');
    this.tls =
      tls === undefined
        ? null
        : new TlsDoor(tls.files, tls.isMutual, limits.helloTimeoutMs, {
            onClient: (socket, speech) => this.admit(socket, speech),
            onUntrusted: (socket, speech, reason) => {
              options.refusals.add(reason, clientName(socket));
              refuseConnection(socket, speech, NOT_TRUSTED, reason);
            },
            onFailure: (socket, reason) => options.refusals.add(reason, clientName(socket)),
          });
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.sockets.size;
  }

  /** Takes a new connection. */
  take(socket: Socket): void {
    const { limits, refusals } = this.options;
    socket.on('error', () => socket.destroy()); // a connection that breaks is the client's affair
    if (this.sockets.size >= limits.maxConnections + TOLD_CONNECTIONS) {
      refusals.add(this.tooMany, clientName(socket));
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    this.waiting.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      this.waiting.delete(socket);
    });
    sniff(socket, limits.helloTimeoutMs, (speech) => {
      this.waiting.delete(socket);
      if (speech !== 'tls') this.takePlaintext(socket, speech);
      else if (this.tls !== null) {
        clientAddress(socket); // remembered from now on
        this.tls.take(socket);
      } else {
        refusals.add('speaks TLS, and this address is plaintext', clientName(socket));
        this.admit(socket, 'http1'); // which answers that it does not understand
      }
    });
  }

  private takePlaintext(socket: Socket, speech: 'http2' | 'http1'): void {
    if (this.options.plaintext) {
      this.admit(socket, speech);
      return;
    }
    this.options.refusals.add('speaks plaintext, and this address is TLS only', clientName(socket));
    refuseConnection(socket, speech, NOT_TRUSTED, TLS_ONLY);
  }

  private get tooMany(): string {
    return `this address has the most connections that it takes, ${this.options.limits.maxConnections}`;
  }

  /** Hands a connection on: that of the client itself, or the inside of its TLS. */
  private admit(socket: Socket, speech: 'http2' | 'http1'): void {
    if (this.isClosing) {
      socket.destroy();
      return;
    }
    if (this.sockets.size > this.options.limits.maxConnections) {
      this.options.refusals.add(this.tooMany, clientName(socket));
      refuseConnection(socket, speech, TOO_MANY, this.tooMany);
      return;
    }
    (speech === 'http2' ? this.http2 : this.http1).emit('connection', socket);
  }

  private watchSession(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
    session.on('error', () => session.destroy());
  }

  /** Lets go of connections that wait for a request, and takes no further calls on the others (GOAWAY). */
  closeIdle(): void {
    this.isClosing = true;
    for (const socket of this.waiting) socket.destroy();
    this.http1.close(); // its idle connections, and its timer
    for (const session of this.sessions) session.close();
  }

  /** Cuts whatever is left. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
