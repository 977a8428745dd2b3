import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { type NodeAnswer, NodeAnswerState } from '../../proto/gen/sluice/v1/policy_pb.ts';

/** Nodes named one by one; the rest is a number. */
const MAX_NAMED = 10;

const states: Readonly<Record<number, string>> = {
  [NodeAnswerState.UNAVAILABLE]: 'not connected',
  [NodeAnswerState.FAILED]: 'did not answer',
  [NodeAnswerState.UNSUPPORTED]: 'does not tell its policies and maps',
};

/** Says on stderr which nodes an answer lacks. */
export function tellSilentNodes(nodes: readonly NodeAnswer[]): void {
  const silent = nodes.filter(({ state }) => state !== NodeAnswerState.ANSWERED);
  const lines = silent.slice(0, MAX_NAMED).map(({ nodeName, state, message }) => {
    const why = message === '' ? '' : `: ${message}`;
    return `warning: ${nodeName} ${states[state] ?? 'did not answer'}${why}; what it has is missing\n`;
  });
  if (silent.length > MAX_NAMED) lines.push(`warning: … and ${silent.length - MAX_NAMED} more nodes\n`);
  process.stderr.write(escapeTerminal(lines.join(''), false));
}

/** Throws when patterns were given for nodes, and nobody is called so. */
export function requireNodes(nodes: readonly NodeAnswer[], patterns: readonly string[]): void {
  if (patterns.length === 0 || nodes.length > 0) return;
  throw new Error(`there is no node ${patterns.join(' or ')}: sluice list nodes shows all behind a relay`);
}
