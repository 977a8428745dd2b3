import { createFlowClass, type FlowClass } from '../format/flow-class.ts';

/** Tags of the fields that have a place in a column, as they stand on the wire. */
const TAG = {
  verdict: (2 << 3) | 0,
  ip: (5 << 3) | 2,
  l4: (6 << 3) | 2,
  source: (8 << 3) | 2,
  destination: (9 << 3) | 2,
  nodeName: (11 << 3) | 2,
  sourceNames: (13 << 3) | 2,
  destinationNames: (14 << 3) | 2,
  l7: (15 << 3) | 2,
  eventType: (19 << 3) | 2,
  sourceService: (20 << 3) | 2,
  destinationService: (21 << 3) | 2,
  direction: (22 << 3) | 0,
  dropReason: (25 << 3) | 0,
  isReply: (26 << 3) | 2,
  nodeLabels: (37 << 3) | 2,
} as const;

/** A tag is below this when it is of interest; the bit of a seen one is kept in two numbers. */
const TAG_LIMIT = 38 << 3;

/** Bytes of the flow, fields with their tags, that belong together: copied only where they do not stand side by side. */
class Piece {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  private scratch = new Uint8Array(4096);

  clear(): void {
    this.start = 0;
    this.end = 0;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.start === this.end) {
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      return;
    }
    if (this.bytes === bytes && this.end === start) {
      this.end = end;
      return;
    }
    const length = this.end - this.start;
    const needed = length + end - start;
    if (needed > this.scratch.length) {
      const grown = new Uint8Array(needed * 2);
      grown.set(this.scratch);
      if (this.bytes === this.scratch) this.bytes = grown;
      this.scratch = grown;
    }
    if (this.bytes !== this.scratch) this.copy(this.bytes, this.start, this.end, 0);
    this.copy(bytes, start, end, length);
    this.bytes = this.scratch;
    this.start = 0;
    this.end = needed;
  }

  private copy(from: Uint8Array, start: number, end: number, at: number): void {
    for (let i = start; i < end; i++) this.scratch[at + i - start] = from[i];
  }
}

/**
 * Reads what the columns hold out of an encoded Flow, in one pass. Where a flow is laid out in a way that encoders do not use (a message in pieces, a field twice, numbers out of
 * range), `read` says no, and the flow gets no columns: whoever looks for it asks the flow itself. Reused; allocates nothing.
 */
export class RowReader {
  readonly flowClass: FlowClass = createFlowClass();
  /** Everything that the flow says of each end beside address and port: endpoint, DNS names, service. */
  readonly source = new Piece();
  readonly destination = new Piece();
  /** Name and labels of the node. */
  readonly node = new Piece();
  /** Texts of the addresses. */
  readonly sourceIp = new Piece();
  readonly destinationIp = new Piece();
  sourcePort = 0;
  destinationPort = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private pos = 0;
  private isOdd = false;

  /** Whether the columns tell all they are made for of the flow at `bytes[start, end)`. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.begin(bytes);
    let seenLow = 0;
    let seenHigh = 0;
    this.pos = start;
    while (this.pos < end && !this.isOdd) {
      const tagStart = this.pos;
      const tag = this.varint(end);
      if (tag >= TAG_LIMIT) {
        this.skip(tag & 7, end);
        continue;
      }
      const to = (tag & 7) === 2 ? this.lengthEnd(end) : -1;
      if (tag === TAG.sourceNames) this.source.add(bytes, tagStart, to);
      else if (tag === TAG.destinationNames) this.destination.add(bytes, tagStart, to);
      else if (tag === TAG.nodeLabels) this.node.add(bytes, tagStart, to);
      else {
        const field = tag >>> 3;
        const bit = 1 << (field & 31);
        const isAgain = ((field < 32 ? seenLow : seenHigh) & bit) !== 0;
        if (field < 32) seenLow |= bit;
        else seenHigh |= bit;
        this.field(tag, tagStart, to, end, isAgain);
      }
      if (to >= 0) this.pos = to;
    }
    return !this.isOdd && this.pos === end;
  }

  private begin(bytes: Uint8Array): void {
    const c = this.flowClass;
    c.verdict = 0;
    c.direction = 0;
    c.reply = 0;
    c.hasIp = false;
    c.ipVersion = 0;
    c.isEncrypted = false;
    c.layer4 = 0;
    c.tcpFlags = -1;
    c.hasEventType = false;
    c.eventType = 0;
    c.eventSubType = 0;
    c.dropReason = 0;
    c.layer7 = 0;
    c.layer7Type = 0;
    this.source.clear();
    this.destination.clear();
    this.node.clear();
    this.sourceIp.clear();
    this.destinationIp.clear();
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.bytes = bytes;
    this.isOdd = false;
  }

  private field(tag: number, tagStart: number, to: number, end: number, isAgain: boolean): void {
    const c = this.flowClass;
    const { bytes } = this;
    switch (tag) {
      case TAG.verdict:
        c.verdict = this.varint(end);
        break;
      case TAG.direction:
        c.direction = this.varint(end);
        break;
      case TAG.dropReason:
        c.dropReason = this.varint(end);
        break;
      case TAG.source:
      case TAG.sourceService:
        this.source.add(bytes, tagStart, to);
        break;
      case TAG.destination:
      case TAG.destinationService:
        this.destination.add(bytes, tagStart, to);
        break;
      case TAG.nodeName:
        this.node.add(bytes, tagStart, to);
        break;
      case TAG.ip:
        this.readIp(to);
        break;
      case TAG.l4:
        this.readLayer4(to);
        break;
      case TAG.l7:
        this.readLayer7(to);
        break;
      case TAG.eventType:
        this.readEventType(to);
        break;
      case TAG.isReply:
        this.readReply(to);
        break;
      default:
        if (to < 0) this.skip(tag & 7, end);
        return;
    }
    if (isAgain) this.isOdd = true;
  }

  /** A varint of up to four bytes: all that usual numbers of a flow take. */
  private varint(end: number): number {
    const { bytes } = this;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.pos >= end) break;
      const byte = bytes[this.pos++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    this.isOdd = true;
    return 0;
  }

