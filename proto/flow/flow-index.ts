import { createFlowPeek, ENVELOPE_FLOW, peekFlow } from './peek-flow.ts';
import { WIRE_BYTES, WIRE_VARINT, WireCursor, WireError } from './wire.ts';

/** Where a field's bytes stand, or nothing: `start` < 0. */
const ABSENT = -1;

/** The `Flow` fields of which the index keeps the place. Repeated ones are walked on demand. */
const KEPT_FIELDS = 42;

const utf8 = new TextDecoder();

/** One end of a flow, read lazily out of the encoded Endpoint. */
export interface EndpointView {
  readonly present: boolean;
  readonly id: number;
  readonly identity: number;
  readonly namespace: string;
  readonly podName: string;
  readonly clusterName: string;
  readonly labels: readonly string[];
  readonly workloads: readonly { readonly name: string; readonly kind: string }[];
}

/**
 * Reads single fields of an encoded GetFlowsResponse without decoding the rest: `reset` notes where each field of the flow stands, accessors
 * read on demand. Reused for every message; views are valid until the next `reset`. Follows protobuf's rules: the last scalar wins, pieces of
 * one message field are merged (by decoding them in order), unknown fields are passed over.
 */
export class FlowIndex {
  private readonly cursor = new WireCursor();
  private readonly inner = new WireCursor();
  private readonly peek = createFlowPeek();
  /** Start and end of each kept field's value; for varints the start of the varint. */
  private readonly starts = new Int32Array(KEPT_FIELDS);
  private readonly ends = new Int32Array(KEPT_FIELDS);
  /** Number of pieces in which each kept field came. */
  private readonly pieces = new Uint8Array(KEPT_FIELDS);
  private bytes: Uint8Array = new Uint8Array(0);
  private flowStart = 0;
  private flowEnd = 0;

  /** Points at a message. Throws WireError when its bytes do not parse. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    peekFlow(bytes, start, end, this.peek);
    this.bytes = bytes;
    this.pieces.fill(0);
    this.flowStart = 0;
    this.flowEnd = 0;
    if (this.peek.kind !== ENVELOPE_FLOW) return;
    this.flowStart = this.peek.memberStart;
    this.flowEnd = this.peek.memberEnd;
    this.scanFlow();
  }

  private scanFlow(): void {
    const cursor = this.cursor;
    cursor.reset(this.bytes, this.flowStart, this.flowEnd);
    while (cursor.pos < cursor.end) {
      const tag = cursor.tag();
      const field = tag >>> 3;
      if (field >= KEPT_FIELDS) {
        cursor.skip(tag);
        continue;
      }
      if ((tag & 7) === WIRE_BYTES) {
        const length = cursor.length();
        this.keep(field, cursor.pos, cursor.pos + length);
        cursor.pos += length;
      } else if ((tag & 7) === WIRE_VARINT) {
        const start = cursor.pos;
        cursor.varint();
        this.keep(field, start, cursor.pos);
      } else {
        cursor.skip(tag);
      }
    }
  }

  private keep(field: number, start: number, end: number): void {
    this.starts[field] = start;
    this.ends[field] = end;
    if (this.pieces[field] < 255) this.pieces[field]++;
  }

  /** ENVELOPE_* of the message. */
  get kind(): number {
    return this.peek.kind;
  }

  /** The envelope: time and where the node name stands. */
  get envelope(): Readonly<ReturnType<typeof createFlowPeek>> {
    return this.peek;
  }

  /** The encoded flow, or null when the message is not one. */
  get flowBytes(): Uint8Array | null {
    return this.peek.kind === ENVELOPE_FLOW ? this.bytes.subarray(this.flowStart, this.flowEnd) : null;
  }

  private has(field: number): boolean {
    return this.pieces[field] > 0;
  }

  private int32(field: number): number {
    if (!this.has(field)) return 0;
    this.inner.reset(this.bytes, this.starts[field], this.ends[field]);
    return this.inner.int32();
  }

  private text(field: number): string {
    return this.has(field) ? decodeText(this.bytes, this.starts[field], this.ends[field]) : '';
  }

  /** Calls `visit` with each piece of a message field, in order: reading the pieces one after the other is what merging means for scalars. */
  private forEachPiece(field: number, visit: (start: number, end: number) => void): void {
    if (this.pieces[field] <= 1) {
      if (this.has(field)) visit(this.starts[field], this.ends[field]);
      return;
    }
    const cursor = new WireCursor();
    cursor.reset(this.bytes, this.flowStart, this.flowEnd);
    while (cursor.pos < cursor.end) {
      const tag = cursor.tag();
      if (tag !== ((field << 3) | WIRE_BYTES)) {
        cursor.skip(tag);
        continue;
      }
      const length = cursor.length();
      visit(cursor.pos, cursor.pos + length);
      cursor.pos += length;
    }
  }

