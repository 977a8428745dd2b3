/**
 * What few values of a flow come to: verdict, direction, protocol and the like, packed into two 32-bit numbers. There are some dozens to hundreds of these in a segment, so that
 * filters are asked once for each instead of once for each flow. Values that do not fit give no class: the flow itself is asked then.
 */
export interface FlowClass {
  verdict: number;
  direction: number;
  /** 0 absent, 1 false, 2 true. */
  reply: number;
  hasIp: boolean;
  ipVersion: number;
  isEncrypted: boolean;
  /** Member of Layer4, 0 for none. */
  layer4: number;
  /** -1 for none. */
  tcpFlags: number;
  hasEventType: boolean;
  eventType: number;
  eventSubType: number;
  dropReason: number;
  /** Member of Layer7: 0 for none, 100 to 102. */
  layer7: number;
  layer7Type: number;
}

/** A class without anything. */
export function createFlowClass(): FlowClass {
  return {
    verdict: 0,
    direction: 0,
    reply: 0,
    hasIp: false,
    ipVersion: 0,
    isEncrypted: false,
    layer4: 0,
    tcpFlags: -1,
    hasEventType: false,
    eventType: 0,
    eventSubType: 0,
    dropReason: 0,
    layer7: 0,
    layer7Type: 0,
  };
}

const layer7Code = (member: number): number => (member === 0 ? 0 : member - 99);

/** The first number of a class, or -1 when a value does not fit. */
export function classLow(c: FlowClass): number {
  const fits =
    c.verdict < 32 &&
    c.direction < 4 &&
    c.ipVersion < 4 &&
    c.layer4 < 16 &&
    c.tcpFlags < 512 &&
    c.layer7Type < 8;
  if (!fits) return -1;
  const flags = (c.hasIp ? 1 : 0) | (c.isEncrypted ? 2 : 0);
  return (
    c.verdict |
    (c.direction << 5) |
    (c.reply << 7) |
    (c.ipVersion << 9) |
    (flags << 11) |
    (c.layer4 << 13) |
    ((c.tcpFlags + 1) << 17) |
    (c.layer7Type << 27)
  );
}

/** The second number of a class, or -1 when a value does not fit. */
export function classHigh(c: FlowClass): number {
  const layer7 = layer7Code(c.layer7);
  if (c.eventType > 255 || c.eventSubType > 255 || c.dropReason > 1023 || layer7 > 3) return -1;
  return (
    (c.hasEventType ? 1 : 0) |
    (c.eventType << 1) |
    (c.eventSubType << 9) |
    (c.dropReason << 17) |
    (layer7 << 27)
  );
}

/** The class of two numbers. */
export function classOf(low: number, high: number): FlowClass {
  const layer7 = (high >>> 27) & 3;
  return {
    verdict: low & 31,
    direction: (low >>> 5) & 3,
    reply: (low >>> 7) & 3,
    ipVersion: (low >>> 9) & 3,
    hasIp: ((low >>> 11) & 1) === 1,
    isEncrypted: ((low >>> 12) & 1) === 1,
    layer4: (low >>> 13) & 15,
    tcpFlags: ((low >>> 17) & 1023) - 1,
    layer7Type: (low >>> 27) & 7,
    hasEventType: (high & 1) === 1,
    eventType: (high >>> 1) & 255,
    eventSubType: (high >>> 9) & 255,
    dropReason: (high >>> 17) & 1023,
    layer7: layer7 === 0 ? 0 : layer7 + 99,
  };
}

/** Whether flows of a class have ports. */
export function hasPorts({ layer4 }: FlowClass): boolean {
  return layer4 === 1 || layer4 === 2 || layer4 === 5;
}
