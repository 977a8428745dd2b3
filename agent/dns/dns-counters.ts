/** Totals since the start of what reads DNS. */
export interface DnsCounters {
  /** Messages that became a flow. */
  readonly dnsFlows: number;
  /** Messages against the rules of the protocol, and what is no DNS on its port. */
  readonly dnsMalformed: number;
  /** Messages read in part: longer than what is captured, or cut off by the server. */
  readonly dnsCut: number;
  /** Messages that ask for nothing: updates, notices between servers. */
  readonly dnsOther: number;
  /** Answers that leave an endpoint and questions that come to one: told at the other end. */
  readonly dnsMisplaced: number;
  /** Answers to questions that nobody was seen to ask. */
  readonly dnsUnmatched: number;
  readonly dnsUnanswered: number;
  /** Questions forgotten, because too many waited for answers. */
  readonly dnsQuestionsEvicted: number;
  /** Places in TCP streams where messages went unread. */
  readonly dnsTcpGaps: number;
  /** Addresses that lost their names before their time, because there were too many. */
  readonly dnsNamesEvicted: number;
}

export const NO_DNS_COUNTS: DnsCounters = {
  dnsFlows: 0,
  dnsMalformed: 0,
  dnsCut: 0,
  dnsOther: 0,
  dnsMisplaced: 0,
  dnsUnmatched: 0,
  dnsUnanswered: 0,
  dnsQuestionsEvicted: 0,
  dnsTcpGaps: 0,
  dnsNamesEvicted: 0,
};
