import { formatIp } from '../../cluster/address.ts';
import { DnsEncoder } from '../../proto/flow/encode-dns.ts';
import {
  type FlowRecord,
  L4_TCP,
  L4_UDP,
  REPLY_NO,
  REPLY_YES,
  TCP_FLAGS_UNTOLD,
} from '../../proto/flow/flow-record.ts';
import { TrafficDirection, Verdict } from '../../proto/gen/flow/flow_pb.ts';
import {
  EVENT_TYPE_L7,
  FLOW_EVENT_BYTES,
  flowEventLayout as layout,
  TRACE_FROM_ENDPOINT,
} from '../decode/event-layout.ts';
import type { DnsNames } from '../enrich/dns-names.ts';
import type { DnsCounters } from './dns-counters.ts';
import { MessageStreams } from './message-streams.ts';
import { OpenQuestions } from './open-questions.ts';
import { type DnsMessage, parseDnsMessage } from './parse-message.ts';
import { findPayload } from './payload.ts';

const MAX_OPEN_QUESTIONS = 16_384;
const MAX_TCP_STREAMS = 1024;
/** Address, port, endpoint, transport, message id or direction. */
const KEY_BYTES = 16 + 2 + 2 + 1 + 2;

const NOTHING = new Uint8Array(0);

/**
 * Reads the DNS messages that the datapath tells of: makes a flow of each, finds the question to each answer, and notes what the answer calls its addresses. It does so for
 * whoever asked: a question counts where it leaves an endpoint of this node, an answer where it is delivered to one, so that two pods of one node make one flow of each.
 */
export class DnsReader {
  private readonly record: FlowRecord;
  private readonly names: DnsNames;
  private readonly onFlow: () => void;
  private readonly encoder = new DnsEncoder();
  private readonly questions = new OpenQuestions(MAX_OPEN_QUESTIONS);
  private readonly streams: MessageStreams;
  private readonly key = Buffer.alloc(KEY_BYTES);
  private keyBytes = 0;
  /** Of the event under way. */
  private isQuestion = false;
  private endpointId = 0;
  private ktimeNs = 0;
  private readonly counted = {
    dnsFlows: 0,
    dnsMalformed: 0,
    dnsCut: 0,
    dnsOther: 0,
    dnsMisplaced: 0,
    dnsUnmatched: 0,
  };

  /**
   * @param record what the event's packet was decoded into; each flow is made in it
   * @param onFlow takes the flow out of the record, before it returns
   */
  constructor(record: FlowRecord, names: DnsNames, onFlow: () => void) {
    this.record = record;
    this.names = names;
    this.onFlow = onFlow;
    this.streams = new MessageStreams(MAX_TCP_STREAMS, this.onMessage);
  }

  get counters(): DnsCounters {
    return {
      ...this.counted,
      dnsUnanswered: this.questions.unanswered,
      dnsQuestionsEvicted: this.questions.evicted,
      dnsTcpGaps: this.streams.gaps,
      dnsNamesEvicted: this.names.evicted,
    };
  }

  /** Reads the event `u8[offset, …)`, which the record was decoded from. */
  read(u8: Uint8Array, u32: Uint32Array, offset: number): void {
    const { record } = this;
    const word = offset >> 2;
    const captureStart = offset + FLOW_EVENT_BYTES;
    const payload =
      record.l4 !== L4_TCP && record.l4 !== L4_UDP
        ? null
        : findPayload(u8, captureStart, captureStart + (u32[word + 3] & 0xffff), {
            l3Offset: u32[word + 5] & 0xffff,
            l4Offset: u32[word + 5] >>> 16,
            isIpv6: record.ipVersion === 2,
            isTcp: record.l4 === L4_TCP,
            packetBytes: u32[word + 2],
          });
    if (payload === null) {
      this.counted.dnsMalformed++;
      return;
    }
    this.isQuestion = u8[offset + layout.sub_type] === TRACE_FROM_ENDPOINT;
    this.endpointId = this.isQuestion ? u32[word + 9] & 0xffff : u32[word + 9] >>> 16;
    this.ktimeNs = u32[word + 1] * 4_294_967_296 + u32[word];
    this.describe();
    this.startKey();
    const { start, end, sentBytes, sequence } = payload;
    if (record.l4 === L4_TCP) {
      const key = this.key.toString('latin1', 0, this.keyBytes) + (this.isQuestion ? '?' : '!');
      this.streams.take(key, sequence, u8, start, end, sentBytes);
    } else {
      this.onMessage(u8, start, end, sentBytes);
    }
    record.layer7 = NOTHING;
  }

