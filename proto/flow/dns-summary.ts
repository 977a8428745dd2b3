/** What a flow tells of a DNS message. Text is printable ASCII: names escaped as in a master file, in full with their final dot. */
export interface DnsLayer {
  readonly isResponse: boolean;
  /** From the question to its answer; 0 = not measured, or a question. */
  readonly latencyNs: number;
  readonly query: string;
  readonly qtypes: readonly string[];
  /** Addresses in canonical form. This and what follows are told of answers only. */
  readonly ips: readonly string[];
  readonly cnames: readonly string[];
  readonly ttlSeconds: number;
  readonly rcode: number;
  readonly rrtypes: readonly string[];
}

/** What `DNS.observation_source` says in every flow: the value that clients know. */
export const DNS_OBSERVATION_SOURCE = 'proxy';

/** Response codes by number (IANA, "DNS RCODEs"). */
const rcodeTexts: readonly string[] = [
  'No Error',
  'Format Error',
  'Server Failure',
  'Non-Existent Domain',
  'Not Implemented',
  'Query Refused',
  'Name Exists when it should not',
  'RR Set Exists when it should not',
  'RR Set that should exist does not',
  'Server Not Authoritative for zone',
  'Name not contained in zone',
  'DSO-TYPE Not Implemented',
];

/** The `Flow.Summary` of a DNS message, in the shapes of Hubble's: `DNS Query <name> <types>` and `DNS Answer <answer> TTL: <n> (Proxy <name> <types>)`. */
export function dnsSummary(dns: DnsLayer): string {
  const question = `${dns.query} ${dns.qtypes.join(',')}`;
  if (!dns.isResponse) return `DNS Query ${question}`;
  return `DNS Answer ${answerText(dns)} TTL: ${dns.ttlSeconds} (Proxy ${question})`;
}

function answerText({ rcode, ips, cnames }: DnsLayer): string {
  if (rcode !== 0) return `RCode: ${rcodeTexts[rcode] ?? rcode}`;
  const parts: string[] = [];
  if (ips.length > 0) parts.push(JSON.stringify(ips.join(',')));
  // Quoted as Go's %q and JSON alike do it for printable ASCII.
  if (cnames.length > 0) parts.push(`CNAMEs: ${JSON.stringify(cnames.join(','))}`);
  return parts.join(' ');
}
