import { messageJson } from '../../proto/flow/text/json-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import {
  Policies,
  type TraceDecision,
  type TraceEnd,
  type TraceResult,
  TraceResponseSchema,
  TraceVerdict,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import { RpcCode, RpcError } from '../../rpc/rpc-error.ts';
import { CommandError } from '../describe-error.ts';
import { allTexts, type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { tellSilentNodes } from '../nodes/silent-nodes.ts';
import { loadSettings, withServer } from '../server/with-server.ts';
import { missingEnd } from './trace-ends.ts';
import { protocolNumbers, type TraceQuestion } from './trace-question.ts';
import { impliedText } from './trace-text.ts';

/** Has an agent or relay say who reaches whom. Resolves to the exit status. */
export async function traceByServer(uses: readonly FlagUse[], question: TraceQuestion): Promise<number> {
  const [from, to] = (['from', 'to'] as const).map((end) => {
    const text = lastText(uses, end) ?? '';
    if (text === '') throw missingEnd(`--${end}`);
    return text;
  });
  const settings = await loadSettings(uses);
  return withServer(settings, async ({ connection, unary }) => {
    const { port, protocol } = question;
    const request = {
      from,
      to,
      port,
      protocol: protocolNumbers[protocol],
      nodeNames: allTexts(uses, 'node'),
    };
    const response = await callUnary(connection, Policies.method.trace, request, unary);
    tellSilentNodes(response.nodes);
    if (lastText(uses, 'output') === 'json') {
      process.stdout.write(`${messageJson(TraceResponseSchema, response)}\n`);
    } else {
      const texts = response.traces.map((trace) => traceText(trace, question, response.traces.length > 1));
      process.stdout.write(escapeTerminal(texts.join('\n'), false));
    }
    if (response.traces.length === 0) throw new Error('no node answered: the question is open');
    const verdicts = response.traces.map(({ verdict }) => verdict);
    if (verdicts.includes(TraceVerdict.UNKNOWN)) return 1;
    return verdicts.every(passes) ? 0 : 2;
  }).catch((error: unknown) => {
    throw withoutServer(error);
  });
}

/** A server that is not there: perhaps files were meant. */
function withoutServer(error: unknown): unknown {
  if (!(error instanceof CommandError) || !(error.cause instanceof RpcError)) return error;
  if (error.cause.code !== RpcCode.Unavailable) return error;
  const hint = 'Without a server, give policies by -f, a cluster by --state-dir, or both.';
  return new CommandError(error.message, [...error.hints, hint], { cause: error.cause });
}

function passes(verdict: TraceVerdict): boolean {
  return verdict === TraceVerdict.ALLOWED || verdict === TraceVerdict.AUDITED;
}

const words: Readonly<Record<number, string>> = {
  [TraceVerdict.ALLOWED]: 'ALLOWED',
  [TraceVerdict.DENIED]: 'DENIED',
  [TraceVerdict.DEFAULT_DENIED]: 'DENIED',
  [TraceVerdict.AUDITED]: 'AUDITED (it passes, and is told as what would be denied)',
  [TraceVerdict.UNKNOWN]: 'UNKNOWN',
};

function traceText(trace: TraceResult, { port, protocol }: TraceQuestion, namesClusters: boolean): string {
  const what = protocol.startsWith('icmp') ? `${protocol} type ${port}` : `${protocol}/${port}`;
  const name = (end: TraceEnd | undefined): string =>
    namesClusters && end?.cluster !== '' ? `${end?.cluster}/${end?.name}` : (end?.name ?? '');
  const lines = [
    `${name(trace.from)} -> ${name(trace.to)} ${what}: ${words[trace.verdict] ?? 'UNKNOWN'}`,
    ...endLines(`egress of ${name(trace.from)}`, trace.egress),
    ...endLines(`ingress of ${name(trace.to)}`, trace.ingress),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const decisions: Readonly<Record<number, string>> = {
  [TraceVerdict.ALLOWED]: 'allowed',
  [TraceVerdict.DENIED]: 'denied',
  [TraceVerdict.DEFAULT_DENIED]: 'denied, no rule allows it',
  [TraceVerdict.AUDITED]: 'audited, would be denied',
};

function endLines(title: string, found: TraceDecision | undefined): string[] {
  if (found === undefined) return [`  ${title}: no policy is enforced there`];
  const by = found.isAuthoritative
    ? `, as ${found.nodeName} enforces it`
    : `, as ${found.nodeName} knows the policies (it is not the one that enforces them)`;
  if (found.verdict === TraceVerdict.UNKNOWN) {
    return [`  ${title}: its own cluster’s policies decide, and no agent of it answered`];
  }
  if (!found.isPoliced) return [`  ${title}: allowed, no policy selects it${by}`];
  const match = found.matchType === 'none' ? '' : ` (${found.matchType})`;
  const rules = found.rules.map(({ address, text }) => `    ${address === '' ? impliedText(text) : address}`);
  return [`  ${title}: ${decisions[found.verdict] ?? 'unknown'}${match}${by}`, ...rules];
}
