import { messageJson } from '../../proto/flow/text/json-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import { type Policy, PolicySchema } from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { Invocation } from '../command.ts';
import { allTexts, lastText } from '../../flags/flag-spec.ts';
import { columnsText, type ListFormat, listJson } from '../nodes/safe-table.ts';
import { requireNodes, tellSilentNodes } from '../nodes/silent-nodes.ts';
import { loadSettings, withServer } from '../server/with-server.ts';
import { fetchPolicies } from './fetch-policies.ts';
import { otherDecisionsText, policyColumns, policyProblemsText, ruleColumns } from './policy-list-text.ts';

/** `sluice policy list`. */
export async function listPolicies({ uses }: Invocation): Promise<number> {
  const format = (lastText(uses, 'output') ?? 'table') as ListFormat;
  const isOn = (flag: string): boolean => lastText(uses, flag) === 'true';
  return withServer(await loadSettings(uses), async (server) => {
    const { policies, nodes } = await fetchPolicies(server, {
      namespaces: allTexts(uses, 'namespace'),
      nodeNames: allTexts(uses, 'node'),
      withRemoved: isOn('removed'),
    });
    requireNodes(nodes, allTexts(uses, 'node'));
    tellSilentNodes(nodes);
    if (format === 'json') {
      const values = policies.map((policy) => JSON.parse(messageJson(PolicySchema, policy)) as unknown);
      process.stdout.write(listJson(values));
      return 0;
    }
    const nowMs = Date.now();
    const showsClusters = new Set(policies.map(({ cluster }) => cluster)).size > 1;
    const text =
      isOn('rules') || isOn('unused')
        ? rulesText(policies, nowMs, showsClusters, format, isOn('unused'))
        : columnsText(policyColumns(nowMs, showsClusters), policies, format);
    const below = otherDecisionsText(nodes) + policyProblemsText(policies);
    process.stdout.write(text + (below === '' ? '' : `\n${escapeTerminal(below, false)}`));
    return 0;
  });
}

function rulesText(
  policies: readonly Policy[],
  nowMs: number,
  showsClusters: boolean,
  format: ListFormat,
  onlyUnused: boolean,
): string {
  const rules = policies
    .flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })))
    .filter(({ rule: { counts } }) => !onlyUnused || counts?.last === undefined);
  return columnsText(ruleColumns(nowMs, showsClusters), rules, format);
}
