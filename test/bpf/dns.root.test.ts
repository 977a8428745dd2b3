import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { constant, type DatapathEvent } from '../../bench/support/datapath-node.ts';
import {
  ethernet,
  ETHERTYPE,
  ipv4,
  ipv6Fragment,
  PROTO,
  tcp,
  TCP_FLAG,
  udp,
} from './support/build-packet.ts';
import { between, type Family } from './support/conversation.ts';
import { CAST, NEIGHBOUR_IFINDEX, nodeForFile, type Outcome } from './support/one-node.ts';

const MESSAGE = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const L7 = constant('EVENT_TYPE_L7');
const ASKED = constant('TRACE_FROM_ENDPOINT');
const ANSWERED = constant('TRACE_TO_ENDPOINT');
const node = nodeForFile();
const { pod, neighbour, world } = CAST;

const configure = (dnsBurst: number): void =>
  node.datapath.configure({ aggregation: constant('AGGREGATE_MEDIUM'), intervalS: 60, dnsBurst });
const told = ({ events }: Outcome): DatapathEvent[] => events.filter(({ type }) => type === L7);
const payload = ({ captured }: DatapathEvent, header: number): Uint8Array => captured.subarray(header);
let port = 40_000;

/** A question of the pod to the world's server, and the answer. */
const question = (family: Family, message = MESSAGE): Uint8Array =>
  between(family, pod[family], world[family], PROTO.udp, udp({ from: port, to: 53 }, message));
const answer = (family: Family, message = MESSAGE): Uint8Array =>
  between(family, world[family], pod[family], PROTO.udp, udp({ from: 53, to: port }, message));

beforeEach(() => {
  port++;
  configure(10_000);
});

