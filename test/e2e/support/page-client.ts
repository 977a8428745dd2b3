/** What runs inside a page: connect's own client for browsers, which we did not write. Bundled by `bundlePageClient`. */
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { Observer } from '../../../proto/gen/observer/observer_pb.ts';

export type PageProtocol = 'grpc-web' | 'connect';

/** How a call ended, in the words of the protocol. */
export interface PageEnd {
  readonly code: string;
  readonly message: string;
}

/** Calls that a test makes from within a page, as `globalThis.pageClient`. */
export interface PageClient {
  /** The version that ServerStatus tells. */
  version(protocol: PageProtocol, base: string): Promise<string>;
  /** Follows until so many flows have come, then cancels: their summaries, and how the call ended. */
  follow(
    protocol: PageProtocol,
    base: string,
    flows: number,
  ): Promise<{ readonly summaries: readonly string[]; readonly end: PageEnd }>;
  /** How a call ends whose filter cannot be compiled. */
  fail(protocol: PageProtocol, base: string): Promise<PageEnd>;
}

function clientOf(protocol: PageProtocol, baseUrl: string): Client<typeof Observer> {
  const create = protocol === 'connect' ? createConnectTransport : createGrpcWebTransport;
  // Flows go out as the bytes they are kept as: there is no JSON of them on the wire.
  return createClient(Observer, create({ baseUrl, useBinaryFormat: true }));
}

function endOf(error: unknown): PageEnd {
  const { code, rawMessage } = ConnectError.from(error);
  return { code: Code[code], message: rawMessage };
}

const pageClient: PageClient = {
  version: async (protocol, base) => (await clientOf(protocol, base).serverStatus({})).version,
  follow: async (protocol, base, flows) => {
    const abort = new AbortController();
    const summaries: string[] = [];
    try {
      const request = { follow: true, number: 1n };
      for await (const { responseTypes } of clientOf(protocol, base).getFlows(request, {
        signal: abort.signal,
      })) {
        if (responseTypes.case === 'flow') summaries.push(responseTypes.value.Summary);
        if (summaries.length === flows) abort.abort();
      }
      return { summaries, end: { code: 'none', message: '' } };
    } catch (error) {
      return { summaries, end: endOf(error) };
    }
  },
  fail: async (protocol, base) => {
    try {
      for await (const _ of clientOf(protocol, base).getFlows({ whitelist: [{ dnsQuery: ['('] }] }));
      return { code: 'none', message: '' };
    } catch (error) {
      return endOf(error);
    }
  },
};
Object.assign(globalThis, { pageClient });
