/**
 * What users write as network policies, read, checked and compiled to the entries of policy maps. Pure: runs in the agent, in the command line and in a browser.
 *
 * ## What the entries mean
 *
 * Each endpoint has a policy map. An entry's key is (direction, identity, protocol, port/prefix length):
 *
 * - `identity` is the peer's, or a class that stands for many (11 pods of the local cluster, 12 pods of other clusters, 13 ranges outside, 14 remote nodes), or 0 for
 *   everybody.
 * - `protocol` and `port` are one longest-prefix part: nothing (0, 0, 0), a protocol (6, 0, 0), or a protocol and the first `prefixLength` bits of the destination port
 *   (6, 80, 13 is 80 to 87). The port is the destination's in the direction of the connection's first packet, after services are translated. With ICMP (protocols 1 and 58)
 *   the message's type stands in its place.
 *
 * Its value is allow or deny, how a flow says that it decided (`matchType`), and a cookie that leads to the rules that made it (`PolicyState.rules.rulesOf`).
 *
 * ## The lookup
 *
 * For a packet of the connection's original direction (replies and related ICMP errors are not asked about), with the peer's identity, in a direction whose enforcement is
 * not `open`:
 *
 * 1. Three longest-prefix lookups: under the peer's identity; under its class (`classOf`; none for identities below 100); under 0.
 * 2. If any of them finds a deny, the packet is dropped, POLICY_DENY (181). The first of the three that does is the entry that decided.
 * 3. Else if any finds an allow, the packet passes. The one with the longest prefix is the entry that decided; of equal ones the first of the three.
 * 4. Else the packet is dropped, POLICY_DENIED (133), match type none.
 *
 * The tables are prepared so that this is exact: a deny beats allows at any breadth, because no allow stands under a deny of the same table that covers it (a longest-prefix
 * lookup would find the allow), and because step 2 looks at all three tables. In a direction whose enforcement is `allow-by-default` the table of everybody ends in an allow
 * of all traffic. In one that is `open` there are no entries, the packet passes, and no verdict event is due.
 *
 * Audit mode changes no entry: whoever looks up lets a denied packet pass and reports it as audited, with the match type that the lookup gave.
 *
 * Entries that would change neither the verdict nor the entry that decides are left out. So an identity's allow is missing where its class or everybody is allowed the same.
 *
 * Addresses become identities elsewhere. It has to know: every range of `PolicyState.cidrs` with its number, longest first; world-ipv4 (9) and world-ipv6 (10) for what is in
 * none, never world (2). A packet's own endpoint, IPv6 neighbour discovery, and ICMPv4 "fragmentation needed" pass before any of this.
 *
 * The order of writing: a policy that changes is a list of upserts and deletes. Written upserts first, a deny is in force before the allows that it covers are deleted, but not
 * against them until they are; a map filled anew and swapped in has no such moment.
 */
export {
  type Direction,
  entities,
  type Entity,
  type LabelSelector,
  type Peer,
  type Policy,
  policyKey,
  type PolicyKind,
  type PortMatch,
  type Requirement,
  type Rule,
  type RuleSet,
} from './model.ts';
export {
  formatPolicyProblem,
  MAX_POLICY_TEXT,
  type ParsedPolicies,
  parsePolicies,
  parsePolicyDocuments,
  type PolicyPlace,
  type PolicyProblem,
} from './manifest/parse-policies.ts';
export {
  type EndpointPolicy,
  type EnforcementMode,
  entriesOf,
  type MatchType,
  matchTypes,
  type PolicyEntry,
  type PolicyEntryKey,
} from './compile/endpoint-policy.ts';
export type { Enforcement } from './compile/peer-tables.ts';
export {
  type EndpointPolicyChange,
  type PolicyEndpoint,
  type PolicyIdentity,
  type PolicyOptions,
  PolicyState,
  type PolicyUpdate,
} from './compile/policy-state.ts';
export type { NamedRule, RuleCookie, RuleTable } from './compile/rule-table.ts';
export {
  hostLabels,
  type LocalIdentity,
  NodeIdentities,
  tellsNodesApart,
} from './select/local-identities.ts';
export type { NamedPort } from './select/matcher.ts';
export {
  CLASS_CIDR,
  CLASS_LOCAL_PODS,
  CLASS_REMOTE_NODES,
  CLASS_REMOTE_PODS,
  classOf,
  IDENTITY_ANY,
  IDENTITY_HEALTH,
  IDENTITY_HOST,
  IDENTITY_INGRESS,
  IDENTITY_INIT,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_UNMANAGED,
  IDENTITY_WORLD,
  IDENTITY_WORLD_IPV4,
  IDENTITY_WORLD_IPV6,
  isClass,
  reservedIdentities,
} from './select/reserved-identities.ts';
export type { PolicyCidrGroup, PolicyService } from './select/resolve-named.ts';
export { lookUpPolicy, type PolicyVerdict } from './trace/lookup.ts';
export {
  identityOfOutside,
  type PolicyTrace,
  type TracedVerdict,
  type TraceEnd,
  tracePolicy,
} from './trace/trace-policy.ts';
export {
  findTraceEnd,
  type NamedEnd,
  numberedPorts,
  reservedEndNames,
  type TraceDirectory,
  TraceEndError,
  traceEnds,
} from './trace/trace-ends.ts';
// Recorded traffic against policies that are not in force.
export type { EndDecision, ProposedPolicies } from './replay/cluster-policies.ts';
export { AUDITED, DENIED, PASSED, type SkipCause, skipCauses } from './replay/flow-outcome.ts';
export { outsideGroups } from './replay/outside-groups.ts';
export {
  type ReplayChange,
  replayChanges,
  replayPolicies,
  type ReplayResult,
  type ReplayRow,
} from './replay/replay-policies.ts';
export {
  endName,
  type OutsideEnd,
  type PodEnd,
  type ReservedEnd,
  type TrafficEnd,
} from './replay/traffic-end.ts';
export {
  type Conversation,
  type RecorderOptions,
  recorderMask,
  type TrafficCounts,
  TrafficRecorder,
} from './replay/traffic-recorder.ts';
export {
  type SuggestedKind,
  type SuggestedPolicy,
  type Suggestion,
  type SuggestOptions,
  suggestPolicies,
} from './suggest/suggest-policies.ts';
