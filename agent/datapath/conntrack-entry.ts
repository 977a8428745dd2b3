/** Mirrors the conntrack part of bpf/shared/maps_shared.h; a test holds the two against each other. */
export const conntrackLayouts = {
  ct4_key: { size: 16, low_address: 0, high_address: 4, low_port: 8, high_port: 10, proto: 12 },
  ct6_key: { size: 40, low_address: 0, high_address: 16, low_port: 32, high_port: 34, proto: 36 },
  ct_entry: {
    size: 72,
    packets: 0,
    bytes: 16,
    last_seen: 32,
    reported: 36,
    reported_related: 44,
    tcp_flags: 48,
    flags: 50,
    denied: 51,
    generation: 52,
    epoch: 60,
    nat_port: 68,
    reserved: 70,
  },
} as const;

/** A tick of conntrack's clock is 2^24 ns of CLOCK_MONOTONIC. */
export const CT_TICK_SHIFT = 24;
export const conntrackFlags = { initiatorHigh: 1, opened: 2, replied: 4, closing: 8, viaStack: 16 } as const;
/** Seconds of silence after which an entry is as good as absent, as bpf/include/ct_table.h has them. */
export const conntrackLifetimes = { established: 8000, opening: 60, closing: 10, other: 60 } as const;

const PROTOCOL_TCP = 6;
const TICKS_PER_SECOND = 1e9 / 2 ** CT_TICK_SHIFT;
const DENIED = { ingress: 1, egress: 2 } as const;

/** What one end of a connection did. */
export interface ConntrackSide {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly packets: bigint;
  readonly bytes: bigint;
  /** All of TCP's flags seen, or-ed. */
  readonly tcpFlags: number;
}

/** An entry of map `ct4` or `ct6`. */
export interface ConntrackEntry {
  readonly protocol: number;
  readonly initiator: ConntrackSide;
  readonly responder: ConntrackSide;
  /** First seen under way: who began it is a guess. */
  readonly wasJoined: boolean;
  readonly hasReplied: boolean;
  readonly isClosing: boolean;
  readonly viaStack: boolean;
  readonly isDenied: { readonly ingress: boolean; readonly egress: boolean };
  /** Whether a policy was asked, and allowed it. */
  readonly isAllowed: { readonly ingress: boolean; readonly egress: boolean };
  readonly ageSeconds: number;
  /** Negative once it is as good as absent. */
  readonly expiresInSeconds: number;
}

/** @param nowNs CLOCK_MONOTONIC */
export function decodeConntrack(key: Uint8Array, value: Uint8Array, nowNs: bigint): ConntrackEntry {
  const isIpv4 = key.length === conntrackLayouts.ct4_key.size;
  const keyLayout = isIpv4 ? conntrackLayouts.ct4_key : conntrackLayouts.ct6_key;
  const layout = conntrackLayouts.ct_entry;
  const keyBytes = viewOf(key);
  const bytes = viewOf(value);
  const flags = bytes.getUint8(layout.flags);
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const side = (isHigh: boolean, index: number): ConntrackSide => {
    const at = isHigh ? keyLayout.high_address : keyLayout.low_address;
    return {
      address: key.slice(at, at + (isIpv4 ? 4 : 16)),
      port: keyBytes.getUint16(isHigh ? keyLayout.high_port : keyLayout.low_port),
      packets: bytes.getBigUint64(layout.packets + 8 * index, true),
      bytes: bytes.getBigUint64(layout.bytes + 8 * index, true),
      tcpFlags: bytes.getUint8(layout.tcp_flags + index),
    };
  };
  const protocol = keyBytes.getUint8(keyLayout.proto);
  const nowTicks = Number((nowNs >> BigInt(CT_TICK_SHIFT)) & 0xffff_ffffn);
  // Ticks wrap, and another CPU may have been a little ahead.
  const ageTicks = (nowTicks - bytes.getUint32(layout.last_seen, true)) | 0;
  const ageSeconds = Math.max(0, ageTicks) / TICKS_PER_SECOND;
  const denied = bytes.getUint8(layout.denied);
  const hasReplied = has(conntrackFlags.replied);
  const isClosing = has(conntrackFlags.closing);
  return {
    protocol,
    initiator: side(has(conntrackFlags.initiatorHigh), 0),
    responder: side(!has(conntrackFlags.initiatorHigh), 1),
    wasJoined: !has(conntrackFlags.opened),
    hasReplied,
    isClosing,
    viaStack: has(conntrackFlags.viaStack),
    isDenied: { ingress: (denied & DENIED.ingress) !== 0, egress: (denied & DENIED.egress) !== 0 },
    isAllowed: {
      ingress: bytes.getUint32(layout.generation, true) !== 0,
      egress: bytes.getUint32(layout.generation + 4, true) !== 0,
    },
    ageSeconds,
    expiresInSeconds: lifetimeOf(protocol, hasReplied, isClosing) - ageSeconds,
  };
}

function lifetimeOf(protocol: number, hasReplied: boolean, isClosing: boolean): number {
  if (protocol !== PROTOCOL_TCP) return conntrackLifetimes.other;
  if (isClosing) return conntrackLifetimes.closing;
  return hasReplied ? conntrackLifetimes.established : conntrackLifetimes.opening;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
