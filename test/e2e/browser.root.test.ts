import { create } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EntryType } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { FlowRing, LossLedger } from '../../history/index.ts';
import { serveAgent } from '../../agent/serve/agent-server.ts';
import { FilterFailures } from '../../agent/serve/filter-failures.ts';
import { EventLog } from '../../agent/serve/event-log.ts';
import { NamespaceLog } from '../../agent/serve/namespace-log.ts';
import { PeerLog } from '../../agent/serve/peer-log.ts';
import { NodeReportSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { formatAddress, parseAddress, type RpcServer } from '../../rpc/index.ts';
import { VERSION } from '../../rpc/version.ts';
import { batchOf, flowFrame } from '../relay/support/flow-bytes.ts';
import { type RunningRelay, startRelay } from '../relay/support/run-relay.ts';
import { Scratch } from '../relay/support/scratch.ts';
import { createTestAuthority, type TestAuthority } from '../support/make-certificates.ts';
import { bundlePageClient } from './support/bundle-page-client.ts';
import { noBrowser, startBrowser } from './support/browser.ts';
import type { PageClient, PageEnd, PageProtocol } from './support/page-client.ts';

type PageGlobals = typeof globalThis & { readonly pageClient: PageClient };

/** An agent's server and a relay above it, each with plaintext and TLS on one port, and Chromium, which calls both. */
describe('a page in Chromium', { skip: noBrowser, timeout: 60_000 }, () => {
  const scratch = new Scratch();
  const ring = new FlowRing({ capacity: 65_536, maxBytes: 16 * 1024 * 1024 });
  let authority: TestAuthority;
  let agent: RpcServer;
  let relay: RunningRelay;
  let elsewhere: Server;
  let elsewhereOrigin: string;
  let browser: Browser;
  let context: BrowserContext;
  let script: string;
  const ports = { agent: 0, relay: 0 };
  let flowsSent = 0;

  const sendFlow = (): void => {
    ring.append(batchOf([flowFrame('east/n1', BigInt(Date.now()) * 1_000_000n, `flow ${++flowsSent}`)]));
  };

  before(async () => {
    authority = await createTestAuthority();
    const tls = await authority.issue('server', 'server');
    elsewhere = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>elsewhere</title>');
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    elsewhereOrigin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    const socket = scratch.socket('agent');
    agent = await serveAgent(
      {
        nodeName: 'east/n1',
        version: VERSION,
        startedMs: Date.now(),
        ring,
        ledger: new LossLedger(),
        agentEvents: new EventLog(10),
        debugEvents: new EventLog(10),
        namespaces: new NamespaceLog(),
        peers: new PeerLog('east', null, false),
        report: () => create(NodeReportSchema, { nodeName: 'east/n1', component: 'agent' }),
        filterFailures: new FilterFailures(() => {}),
      },
      {
        listen: [parseAddress('127.0.0.1:0'), parseAddress(socket)],
        insecure: true,
        tls,
        allowedOrigins: [elsewhereOrigin],
      },
    );
    scratch.keep({ stop: () => agent.close(0) });
    relay = await startRelay('127.0.0.1:0', [socket], {
      insecure: true,
      tls,
      allowedOrigins: [elsewhereOrigin],
      // A second call finds no place until the one before has really ended.
      maxStreams: 1,
    });
    scratch.keep(relay);
    const bound = agent.addresses.find(({ kind }) => kind === 'tcp')!;
    ports.agent = Number(/\d+$/.exec(formatAddress(bound))![0]);
    ports.relay = Number(/listen=127\.0\.0\.1:(\d+)/.exec(relay.logs.join('\n'))![1]);
    sendFlow();
    [browser, script] = await Promise.all([startBrowser(), bundlePageClient()]);
    context = await browser.newContext({ ignoreHTTPSErrors: true });
  });
  after(async () => {
    await browser?.close();
    elsewhere?.close();
    await scratch.clear();
    authority?.remove();
  });

  /** Opens what a server says to a browser, and brings the client into it: the page is of the server's own origin. */
  const open = async (url: string): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(url);
    await page.addScriptTag({ content: script });
    return page;
  };

  const follow = (page: Page, protocol: PageProtocol, base: string, flows: number) =>
    page.evaluate(
      ([protocol, base, flows]) => (globalThis as PageGlobals).pageClient.follow(protocol, base, flows),
      [protocol, base, flows] as const,
    );

  const whenThereIsRoom = async <T extends { readonly end: PageEnd }>(call: () => Promise<T>): Promise<T> => {
    for (;;) {
      const result = await call();
      if (result.end.code !== 'ResourceExhausted') return result;
    }
  };

  for (const server of ['agent', 'relay'] as const) {
    for (const [scheme, transport] of [
      ['http', 'http/1.1'],
      ['https', 'h2'],
    ] as const) {
      describe(`over ${transport} at ${server === 'agent' ? 'an agent' : 'a relay'}`, () => {
        let page: Page;
        let base: string;
        before(async () => {
          base = `${scheme}://127.0.0.1:${ports[server]}`;
          page = await open(`${base}/no-such-page`);
        });
        after(() => page?.close());

        it(`speaks ${transport}`, async () => {
          const spoken = await page.evaluate(() => {
            const [navigation] = performance.getEntriesByType('navigation' as EntryType);
            return (navigation as unknown as { nextHopProtocol: string }).nextHopProtocol;
          });
          assert.equal(spoken, transport);
        });

        for (const protocol of ['grpc-web', 'connect'] as const) {
          it(`asks for the status by ${protocol}`, async () => {
            const version = await page.evaluate(
              ([protocol, base]) => (globalThis as PageGlobals).pageClient.version(protocol, base),
              [protocol, base] as const,
            );
            assert.equal(version, `${server === 'agent' ? 'sluice' : 'sluice-relay'} v${VERSION}`);
          });

          it(`follows flows by ${protocol} while they come, and cancels`, async () => {
            const timer = setInterval(sendFlow, 20);
            try {
              // The server hears of a cancel: where there is room for one call only, the next one gets it.
              const { summaries, end } = await whenThereIsRoom(() => follow(page, protocol, base, 5));
              assert.equal(end.code, 'Canceled', `${end.message} after ${summaries.join()}`);
              const first = Number(/\d+$/.exec(summaries[0])![0]);
              assert.deepEqual(
                summaries,
                Array.from({ length: 5 }, (_, i) => `flow ${first + i}`),
              );
              const again = await whenThereIsRoom(() => follow(page, protocol, base, 1));
              assert.equal(again.end.code, 'Canceled', again.end.message);
              assert.equal(again.summaries.length, 1);
            } finally {
              clearInterval(timer);
            }
          });

          it(`is told by ${protocol} what is wrong with a request`, async () => {
            const { end } = await whenThereIsRoom(async () => ({
              end: await page.evaluate(
                ([protocol, base]) => (globalThis as PageGlobals).pageClient.fail(protocol, base),
                [protocol, base] as const,
              ),
            }));
            assert.equal(end.code, 'InvalidArgument');
            assert.match(end.message, /\(/, 'the message names the pattern');
          });
        }

        it('finds grpc-status in the trailers that end a body of gRPC-web', async () => {
          const answer = await page.evaluate(async (base) => {
            const response = await fetch(`${base}/observer.Observer/GetNoSuchThing`, {
              method: 'POST',
              headers: { 'content-type': 'application/grpc-web+proto' },
              body: new Uint8Array(5),
            });
            return { status: response.status, code: response.headers.get('grpc-status') };
          }, base);
          assert.deepEqual(answer, { status: 200, code: '12' });
          const trailers = await page.evaluate(async (base) => {
            const response = await fetch(`${base}/observer.Observer/ServerStatus`, {
              method: 'POST',
              headers: { 'content-type': 'application/grpc-web+proto' },
              body: new Uint8Array(5),
            });
            const body = new Uint8Array(await response.arrayBuffer());
            const view = new DataView(body.buffer);
            const start = 5 + view.getUint32(1);
            return { flag: body[start], text: new TextDecoder().decode(body.subarray(start + 5)) };
          }, base);
          assert.equal(trailers.flag, 0x80);
          assert.match(trailers.text, /grpc-status: ?0\r\n/);
        });
      });
    }

    it(`of an allowed origin calls ${server === 'agent' ? 'an agent' : 'a relay'}, one of another may not`, async () => {
      const base = `http://127.0.0.1:${ports[server]}`;
      const ask = (page: Page): Promise<string> =>
        page.evaluate(
          (base) =>
            (globalThis as PageGlobals).pageClient.version('grpc-web', base).then(
              () => 'answered',
              (error: Error) => error.message,
            ),
          base,
        );
      const allowed = await open(elsewhereOrigin);
      assert.equal(await ask(allowed), 'answered');
      await allowed.close();
      const stranger = await open(elsewhereOrigin.replace('127.0.0.1', 'localhost'));
      assert.match(await ask(stranger), /Failed to fetch/);
      await stranger.close();
    });
  }
});
