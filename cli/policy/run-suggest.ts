import { allTexts, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseUint } from '../../flags/parse-value.ts';
import { suggestPolicies, type SuggestedKind, TrafficRecorder } from '../../policy/index.ts';
import { groupDigits } from '../../proto/flow/text/number-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import type { Invocation } from '../command.ts';
import { listJson } from '../nodes/safe-table.ts';
import { recordTraffic } from './record-traffic.ts';

const kinds: Readonly<Record<string, SuggestedKind>> = {
  cnp: 'CiliumNetworkPolicy',
  netpol: 'NetworkPolicy',
};

/** `sluice policy suggest`. */
export async function suggestFromRecorded({ uses }: Invocation): Promise<number> {
  const namespaces = allTexts(uses, 'namespace').flatMap((text) => text.split(','));
  if (namespaces.length === 0)
    throw new UsageError('flag --namespace is missing: whose workloads get policies?');
  const kind = kinds[lastText(uses, 'kind') ?? 'cnp'];
  const maxAddresses = Number(parseUint('--max-addresses', lastText(uses, 'max-addresses') ?? '16', 1000n));
  const recorder = new TrafficRecorder();
  let status = 1;
  await recordTraffic(uses, recorder, () => {
    const { policies, flows, denied, leftOut } = suggestPolicies(recorder.conversations(), {
      kind,
      namespaces,
      maxAddresses,
    });
    if (policies.length === 0) {
      process.stderr.write(
        `error: no flow of pods in namespace ${namespaces.join(', ')} was seen: is the time right, and the name?\n`,
      );
      return '';
    }
    status = 0;
    const notes = [
      `${policies.length} policies from ${groupDigits(flows)} flows; look them over before you apply them`,
      ...(denied > 0
        ? [`${groupDigits(denied)} flows were denied when they were seen, and still are not allowed`]
        : []),
      ...(leftOut > 0
        ? [`${groupDigits(leftOut)} flows were left out: no labels are known of a pod in them`]
        : []),
    ];
    process.stderr.write(escapeTerminal(notes.map((note) => `${note}\n`).join(''), false));
    if (lastText(uses, 'output') === 'json') return listJson(policies.map(({ object }) => object));
    return escapeTerminal(policies.map(({ text }) => text).join('---\n'), false);
  });
  return status;
}