  private lengthEnd(end: number): number {
    const length = this.varint(end);
    if (this.pos + length > end) {
      this.isOdd = true;
      return end;
    }
    return this.pos + length;
  }

  private skip(wireType: number, end: number): void {
    if (wireType === 0) {
      // Of any length: the value is of no interest.
      while (this.pos < end && this.bytes[this.pos] > 127) this.pos++;
      this.pos++;
    } else if (wireType === 1) this.pos += 8;
    else if (wireType === 5) this.pos += 4;
    else if (wireType === 2) this.pos = this.lengthEnd(end);
    else this.isOdd = true;
    if (this.pos > end) this.isOdd = true;
  }

  /** Goes over the fields of a message: `take` gets the tag, and returns whether it has read the value. */
  private each(end: number, take: (tag: number, end: number) => boolean): void {
    let seen = 0;
    while (this.pos < end && !this.isOdd) {
      const tag = this.varint(end);
      if (!take(tag, end)) {
        this.skip(tag & 7, end);
        continue;
      }
      const bit = 1 << ((tag >>> 3) & 31);
      if ((seen & bit) !== 0) this.isOdd = true;
      seen |= bit;
    }
  }

  private readIp(end: number): void {
    this.flowClass.hasIp = true;
    this.each(end, this.takeIp);
  }

  private readonly takeIp = (tag: number, end: number): boolean => {
    const c = this.flowClass;
    if (tag === 0x18) c.ipVersion = this.varint(end);
    else if (tag === 0x20) c.isEncrypted = this.varint(end) !== 0;
    else if (tag === 0x0a || tag === 0x12) {
      const to = this.lengthEnd(end);
      (tag === 0x0a ? this.sourceIp : this.destinationIp).add(this.bytes, this.pos, to);
      this.pos = to;
    } else return false;
    return true;
  };

  private readLayer4(end: number): void {
    this.each(end, this.takeLayer4);
  }

  private readonly takeLayer4 = (tag: number, end: number): boolean => {
    const member = tag >>> 3;
    if ((tag & 7) !== 2 || member > 7) return false;
    if (this.flowClass.layer4 !== 0) this.isOdd = true;
    this.flowClass.layer4 = member;
    const to = this.lengthEnd(end);
    if (member === 1 || member === 2 || member === 5)
      this.each(to, member === 1 ? this.takeTcp : this.takePorts);
    this.pos = to;
    return true;
  };

  private readonly takePorts = (tag: number, end: number): boolean => {
    if (tag === 0x08) this.sourcePort = this.varint(end) & 0xffff;
    else if (tag === 0x10) this.destinationPort = this.varint(end) & 0xffff;
    else return false;
    return true;
  };

  private readonly takeTcp = (tag: number, end: number): boolean => {
    if (tag !== 0x1a) return this.takePorts(tag, end);
    const to = this.lengthEnd(end);
    this.flowClass.tcpFlags = 0;
    this.each(to, this.takeFlag);
    this.pos = to;
    return true;
  };

  private readonly takeFlag = (tag: number, end: number): boolean => {
    const bit = (tag >>> 3) - 1;
    if ((tag & 7) !== 0 || bit > 8) return false;
    if (this.varint(end) !== 0) this.flowClass.tcpFlags |= 1 << bit;
    return true;
  };

  private readLayer7(end: number): void {
    this.each(end, this.takeLayer7);
  }

  private readonly takeLayer7 = (tag: number, end: number): boolean => {
    if (tag === 0x08) {
      this.flowClass.layer7Type = this.varint(end);
      return true;
    }
    const member = tag >>> 3;
    if ((tag & 7) !== 2 || member < 100 || member > 102) return false;
    if (this.flowClass.layer7 !== 0) this.isOdd = true;
    this.flowClass.layer7 = member;
    this.pos = this.lengthEnd(end);
    return true;
  };

  private readEventType(end: number): void {
    this.flowClass.hasEventType = true;
    this.each(end, this.takeEventType);
  }

  private readonly takeEventType = (tag: number, end: number): boolean => {
    if (tag === 0x08) this.flowClass.eventType = this.varint(end);
    else if (tag === 0x10) this.flowClass.eventSubType = this.varint(end);
    else return false;
    return true;
  };

  private readReply(end: number): void {
    this.flowClass.reply = 1;
    this.each(end, this.takeReply);
  }

  private readonly takeReply = (tag: number, end: number): boolean => {
    if (tag !== 0x08) return false;
    this.flowClass.reply = this.varint(end) !== 0 ? 2 : 1;
    return true;
  };
}
