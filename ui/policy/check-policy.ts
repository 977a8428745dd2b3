/**
 * The policies' own compiler, in the browser: it says whom a policy selects, and whether a draft is valid and does what it is for. Loaded when it is first needed, since it is as large as
 * the rest of a view.
 */
import { type Direction, parsePolicies, PolicyState, tracePolicy } from '../../policy/index.ts';
import { identityOfOutside } from '../../policy/trace/trace-policy.ts';
import { selectorText } from './selector-text.ts';

/** Whom a policy selects, and what it does with what none of its rules match. */
export interface PolicySubjects {
  /** Label selectors of its endpoints, in the grammar of flow filters. Empty: it selects nodes only. */
  readonly selectors: readonly string[];
  /** What becomes of the rest in each direction; null where the policy does not touch it. */
  readonly rest: Readonly<Record<Direction, 'denied' | 'passes' | null>>;
}

/** Reads a manifest of one policy. Null when the compiler does not take it. */
export function readSubjects(manifest: string): PolicySubjects | null {
  const [policy] = parsePolicies(manifest, 'manifest').policies;
  if (policy === undefined) return null;
  const rest = (direction: Direction): 'denied' | 'passes' | null => {
    const sets = policy.ruleSets.map((set) => set[direction]).filter((rules) => rules !== null);
    if (sets.length === 0) return null;
    return sets.some(({ defaultDeny }) => defaultDeny) ? 'denied' : 'passes';
  };
  const selectors = policy.ruleSets
    .filter(({ subject }) => subject.kind === 'endpoints')
    .map(({ subject }) => selectorText(subject.selector.requirements));
  return {
    selectors: [...new Set(selectors)],
    rest: { ingress: rest('ingress'), egress: rest('egress') },
  };
}

/** One end of a connection that a draft is to let pass. */
export interface DraftEnd {
  readonly identity: number;
  readonly labels: readonly string[];
  readonly ip: string;
  readonly isPod: boolean;
}

/** The connection that a draft is written for. */
export interface DraftGoal {
  readonly side: Direction;
  /** Of the end whose policy it is. */
  readonly cluster: string;
  readonly own: DraftEnd;
  readonly peer: DraftEnd;
  /** Type of an ICMP message. */
  readonly port: number;
  /** IP protocol number. */
  readonly protocol: number;
}

/** What the compiler says of a draft. */
export interface DraftCheck {
  /** Empty: it is valid. */
  readonly problems: readonly string[];
  /** Whether it allows the connection, alone and on its side. */
  readonly isAllowed: boolean;
}

/** Compiles a draft, and asks it about the connection that it is for. */
export function checkDraft(
  text: string,
  { side, cluster, own, peer, port, protocol }: DraftGoal,
): DraftCheck {
  const { policies, problems } = parsePolicies(text, 'draft');
  if (problems.length > 0 || policies.length === 0) {
    const told = problems.map(({ line, message }) => `line ${line}: ${message}`);
    return { problems: told.length > 0 ? told : ['it has no policy'], isAllowed: false };
  }
  const state = new PolicyState({ clusterName: cluster, clusterId: (own.identity >>> 16) & 0xff });
  const pods = [own, peer].filter(({ isPod }) => isPod);
  state.update({
    policies,
    identities: pods.map(({ identity, labels }) => ({ id: identity, labels })),
    endpoints: [{ key: 'own', labels: own.labels }],
  });
  const isWorld = !peer.isPod && (peer.identity <= 2 || peer.identity >= 9);
  const identity = isWorld ? (identityOfOutside(state, peer.ip) ?? peer.identity) : peer.identity;
  const ends = [
    { identity: own.identity, endpoint: { labels: own.labels } },
    { identity, endpoint: null },
  ] as const;
  const [from, to] = side === 'egress' ? ends : [ends[1], ends[0]];
  return {
    problems: [],
    isAllowed: tracePolicy(state, from, to, port, protocol)[side]?.verdict === 'allow',
  };
}
