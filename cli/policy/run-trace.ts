import { type EnforcementMode, traceEnds, tracePolicy } from '../../policy/index.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { Invocation } from '../command.ts';
import { allTexts, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import { readOfflineCluster } from './offline-cluster.ts';
import { readPolicyFiles } from './policy-files.ts';
import { directoryOf, findEnd } from './trace-ends.ts';
import { protocolNumbers, readQuestion } from './trace-question.ts';
import { traceJson, traceText } from './trace-text.ts';

/** What only means something beside files. */
const FILE_FLAGS = ['cluster-name', 'mode', 'host-firewall'] as const;

/** `sluice policy trace`: from files if some are given, else by a server. */
export async function tracePolicies({ uses }: Invocation): Promise<number> {
  const question = readQuestion(uses);
  const stateDir = lastText(uses, 'state-dir');
  const filenames = allTexts(uses, 'filename');
  if (stateDir === undefined && filenames.length === 0) {
    for (const flag of FILE_FLAGS) {
      if (lastText(uses, flag) !== undefined) {
        throw new UsageError(`--${flag} goes with files (-f, --state-dir): a server has its own`);
      }
    }
    return (await import('./run-trace-server.ts')).traceByServer(uses, question);
  }
  if (allTexts(uses, 'node').length > 0) {
    throw new UsageError('--node goes with a server: files have no nodes that answer');
  }
  const { port, protocol } = question;
  const cluster = readOfflineCluster(
    stateDir === undefined ? [] : readPolicyFiles([stateDir]),
    readPolicyFiles(filenames),
    {
      clusterName: lastText(uses, 'cluster-name') ?? 'default',
      mode: (lastText(uses, 'mode') ?? 'default') as EnforcementMode,
      hostFirewall: parseBool('--host-firewall', lastText(uses, 'host-firewall') ?? 'false'),
    },
  );
  if ('problems' in cluster) {
    const lines = cluster.problems.map((problem) => `error: ${problem}\n`);
    process.stderr.write(escapeTerminal(lines.join(''), false));
    return 1;
  }
  const from = findEnd('--from', lastText(uses, 'from'), cluster);
  const to = findEnd('--to', lastText(uses, 'to'), cluster);
  const [source, destination] = traceEnds(from, to, directoryOf(cluster));
  const trace = tracePolicy(cluster.state, source, destination, port, protocolNumbers[protocol]);
  const text =
    lastText(uses, 'output') === 'json'
      ? escapeJson(traceJson(from.name, to.name, protocol, port, trace))
      : escapeTerminal(traceText(from.name, to.name, protocol, port, trace), false);
  process.stdout.write(text);
  return trace.verdict === 'allow' ? 0 : 2;
}
