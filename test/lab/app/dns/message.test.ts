import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { frame } from '../../../../lab/app/dns/dns-server.ts';
import { formatAnswer, parseQuery } from '../../../../lab/app/dns/message.ts';
import { answerFrom } from '../../../../lab/app/dns/zone.ts';

const records: Readonly<Record<string, readonly string[]>> = {
  'search.travel.svc.cluster.local': ['10.1.1.12', 'fd00:10:1:1::c'],
  'large.example.com': ['x'.repeat(3000)],
};

/** A server of our messages on loopback, over UDP and TCP at one port, and Node's own resolver to ask it. */
async function startServer(
  t: TestContext,
): Promise<{ resolver: dns.Resolver; seen: { udp: number; tcp: number } }> {
  const seen = { udp: 0, tcp: 0 };
  const answer = (message: Uint8Array, max?: number): Uint8Array => {
    const query = parseQuery(message)!;
    return formatAnswer(query, answerFrom(query, records[query.name]), max ?? query.maxUdpBytes);
  };
  const tcp = createServer((connection) => {
    connection.on('data', (chunk) => {
      seen.tcp++;
      connection.write(frame(answer(chunk.subarray(2), 65_535)));
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const udp = createSocket('udp4');
  udp.on('message', (message, peer) => {
    seen.udp++;
    udp.send(answer(message), peer.port, peer.address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  t.after(() => {
    udp.close();
    tcp.close();
  });
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { resolver, seen };
}

describe('DNS messages', () => {
  it("are understood by Node's resolver: addresses of both families, and names that are not there", async (t) => {
    const { resolver } = await startServer(t);
    assert.deepEqual(await resolver.resolve4('search.travel.svc.cluster.local'), ['10.1.1.12']);
    assert.deepEqual(await resolver.resolve6('search.travel.svc.cluster.local'), ['fd00:10:1:1::c']);
    await assert.rejects(resolver.resolve4('fare.travel.svc.cluster.local'), { code: 'ENOTFOUND' });
    await assert.rejects(resolver.resolve4('large.example.com'), { code: 'ENODATA' });
  });

  it('send a client over to TCP when they are too large for a datagram', async (t) => {
    const { resolver, seen } = await startServer(t);
    assert.equal((await resolver.resolveTxt('large.example.com')).flat().join('').length, 3000);
    assert.deepEqual(seen, { udp: 1, tcp: 1 });
  });

  it('are refused when they are cut off or no query, and never read beyond their end', () => {
    const name = Buffer.from('search');
    const query = Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, ...name, 0, 0, 1, 0, 1]);
    assert.equal(parseQuery(query)?.name, 'search');
    for (let length = 0; length < query.length; length++)
      assert.equal(parseQuery(query.subarray(0, length)), null);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const parsed = parseQuery(bytes);
        if (parsed !== null) assert.ok(parsed.question.length <= bytes.length);
      }),
    );
  });
});
