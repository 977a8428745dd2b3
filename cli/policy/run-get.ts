import { messageJson } from '../../proto/flow/text/json-text.ts';
import { escapeTerminal } from '../../proto/flow/text/terminal.ts';
import {
  type NodeAnswer,
  Policies,
  type Policy,
  type PolicyDetail,
  PolicyDetailSchema,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import { callUnary } from '../../rpc/call-unary.ts';
import type { Invocation } from '../command.ts';
import { allTexts, lastText, UsageError } from '../../flags/flag-spec.ts';
import { nearest } from '../../flags/nearest.ts';
import { parseUint } from '../../flags/parse-value.ts';
import { listJson } from '../nodes/safe-table.ts';
import { requireNodes, tellSilentNodes } from '../nodes/silent-nodes.ts';
import { loadSettings, type Server, withServer } from '../server/with-server.ts';
import { fetchPolicies } from './fetch-policies.ts';
import { detailText } from './policy-detail-text.ts';

const MAX_REVISIONS = 20n;
const DEFAULT_REVISIONS = '5';

/** `sluice policy get`. */
export async function getPolicy({ uses, positionals }: Invocation): Promise<number> {
  const [name] = positionals;
  if (name === undefined)
    throw new UsageError('which policy? give its name, NAMESPACE/NAME or KIND/NAMESPACE/NAME');
  const namespaces = allTexts(uses, 'namespace');
  const revisions = Number(
    parseUint('--revisions', lastText(uses, 'revisions') ?? DEFAULT_REVISIONS, MAX_REVISIONS),
  );
  const format = lastText(uses, 'output') ?? 'text';
  return withServer(await loadSettings(uses), async (server) => {
    const nodeNames = allTexts(uses, 'node');
    const { policies, nodes } = await fetchPolicies(server, { namespaces, nodeNames, withRemoved: true });
    requireNodes(nodes, allTexts(uses, 'node'));
    tellSilentNodes(nodes);
    const found = policies.filter((policy) => isCalled(policy, name));
    if (found.length === 0) throw unknown(name, policies);
    const details = await fetchDetails(server, found, nodeNames, revisions);
    process.stdout.write(textOf(details, nodes, format));
    return 0;
  });
}

/** Whether a policy is meant by a name, with or without its namespace and kind; `#…`, a rule's place, is passed over. */
function isCalled({ kind, namespace, name }: Policy, text: string): boolean {
  const wanted = text.split('#')[0];
  const full = namespace === '' ? name : `${namespace}/${name}`;
  return wanted === name || wanted === full || wanted === `${kind}/${full}`;
}

function unknown(text: string, policies: readonly Policy[]): Error {
  const names = policies.map(({ namespace, name }) => (namespace === '' ? name : `${namespace}/${name}`));
  const guess = nearest(text, [...names, ...policies.map(({ name }) => name)]);
  const hint = guess === undefined ? 'sluice policy list shows all that there are' : `did you mean ${guess}?`;
  return new Error(`there is no policy "${text}": ${hint}`);
}

async function fetchDetails(
  { connection, unary }: Server,
  policies: readonly Policy[],
  nodeNames: string[],
  revisions: number,
): Promise<PolicyDetail[]> {
  const details: PolicyDetail[] = [];
  for (const { cluster, kind, namespace, name } of policies) {
    const request = { cluster, kind, namespace, name, nodeNames, revisions };
    const response = await callUnary(connection, Policies.method.getPolicy, request, unary);
    details.push(...response.policies);
  }
  return details;
}

function textOf(details: readonly PolicyDetail[], nodes: readonly NodeAnswer[], format: string): string {
  if (format === 'json') {
    return listJson(details.map((one) => JSON.parse(messageJson(PolicyDetailSchema, one)) as unknown));
  }
  const texts = details.map((one) => (format === 'yaml' ? one.manifest : detailText(one, nodes, Date.now())));
  return escapeTerminal(texts.join(format === 'yaml' ? '---\n' : '\n'), false);
}