describe('DNS messages', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const headers = family === 'ipv4' ? 42 : 62;

    it(`over UDP and ${family} are told whole, each of them, where the connection is told once`, () => {
      for (let i = 0; i < 3; i++) {
        const asked = node.run('from_container', question(family));
        assert.equal(asked.events.length, i === 0 ? 2 : 1);
        const [event] = told(asked);
        assert.equal(event.subType, ASKED);
        assert.deepEqual(event.source, { identity: pod.identity, endpointId: pod.endpointId });
        assert.deepEqual(event.destination, { identity: world.identity, endpointId: 0 });
        assert.deepEqual(payload(event, headers), MESSAGE);
        const answered = node.run('to_container', answer(family));
        assert.equal(answered.events.length, i === 0 ? 2 : 1);
        assert.equal(told(answered)[0].subType, ANSWERED);
        assert.deepEqual(told(answered)[0].source, { identity: world.identity, endpointId: 0 });
        assert.equal(told(answered)[0].destination.endpointId, pod.endpointId);
        assert.deepEqual(payload(told(answered)[0], headers), MESSAGE);
      }
    });
  }

  it('over TCP are told by the segments that carry any of them', () => {
    const segment = (flags: number, data?: Uint8Array): Uint8Array =>
      between('ipv4', pod.ipv4, world.ipv4, PROTO.tcp, tcp({ from: port, to: 53, flags }, data));
    assert.equal(told(node.run('from_container', segment(TCP_FLAG.syn))).length, 0);
    assert.equal(told(node.run('from_container', segment(TCP_FLAG.ack))).length, 0);
    const [event] = told(node.run('from_container', segment(TCP_FLAG.ack | TCP_FLAG.psh, MESSAGE)));
    assert.deepEqual(payload(event, 54), MESSAGE);
  });

  it('are told at the hook that delivers past the stack, too', () => {
    const fromServer = between(
      'ipv4',
      pod.ipv4,
      neighbour.ipv4,
      PROTO.udp,
      udp({ from: 53, to: port }, MESSAGE),
    );
    const [local] = told(node.run('from_container', fromServer));
    assert.equal(local.subType, ANSWERED);
    assert.equal(local.ifindex, NEIGHBOUR_IFINDEX);
    assert.equal(local.destination.endpointId, neighbour.endpointId);
    const fromWorld = between(
      'ipv4',
      world.ipv4,
      neighbour.ipv4,
      PROTO.udp,
      udp({ from: 53, to: port }, MESSAGE),
    );
    assert.deepEqual(
      told(node.run('from_netdev', fromWorld)).map(({ subType, source }) => [subType, source.identity]),
      [[ANSWERED, world.identity]],
    );
  });

  it('that stay for another hook, or are of nobody here, are not told', () => {
    // The pod is behind `lo` here, to which nothing is redirected: to_container follows.
    assert.equal(told(node.run('from_netdev', answer('ipv4'))).length, 0);
    assert.equal(told(node.run('to_netdev', question('ipv4'))).length, 0);
    const toServer = between('ipv4', world.ipv4, pod.ipv4, PROTO.udp, udp({ from: port, to: 53 }, MESSAGE));
    assert.equal(told(node.run('to_container', toServer)).length, 0);
  });

  it('are told of port 53 alone, and not of datagrams without any', () => {
    const other = between('ipv4', pod.ipv4, world.ipv4, PROTO.udp, udp({ from: port, to: 5353 }, MESSAGE));
    assert.equal(told(node.run('from_container', other)).length, 0);
    assert.equal(told(node.run('from_container', question('ipv4', new Uint8Array(0)))).length, 0);
    const padded = ethernet(
      ETHERTYPE.ipv4,
      Buffer.concat([
        ipv4(
          { protocol: PROTO.udp, source: pod.ipv4, destination: world.ipv4 },
          udp({ from: port, to: 53 }, new Uint8Array(0)),
        ),
        new Uint8Array(18),
      ]),
    );
    assert.equal(told(node.run('from_container', padded)).length, 0, "an Ethernet frame's padding");
  });

  it('longer than 1,280 bytes are captured to there', () => {
    const [event] = told(node.run('to_container', answer('ipv4', new Uint8Array(1400).fill(7))));
    assert.equal(event.captured.length, 42 + 1280);
    assert.equal(event.packetLength, 42 + 1400);
  });

  it('in fragments are told by the first', () => {
    const fragment = (
      header: { fragmentOffset?: number; moreFragments?: boolean },
      l4: Uint8Array,
    ): Uint8Array =>
      ethernet(
        ETHERTYPE.ipv4,
        ipv4({ protocol: PROTO.udp, source: world.ipv4, destination: pod.ipv4, id: port, ...header }, l4),
      );
    const first = fragment({ moreFragments: true }, udp({ from: 53, to: port, length: 2000 }, MESSAGE));
    assert.equal(told(node.run('to_container', first)).length, 1);
    assert.equal(told(node.run('to_container', fragment({ fragmentOffset: 6 }, MESSAGE))).length, 0);
    const later = ipv6Fragment({ next: PROTO.udp, offset: 6, id: port }, MESSAGE);
    const whole = between('ipv6', world.ipv6, pod.ipv6, PROTO.fragment, later);
    assert.equal(told(node.run('to_container', whole)).length, 0);
  });

  it('are not told when reading them is off, or all events are', () => {
    configure(0);
    assert.equal(told(node.run('from_container', question('ipv4'))).length, 0);
    node.datapath.configure({ dnsBurst: 1000, flags: constant('SETTING_EVENTS_OFF') });
    assert.equal(node.run('from_container', question('ipv4')).events.length, 0);
  });
});

describe('a flood of DNS messages', () => {
  it('is told up to the bound of its endpoint, the rest counted, and leaves others theirs', () => {
    const FLOOD = 3000;
    configure(40);
    const before = node.datapath.counter('COUNTER_DNS_LIMITED');
    let ofFlooder = 0;
    const startMs = performance.now();
    for (let i = 0; i < FLOOD; i++) ofFlooder += told(node.run('from_container', question('ipv4'))).length;
    const windows = Math.ceil((performance.now() - startMs) / (2 ** 26 / 1e6)) + 1;
    assert.ok(ofFlooder >= 10 && ofFlooder <= 10 * windows, `${ofFlooder} told in ${windows} windows`);
    assert.equal(node.datapath.counter('COUNTER_DNS_LIMITED') - before, FLOOD - ofFlooder);
    const toNeighbour = between(
      'ipv4',
      pod.ipv4,
      neighbour.ipv4,
      PROTO.udp,
      udp({ from: 53, to: port }, MESSAGE),
    );
    assert.equal(told(node.run('from_container', toNeighbour)).length, 1);
  });
});