  /** What all flows of the event have in common. The direction is that of the connection, as whoever asked sees it. */
  private describe(): void {
    const { record } = this;
    record.eventType = EVENT_TYPE_L7;
    record.eventSubType = 0;
    record.verdict = Verdict.FORWARDED;
    record.isReply = this.isQuestion ? REPLY_NO : REPLY_YES;
    record.trafficDirection = TrafficDirection.EGRESS;
    record.observationPoint = 0;
    record.ethernetOffset = -1;
    if (record.l4 === L4_TCP) record.tcpFlags = TCP_FLAGS_UNTOLD;
    record.networkInterface = NOTHING;
  }

  /** Who asks whom, by which port: the same for a question and its answer. */
  private startKey(): void {
    const { key, record } = this;
    const bytes = record.ipVersion === 2 ? 16 : 4;
    const server = record.addressOffset + (this.isQuestion ? bytes : 0);
    key.set(record.packet.subarray(server, server + bytes), 0);
    key.writeUInt16LE(this.isQuestion ? record.sourcePort : record.destinationPort, bytes);
    key.writeUInt16LE(this.endpointId, bytes + 2);
    key[bytes + 4] = record.l4;
    this.keyBytes = bytes + 5;
  }

  private readonly onMessage = (bytes: Uint8Array, start: number, end: number, sentBytes: number): void => {
    const message = parseDnsMessage(bytes, start, end, sentBytes);
    if (message.kind !== 'message') {
      if (message.kind === 'malformed') this.counted.dnsMalformed++;
      else if (message.kind === 'cut') this.counted.dnsCut++;
      else this.counted.dnsOther++;
      return;
    }
    // An answer that leaves an endpoint, or a question delivered to one, is told where the other end is.
    if (message.isResponse === this.isQuestion) {
      this.counted.dnsMisplaced++;
      return;
    }
    if (!message.isWhole) this.counted.dnsCut++;
    const latencyNs = this.match(message);
    const dns = { ...message, ips: message.addresses.map(formatIp), latencyNs: Math.max(0, latencyNs) };
    this.record.layer7 = this.encoder.layer7(dns);
    this.record.summary = this.encoder.summary(dns);
    this.counted.dnsFlows++;
    this.onFlow();
    // From here on: the flow of the answer itself goes without.
    if (latencyNs >= 0 && message.isResponse) this.learn(message);
  };

  /** Nanoseconds from the question to this answer; -1 for an answer nobody is known to have asked for. */
  private match(message: DnsMessage): number {
    const { key, keyBytes } = this;
    key.writeUInt16LE(message.id, keyBytes);
    const name = key.toString('latin1', 0, keyBytes + 2);
    if (!message.isResponse) {
      this.questions.ask(name, message.query, this.ktimeNs);
      return 0;
    }
    const latencyNs = this.questions.answer(name, message.query, this.ktimeNs);
    if (latencyNs < 0) this.counted.dnsUnmatched++;
    return latencyNs;
  }

  /** Only from answers that were asked for: nobody else may put names to addresses. */
  private learn({ query, named, rcode }: DnsMessage): void {
    if (rcode !== 0 || query === '.') return;
    const name = query.slice(0, -1);
    for (const { address, ttlSeconds } of named) {
      this.names.learn(this.endpointId, address, name, this.ktimeNs / 1e9, ttlSeconds);
    }
  }
}
