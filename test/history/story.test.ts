import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FlowRing, LossLedger, parseFlowsRequest, readFlows } from '../../history/index.ts';
import type { FlowBatch } from '../../proto/flow/flow-batch.ts';
import { FRAME_PREFIX_BYTES, frameMessage, FrameSplitter } from '../../proto/flow/frame.ts';
import { withTimes } from '../../proto/flow/peek-flow.ts';
import { GetFlowsRequestSchema, GetFlowsResponseSchema } from '../../proto/gen/observer/observer_pb.ts';
import { LossCause } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import { parseAddress, RpcCode, RpcConnection } from '../../rpc/index.ts';
import { startRpcServer, until } from '../support/rpc-test-server.ts';

const GET_FLOWS = '/observer.Observer/GetFlows';
const file = (name: string): string => join(import.meta.dirname, '../testdata/tls', name);

/** A text that only this flow has, repeated: bytes of another flow in it would show. */
const textOf = (number: number): string => `${number},`.repeat(40);

function numbered(from: number, count: number): FlowBatch {
  const frames = Array.from({ length: count }, (_, i) =>
    frameMessage(
      toBinary(
        GetFlowsResponseSchema,
        create(GetFlowsResponseSchema, {
          responseTypes: { case: 'flow', value: { uuid: String(from + i), Summary: textOf(from + i) } },
          time: { seconds: BigInt(from + i), nanos: 0 },
        }),
      ),
    ),
  );
  return withTimes(new FrameSplitter().push(Buffer.concat(frames))!);
}

/** From append over ring, reader, writer and network to a slow client, while the ring is overwritten many times over. */
describe('a flow, from history to a slow client', () => {
  for (const [where, useTls] of [
    ['a Unix socket', false],
    ['TCP with TLS', true],
  ] as const) {
    it(`comes whole and in order over ${where}, or is counted as lost`, async () => {
      const ring = new FlowRing({ capacity: 1500, maxBytes: 2 << 20 });
      const ledger = new LossLedger();
      let readers = 0;
      const server = await startRpcServer({
        ...(useTls && { tls: { certFile: file('server.crt'), keyFile: file('server.key') } }),
        rawStreams: new Map([
          [
            GET_FLOWS,
            async (call) => {
              const { selection } = parseFlowsRequest(call.request);
              readers++;
              await readFlows(ring, selection, call, { nodeName: 'n', ledger }).finally(() => readers--);
            },
          ],
        ]),
      });
      const address = useTls ? `tls://127.0.0.1:${server.port}` : server.unix;
      const connection = new RpcConnection(parseAddress(address), {
        windowBytes: 64 * 1024,
        ...(useTls && { tls: { caFiles: [file('ca.crt')] } }),
      });
      const abort = new AbortController();
      let delivered = 0;
      let lost = 0;
      let last = -1;
      const request = toBinary(GetFlowsRequestSchema, create(GetFlowsRequestSchema, { follow: true }));
      const reading = connection.stream(GET_FLOWS, request, { signal: abort.signal }, async (run) => {
        for (let i = 0; i < run.count; i++) {
          const bytes = run.bytes.subarray(run.offsets[i] + FRAME_PREFIX_BYTES, run.offsets[i + 1]);
          const { case: kind, value } = fromBinary(GetFlowsResponseSchema, bytes).responseTypes;
          if (kind === 'lostEvents') {
            lost += Number(value.numEventsLost);
          } else {
            assert.ok(kind === 'flow');
            const number = Number(value.uuid);
            assert.ok(number > last, `${number} after ${last}`);
            assert.equal(value.Summary, textOf(number));
            last = number;
            delivered++;
          }
        }
        if (delivered % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      });
      await until(() => readers === 1);
      const total = 30_000;
      for (let from = 0; from < total; from += 200) {
        ring.append(numbered(from, 200));
        // Now and then the client's side has its turn, and the segments' memory goes round.
        if (from % 600 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => delivered + lost === total);
      abort.abort();
      await assert.rejects(reading, { code: RpcCode.Cancelled });
      await until(() => readers === 0);
      assert.equal(
        ledger.total(LossCause.SUBSCRIBER_SLOW) + ledger.total(LossCause.HISTORY_OVERWRITTEN),
        lost,
      );
      assert.ok(lost > 0 && delivered > 0, `${delivered} delivered, ${lost} lost`);
      connection.close();
      await server.close();
    });
  }
});
