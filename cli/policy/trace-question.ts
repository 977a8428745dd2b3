import { type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseUint } from '../../flags/parse-value.ts';

/** IP protocol numbers by the names that flags have for them. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 } as const;
export type ProtocolName = keyof typeof protocolNumbers;

/** What is asked about. */
export interface TraceQuestion {
  /** Type of the message with icmp and icmpv6. */
  readonly port: number;
  readonly protocol: ProtocolName;
}

/** Reads `--port 80`, `--port 80/UDP` and `--protocol`. Throws UsageError. */
export function readQuestion(uses: readonly FlagUse[]): TraceQuestion {
  const text = lastText(uses, 'port');
  if (text === undefined) throw new UsageError('flag --port is missing: which port, or type of ICMP?');
  const [portText, suffix] = text.split('/', 2);
  const given = lastText(uses, 'protocol');
  const protocol = suffix === undefined ? (given ?? 'tcp') : suffix.toLowerCase();
  if (!isProtocol(protocol)) {
    throw new UsageError(
      `invalid value "${text}" for --port: "${suffix}" is no protocol: expected one of ${Object.keys(protocolNumbers).join(', ')}`,
    );
  }
  if (given !== undefined && given !== protocol) {
    throw new UsageError(`--port ${text} and --protocol ${given} name two protocols`);
  }
  const port = Number(parseUint('--port', portText, 65_535n));
  if (protocol.startsWith('icmp') && port > 255) {
    throw new UsageError(`invalid value "${portText}" for --port: expected a type of ICMP, 0 to 255`);
  }
  return { port, protocol };
}

function isProtocol(text: string): text is ProtocolName {
  return Object.hasOwn(protocolNumbers, text);
}