  /** A varint inside a message field of the flow, 0 when absent. */
  private nestedInt32(field: number, member: number): number {
    let value = 0;
    const inner = this.inner;
    this.forEachPiece(field, (start, end) => {
      inner.reset(this.bytes, start, end);
      while (inner.pos < end) {
        const tag = inner.tag();
        if (tag === ((member << 3) | WIRE_VARINT)) value = inner.int32();
        else inner.skip(tag);
      }
    });
    return value;
  }

  /** Text inside a message field of the flow, empty when absent. */
  private nestedText(field: number, member: number): string {
    let from = ABSENT;
    let to = ABSENT;
    const inner = this.inner;
    this.forEachPiece(field, (start, end) => {
      inner.reset(this.bytes, start, end);
      while (inner.pos < end) {
        const tag = inner.tag();
        if (tag !== ((member << 3) | WIRE_BYTES)) {
          inner.skip(tag);
          continue;
        }
        const length = inner.length();
        from = inner.pos;
        to = from + length;
        inner.pos = to;
      }
    });
    return from < 0 ? '' : decodeText(this.bytes, from, to);
  }

  get verdict(): number {
    return this.int32(2);
  }
  get hasIp(): boolean {
    return this.has(5);
  }
  get sourceIp(): string {
    return this.nestedText(5, 1);
  }
  get destinationIp(): string {
    return this.nestedText(5, 2);
  }
  get ipVersion(): number {
    return this.nestedInt32(5, 3);
  }
  get encrypted(): boolean {
    return this.nestedInt32(5, 4) !== 0;
  }
  get sourceIpXlated(): string {
    return this.nestedText(5, 5);
  }
  get flowType(): number {
    return this.int32(10);
  }
  get nodeName(): string {
    return this.text(11);
  }
  get trafficDirection(): number {
    return this.int32(22);
  }
  get dropReasonDesc(): number {
    return this.int32(25);
  }
  get uuid(): string {
    return this.text(34);
  }
  get hasEventType(): boolean {
    return this.has(19);
  }
  get eventType(): number {
    return this.nestedInt32(19, 1);
  }
  get eventSubType(): number {
    return this.nestedInt32(19, 2);
  }
  /** `is_reply` as a tri-state: undefined when absent. */
  get isReply(): boolean | undefined {
    return this.has(26) ? this.nestedInt32(26, 1) !== 0 : undefined;
  }
  get hasInterface(): boolean {
    return this.has(28);
  }
  get interfaceIndex(): number {
    return this.nestedInt32(28, 1) >>> 0;
  }
  get interfaceName(): string {
    return this.nestedText(28, 2);
  }
  get nodeLabels(): readonly string[] {
    return this.texts(37);
  }
  get sourceNames(): readonly string[] {
    return this.texts(13);
  }
  get destinationNames(): readonly string[] {
    return this.texts(14);
  }
  get sourceService(): { readonly name: string; readonly namespace: string } | null {
    return this.service(20);
  }
  get destinationService(): { readonly name: string; readonly namespace: string } | null {
    return this.service(21);
  }
  get source(): EndpointView {
    return this.endpoint(8);
  }
  get destination(): EndpointView {
    return this.endpoint(9);
  }
  get sourceIdentity(): number {
    return this.nestedInt32(8, 2) >>> 0;
  }
  get destinationIdentity(): number {
    return this.nestedInt32(9, 2) >>> 0;
  }
  get hasSource(): boolean {
    return this.has(8);
  }
  get hasDestination(): boolean {
    return this.has(9);
  }
  get sourceNamespace(): string {
    return this.nestedText(8, 3);
  }
  get destinationNamespace(): string {
    return this.nestedText(9, 3);
  }
  get sourcePodName(): string {
    return this.nestedText(8, 5);
  }
  get destinationPodName(): string {
    return this.nestedText(9, 5);
  }
  get sourceClusterName(): string {
    return this.nestedText(8, 7);
  }
  get destinationClusterName(): string {
    return this.nestedText(9, 7);
  }

  private texts(field: number): string[] {
    const values: string[] = [];
    this.forEachPiece(field, (start, end) => values.push(decodeText(this.bytes, start, end)));
    return values;
  }

  private service(field: number): { name: string; namespace: string } | null {
    return this.has(field) ? { name: this.nestedText(field, 1), namespace: this.nestedText(field, 2) } : null;
  }

  private endpoint(field: number): EndpointView {
    return {
      present: this.has(field),
      id: this.nestedInt32(field, 1) >>> 0,
      identity: this.nestedInt32(field, 2) >>> 0,
      namespace: this.nestedText(field, 3),
      podName: this.nestedText(field, 5),
      clusterName: this.nestedText(field, 7),
      labels: this.endpointLabels(field),
      workloads: this.endpointWorkloads(field),
    };
  }

