/** What a counter of a report says. */
export interface CounterWords {
  readonly group: string;
  readonly meaning: string;
  /** What to do about it where it is not 0; absent: nothing is wrong then. */
  readonly remedy?: string;
}

const agent = (group: string, meaning: string, remedy?: string): CounterWords =>
  remedy === undefined ? { group, meaning } : { group, meaning, remedy };

/** In the order in which they are shown. Rules are counters too, by name, and shown on their own. */
const words: ReadonlyMap<string, CounterWords> = new Map([
  ['packetsSeen', agent('packets', 'seen by the programs')],
  ['packetsRedirected', agent('packets', "passed on past the kernel's stack")],
  ['packetsDropped', agent('packets', 'dropped')],
  ['fragmentsOrphaned', agent('packets', 'later fragments without their first: passed, without ports')],
  [
    'ctInsertFailed',
    agent(
      'packets',
      'packets of connections that conntrack had no memory for: each is judged as the first of its connection',
      'give the node memory; see whether one pod opens connections without end (sluice top)',
    ),
  ],
  ['eventsEmitted', agent('events', 'told by the programs')],
  ['eventsRingFull', agent('events', 'lost to full rings (under Losses too)')],
  ['eventsOutputFailed', agent('events', 'lost without a ring (under Losses too)')],
  [
    'denialsLimited',
    agent(
      'events',
      'denied packets that are no flow: their endpoint or node had more than are told',
      'find who floods: sluice top drops; all are in the counts of drops and rules',
    ),
  ],
  ['policyEntries', agent('policy', 'entries in force')],
  ['policyRevision', agent('policy', 'revision in force')],
  [
    'rulesUncounted',
    agent(
      'policy',
      'decisions that are in no rule’s count: the table of rules is full',
      'restart the agent after rules were replaced often: counts of rules that are gone take the place',
    ),
  ],
  [
    'filterFailures',
    agent(
      'filters',
      "flows on which a client's CEL expression failed: they did not match",
      'see the log for the expression; guard it with has(…) or size(…)',
    ),
  ],
  ['dnsFlows', agent('DNS', 'messages that became a flow')],
  [
    'dnsLimited',
    agent('DNS', 'messages passed over: too many a second', 'find who asks that much: sluice top names'),
  ],
  ['dnsMalformed', agent('DNS', 'messages against the rules of the protocol')],
  ['dnsOther', agent('DNS', 'messages that are no query')],
  ['dnsCut', agent('DNS', 'messages read in part')],
  ['dnsMisplaced', agent('DNS', 'answers leaving a pod, questions coming to one: told at the other end')],
  ['dnsUnmatched', agent('DNS', 'answers nobody was seen to ask for: nothing is named by them')],
  ['dnsUnanswered', agent('DNS', 'questions without answer for 30 s')],
  [
    'dnsQuestionsEvicted',
    agent('DNS', 'questions forgotten, too many being open', 'see whether a DNS server is down'),
  ],
  ['dnsTcpGaps', agent('DNS', 'places in TCP streams where messages went unread')],
  [
    'dnsNamesEvicted',
    agent(
      'DNS',
      'addresses that lost their names early, too many being named',
      'nothing breaks: those flows show addresses',
    ),
  ],
  ['peers', agent('peers', 'known')],
  ['readyPeers', agent('peers', 'connected')],
  ['lateFlows', agent('merge', 'delivered out of order')],
  ['aheadFlows', agent('merge', 'with times in the future')],
  ['discardedFlows', agent('merge', 'received and wanted by nobody any more')],
  ['clientStreams', agent('clients', 'streams served now')],
  ['liveStreams', agent('clients', 'shared upstreams now')],
]);

const order = [...words.keys()];

/** Words for a counter; one that this version does not know keeps its name alone. */
export function counterWords(name: string): CounterWords {
  return words.get(name) ?? { group: 'other', meaning: name };
}

/** Sorts names of counters as they are shown; unknown ones stand behind, by name. */
export function compareCounters(a: string, b: string): number {
  const rank = (name: string): number => (words.has(name) ? order.indexOf(name) : order.length);
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}
