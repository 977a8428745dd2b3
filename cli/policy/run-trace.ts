import { type EnforcementMode, tracePolicy } from '../../policy/index.ts';
import { escapeJson } from '../../proto/flow/text/json-string.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { Invocation } from '../command.ts';
import { allTexts, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseBool, parseUint } from '../../flags/parse-value.ts';
import { readOfflineCluster } from './offline-cluster.ts';
import { readPolicyFiles } from './policy-files.ts';
import { findEnd, traceEnds } from './trace-ends.ts';
import { traceJson, traceText } from './trace-text.ts';

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 } as const;

/** `sluice policy trace`. */
export async function tracePolicies({ uses }: Invocation): Promise<number> {
  const portText = lastText(uses, 'port');
  if (portText === undefined) throw new UsageError('flag --port is missing: which port, or type of ICMP?');
  const port = Number(parseUint('--port', portText, 65_535n));
  const protocol = (lastText(uses, 'protocol') ?? 'tcp') as keyof typeof protocolNumbers;
  if (protocol.startsWith('icmp') && port > 255) {
    throw new UsageError(`invalid value "${portText}" for --port: expected a type of ICMP, 0 to 255`);
  }
  const stateDir = lastText(uses, 'state-dir');
  const filenames = allTexts(uses, 'filename');
  if (stateDir === undefined && filenames.length === 0) {
    throw new UsageError(
      'there is nothing to look at: give policies by -f, a cluster by --state-dir, or both',
    );
  }
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
  const [source, destination] = traceEnds(from, to, cluster);
  const trace = tracePolicy(cluster.state, source, destination, port, protocolNumbers[protocol]);
  const text =
    lastText(uses, 'output') === 'json'
      ? escapeJson(traceJson(from.name, to.name, protocol, port, trace))
      : escapeTerminal(traceText(from.name, to.name, protocol, port, trace), false);
  process.stdout.write(text);
  return trace.verdict === 'allow' ? 0 : 2;
}
