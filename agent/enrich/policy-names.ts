import { create, toBinary } from '@bufbuild/protobuf';
import { FlowSchema } from '../../proto/gen/flow/flow_pb.ts';
import type { NamedRule } from '../../policy/index.ts';

/** The lists of a flow that name rules. */
export type PolicyList = 'egressAllowedBy' | 'ingressAllowedBy' | 'egressDeniedBy' | 'ingressDeniedBy';

const NOTHING = new Uint8Array(0);
/** Beyond so many cookies those told first are forgotten: of rules that are gone, as long as a node has not more than that. */
const MAX_COOKIES = 65_536;

interface KnownRules {
  readonly rules: readonly NamedRule[];
  /** Policy fields by list, as of `revision`. */
  readonly encoded: Map<PolicyList, Uint8Array>;
  revision: number;
}

/** Names of the rules behind a verdict, encoded once for each list and revision of the policies. */
export class PolicyNames {
  private readonly byCookie = new Map<number, KnownRules>();
  private revision = 0;

  /** Takes rules by cookie, and that policies have come to a revision. */
  set(
    revision: number,
    rules: readonly { readonly cookie: number; readonly rules: readonly NamedRule[] }[],
  ): void {
    this.revision = revision;
    for (const { cookie, rules: named } of rules) {
      this.byCookie.delete(cookie);
      this.byCookie.set(cookie, { rules: named, encoded: new Map(), revision });
    }
    for (const cookie of this.byCookie.keys()) {
      if (this.byCookie.size <= MAX_COOKIES) break;
      this.byCookie.delete(cookie);
    }
  }

  /** The policy fields (21001 to 21006) of a flow whose verdict a cookie explains; empty for 0 and for one that is not known. */
  fields(cookie: number, list: PolicyList): Uint8Array {
    const known = this.byCookie.get(cookie);
    if (known === undefined) return NOTHING;
    if (known.revision !== this.revision) {
      known.encoded.clear();
      known.revision = this.revision;
    }
    let bytes = known.encoded.get(list);
    if (bytes === undefined) known.encoded.set(list, (bytes = encode(known.rules, list, this.revision)));
    return bytes;
  }
}

function encode(rules: readonly NamedRule[], list: PolicyList, revision: number): Uint8Array {
  const policies = new Map<
    string,
    { name: string; namespace: string; kind: string; labels: string[]; revision: bigint }
  >();
  for (const { name, namespace, kind, labels } of rules) {
    // Entries of one object with equal labels are one policy.
    policies.set(labels.join(), { name, namespace, kind, labels: [...labels], revision: BigInt(revision) });
  }
  const policyLog = [...new Set(rules.map(({ log }) => log))].sort();
  // A rule without a text of its own counts only if none has one.
  const texts = policyLog.length > 1 ? policyLog.filter((text) => text !== '') : policyLog;
  return toBinary(FlowSchema, create(FlowSchema, { [list]: [...policies.values()], policyLog: texts }));
}
