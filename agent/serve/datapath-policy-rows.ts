import { create } from '@bufbuild/protobuf';
import type { NamedRule } from '../../policy/index.ts';
import { type PolicyMapRow, PolicyMapRowSchema } from '../../proto/gen/sluice/v1/datapath_pb.ts';
import { type Counts, Direction } from '../../proto/gen/sluice/v1/policy_pb.ts';
import { encodeU32 } from '../datapath/map-layout.ts';
import { NODE } from '../policy/policy-enforcement.ts';
import { decodeEndpointPolicy, decodePolicyEntry, NODE_ENDPOINT_ID } from '../policy/policy-layout.ts';
import { ruleAddress } from '../policy/rule-places.ts';
import type { RowBatches, TableContext } from './datapath-tables.ts';
import { Tally } from './policy-counts.ts';

/** Names of endpoints and of rules in one row. */
const MAX_NAMES = 20;

/** Who has a set of entries. */
interface SetUsers {
  readonly ids: number[];
  readonly names: string[];
}

/** Entries of the policy map, each with the endpoints that have it and the rules that made it. */
export function* policyRows(context: TableContext): RowBatches<PolicyMapRow> {
  const { view, names, filter } = context;
  const users = usersOf(context);
  const { rules } = view.policies.state;
  const hits = view.hits.read(Date.now());
  const countsOf = (cookie: number, denies: boolean): Counts => {
    const tally = new Tally();
    const known = hits.get(cookie);
    if (known !== undefined) tally.add(known, denies);
    return tally.message(view.hits.sinceMs);
  };
  for (const batch of view.datapath.map('policy').batches()) {
    const rows: PolicyMapRow[] = [];
    for (const [key, value] of batch) {
      const entry = decodePolicyEntry(key, value);
      const { setId, identity, protocol, port, prefixLength, verdict, cookie } = entry;
      const owners = users.get(setId);
      // A set that nobody has is about to go.
      if (owners === undefined || !filter.wantsIdentities([identity])) continue;
      const lastPort = protocol === 0 ? 0 : port | (0xffff >> prefixLength);
      const l4 = filter.l4;
      if (l4.protocol !== 0 && protocol !== 0 && protocol !== l4.protocol) continue;
      if (protocol !== 0 && !filter.wantsPorts(port, lastPort)) continue;
      const named = rules.rulesOf(cookie);
      const row = create(PolicyMapRowSchema, {
        endpointIds: owners.ids,
        endpoints: owners.names,
        policySet: setId,
        direction: entry.direction === 'ingress' ? Direction.INGRESS : Direction.EGRESS,
        peer: names.identity(identity),
        protocol,
        port,
        lastPort,
        denies: verdict === 'deny',
        matchType: entry.matchType,
        cookie,
        rules: named.map((rule) => (rule.kind === '' ? rule.labels.join(',') : ruleAddress(rule, rule.path))),
        counts: countsOf(cookie, verdict === 'deny'),
      });
      rows.push(row);
    }
    yield { rows, read: batch.length };
  }
}

/** The wanted endpoints by the set of entries that they are led to. */
function usersOf({ view, filter }: TableContext): Map<number, SetUsers> {
  const headers = view.datapath.map('endpoint_policies');
  const users = new Map<number, SetUsers>();
  const add = (id: number, name: string): void => {
    if (!filter.wantsEndpoints([id]) || !filter.wantsNames(id === NODE_ENDPOINT_ID ? [] : [name])) return;
    const header = headers.lookup(encodeU32(id));
    if (header === null) return;
    const { setId } = decodeEndpointPolicy(header);
    const known = users.get(setId) ?? { ids: [], names: [] };
    known.ids.push(id);
    if (known.names.length < MAX_NAMES) known.names.push(name);
    users.set(setId, known);
  };
  add(NODE_ENDPOINT_ID, NODE);
  for (const { id, pod } of view.datapath.endpoints) add(id, `${pod.namespace}/${pod.podName}`);
  return users;
}

const DERIVED_FROM = 'reserved:io.cilium.policy.derived-from=';

/** A rule's address; what no policy says by where it comes from, such as `allow-localhost-ingress`. */
export function ruleText(rule: NamedRule): string {
  return rule.kind === '' ? rule.labels.join(',').replace(DERIVED_FROM, '') : ruleAddress(rule, rule.path);
}
