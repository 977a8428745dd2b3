import { message, name, record } from '../../test/agent/dns/support/build-message.ts';
import { PROTO, udp } from '../../test/bpf/support/build-packet.ts';
import { between } from '../../test/bpf/support/conversation.ts';
import { buildEvent, eventConstant } from '../../test/support/build-event.ts';
import { RingMemory } from '../../test/support/ring-memory.ts';

const PODS = 64;
const SERVER = '10.1.0.200';

/** The i-th event of pods that ask for hosts in turn and get an alias and two addresses each. */
function dnsEvent(i: number): Uint8Array {
  const isQuestion = i % 2 === 0;
  const turn = i >> 1;
  const pod = turn % PODS;
  const host = name(`host-${turn % 1000}.shop.example.com`);
  const bytes = isQuestion
    ? message({ id: turn & 0xffff, flags: 0x0100, names: [host] })
    : message({
        id: turn & 0xffff,
        names: [host],
        answers: [
          record({ type: 5, data: name('edge.example.net') }),
          ...[1, 2].map((last) =>
            record({
              owner: name('edge.example.net'),
              type: 1,
              data: Uint8Array.of(203, 0, turn & 255, last),
            }),
          ),
        ],
      });
  const address = `10.1.0.${pod + 1}`;
  const port = 32_768 + (turn % 20_000);
  const packet = isQuestion
    ? between('ipv4', address, SERVER, PROTO.udp, udp({ from: port, to: 53 }, bytes))
    : between('ipv4', SERVER, address, PROTO.udp, udp({ from: 53, to: port }, bytes));
  return buildEvent(
    {
      ktime_ns: 1000 + 10 * i,
      type: eventConstant('EVENT_TYPE_L7'),
      sub_type: eventConstant(isQuestion ? 'TRACE_FROM_ENDPOINT' : 'TRACE_TO_ENDPOINT'),
      l4_proto: PROTO.udp,
      l3_offset: 14,
      l4_offset: 34,
      [isQuestion ? 'src_endpoint_id' : 'dst_endpoint_id']: pod + 1,
    },
    packet,
  );
}

/** A ring in plain memory, full of DNS questions and answers, that can be made readable again and again. */
export function dnsRing(dataBytes: number): {
  memory: ArrayBuffer;
  dataBytes: number;
  events: number;
  refill(): void;
} {
  const ring = new RingMemory(dataBytes);
  let used = 0;
  let events = 0;
  for (;;) {
    const event = dnsEvent(events);
    const size = (12 + event.length + 7) & ~7;
    if (used + size > dataBytes) break;
    ring.write(event);
    used += size;
    events++;
  }
  if (used < dataBytes) {
    // A record of a kind that readers pass over, so that the ring's content repeats with its size.
    const filler = Buffer.alloc(dataBytes - used);
    filler.writeUInt16LE(filler.length, 6);
    ring.writeRaw(filler);
  }
  const positions = new BigUint64Array(ring.memory, 1024, 2);
  return {
    memory: ring.memory,
    dataBytes,
    events,
    refill: () => {
      positions[0] += BigInt(dataBytes);
    },
  };
}