  private endpointLabels(field: number): string[] {
    const labels: string[] = [];
    this.forEachPiece(field, (start, end) =>
      forEachBytes(this.bytes, start, end, 4, (from, to) => labels.push(decodeText(this.bytes, from, to))),
    );
    return labels;
  }

  private endpointWorkloads(field: number): { name: string; kind: string }[] {
    const workloads: { name: string; kind: string }[] = [];
    this.forEachPiece(field, (start, end) =>
      forEachBytes(this.bytes, start, end, 6, (from, to) => {
        const workload = { name: '', kind: '' };
        forEachBytes(this.bytes, from, to, 1, (a, b) => (workload.name = decodeText(this.bytes, a, b)));
        forEachBytes(this.bytes, from, to, 2, (a, b) => (workload.kind = decodeText(this.bytes, a, b)));
        workloads.push(workload);
      }),
    );
    return workloads;
  }

  get sourceLabels(): readonly string[] {
    return this.endpointLabels(8);
  }
  get destinationLabels(): readonly string[] {
    return this.endpointLabels(9);
  }

  /**
   * The member of `l4` that is set (its field number in Layer4: TCP 1, UDP 2, ICMPv4 3, ICMPv6 4, SCTP 5, VRRP 6, IGMP 7), 0 when none, and
   * its first three numbers: ports and flags' place, or type and code.
   */
  layer4(out: Layer4View): void {
    out.member = 0;
    out.first = 0;
    out.second = 0;
    out.hasFlags = false;
    out.flags = 0;
    const inner = this.inner;
    this.forEachPiece(6, (start, end) => {
      inner.reset(this.bytes, start, end);
      while (inner.pos < end) {
        const tag = inner.tag();
        if ((tag & 7) !== WIRE_BYTES) {
          inner.skip(tag);
          continue;
        }
        const length = inner.length();
        const memberEnd = inner.pos + length;
        if (tag >>> 3 !== out.member) {
          out.first = 0;
          out.second = 0;
          out.hasFlags = false;
          out.flags = 0;
        }
        out.member = tag >>> 3;
        this.readLayer4Member(memberEnd, out);
        inner.pos = memberEnd;
        inner.end = end;
      }
    });
  }

  private readLayer4Member(end: number, out: Layer4View): void {
    const inner = this.inner;
    inner.end = end;
    while (inner.pos < end) {
      const tag = inner.tag();
      if (tag === 0x08) out.first = inner.int32() >>> 0;
      else if (tag === 0x10) out.second = inner.int32() >>> 0;
      else if (tag === 0x1a && out.member === 1) {
        const length = inner.length();
        const flagsEnd = inner.pos + length;
        inner.end = flagsEnd;
        out.hasFlags = true;
        while (inner.pos < flagsEnd) {
          const flagTag = inner.tag();
          const field = flagTag >>> 3;
          if ((flagTag & 7) === WIRE_VARINT && field <= 9) {
            const bit = 1 << (field - 1);
            out.flags = inner.varint() !== 0 ? out.flags | bit : out.flags & ~bit;
          } else inner.skip(flagTag);
        }
        inner.end = end;
      } else inner.skip(tag);
    }
  }

  /** The record of `l7` that is set, by its field number in Layer7 (dns 100, http 101, kafka 102); 0 when none. */
  get l7Record(): number {
    let record = 0;
    this.forEachPiece(15, (start, end) => {
      for (const member of [100, 101, 102]) {
        forEachBytes(this.bytes, start, end, member, () => (record = member));
      }
    });
    return record;
  }
}

/** What `FlowIndex.layer4` fills. `flags` has the bits of FlowRecord's TCP_* in the order of TCPFlags' fields: FIN is bit 0. */
export interface Layer4View {
  member: number;
  first: number;
  second: number;
  /** Whether the TCP member has its flags message at all. */
  hasFlags: boolean;
  flags: number;
}

/** Decodes UTF-8; short ASCII, which names and addresses are, without TextDecoder's cost per call. Throws WireError on invalid UTF-8. */
function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 48) return decodeUtf8(bytes, start, end);
  let text = '';
  for (let i = start; i < end; i++) {
    if (bytes[i] > 127) return decodeUtf8(bytes, start, end);
    text += String.fromCharCode(bytes[i]);
  }
  return text;
}

function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  try {
    return utf8.decode(bytes.subarray(start, end));
  } catch (error) {
    throw new WireError('malformed', `text at byte ${start}: ${String(error)}`);
  }
}

/** Calls `visit` for each length-delimited field of that number in a message. */
function forEachBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: number,
  visit: (start: number, end: number) => void,
): void {
  const cursor = new WireCursor();
  cursor.reset(bytes, start, end);
  while (cursor.pos < cursor.end) {
    const tag = cursor.tag();
    if (tag !== ((field << 3) | WIRE_BYTES)) {
      cursor.skip(tag);
      continue;
    }
    const length = cursor.length();
    visit(cursor.pos, cursor.pos + length);
    cursor.pos += length;
  }
}
