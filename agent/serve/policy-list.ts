import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { policyKey } from '../../policy/index.ts';
import { type Problem, ProblemSchema } from '../../proto/gen/sluice/v1/diagnostics_pb.ts';
import {
  Direction,
  EnforcementMode,
  type NodeAnswer,
  NodeAnswerSchema,
  NodeAnswerState,
  type Policy,
  PolicySchema,
  type PolicyRuleSchema,
  PolicyState,
} from '../../proto/gen/sluice/v1/policy_pb.ts';
import type { BookedPolicy } from '../policy/policy-book.ts';
import { NODE } from '../policy/policy-enforcement.ts';
import type { ManifestRemark, PolicySource } from '../policy/policy-sources.ts';
import { ruleAddress, rulePlaces } from '../policy/rule-places.ts';
import type { NodeView } from './node-view.ts';
import { PolicyCounts } from './policy-counts.ts';

const modes = {
  default: EnforcementMode.DEFAULT,
  always: EnforcementMode.ALWAYS,
  never: EnforcementMode.NEVER,
} as const;
const MAX_PROBLEMS = 20;
const MAX_RULES = 2000;

/** The object that a remark is about, as messages name it: `CiliumNetworkPolicy "shop/web"`. */
const OBJECT = /^(\w+) "(?:([^"/]*)\/)?([^"/]*)"$/;

/** The policies of a node as its services tell them, as of one moment. */
export class PolicyList {
  private readonly view: NodeView;
  private readonly nodeName: string;
  private readonly counts: PolicyCounts;
  private readonly remarks: ReadonlyMap<string, readonly ManifestRemark[]>;

  /** @param nodeName as flows have it */
  constructor(view: NodeView, nodeName: string, nowMs: number = Date.now()) {
    this.view = view;
    this.nodeName = nodeName;
    this.counts = new PolicyCounts(view.hits, view.policies.state.rules, nowMs);
    this.remarks = Map.groupBy(view.book.remarks, ({ object }) => keyOfObject(object) ?? '');
  }

  /** How the node takes part in an answer. */
  get node(): NodeAnswer {
    const { view, counts } = this;
    return create(NodeAnswerSchema, {
      nodeName: this.nodeName,
      state: NodeAnswerState.ANSWERED,
      revision: BigInt(view.policies.revision),
      started: timestampFromMs(view.options.startedMs),
      defaultDeny: counts.defaultDeny.message(counts.sinceMs),
      implied: counts.implied.message(counts.sinceMs),
      forgotten: counts.forgotten.message(counts.sinceMs),
      mode: modes[view.options.mode],
      audits: view.options.audits,
    });
  }

  /** In no particular order. Policies that never were right are among them. */
  list(withRemoved: boolean): Policy[] {
    const booked = this.view.book.list(withRemoved);
    const keys = new Set(booked.map(({ policy }) => policyKey(policy)));
    const invalid = [...this.remarks].filter(([key]) => key !== '' && !keys.has(key));
    return [
      ...booked.map((one) => this.message(one)),
      ...invalid.flatMap(([, remarks]) => this.invalid(remarks)),
    ];
  }

  message(booked: BookedPolicy): Policy {
    const { policy, isRemoved, revision, changedMs, digest } = booked;
    const source = this.view.sources.of(policy);
    const flowed = { ...policy, name: policy.flowName };
    const problems = isRemoved ? [] : this.problemsOf(booked);
    const isFailing = problems.some(({ isFailure }) => isFailure);
    const changed = timestampFromMs(changedMs);
    const rules = isRemoved ? [] : this.rulesOf(booked, source);
    return create(PolicySchema, {
      cluster: this.view.options.clusterName,
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name,
      flowName: policy.flowName,
      uid: policy.uid,
      file: source.file,
      line: source.line,
      state: this.stateOf(booked, isFailing),
      digest,
      revision: BigInt(revision),
      changed,
      endpoints: this.view.policies.state.selectedBy(policyKey(policy)).length,
      counts: this.counts.ofPolicy(flowed).message(this.sinceMs(changedMs)),
      rules: rules.slice(0, MAX_RULES),
      ruleCount: rules.length,
      problems: problems.slice(0, MAX_PROBLEMS).map(({ message }) => message),
      nodesEnforced: isFailing || isRemoved ? 0 : 1,
      nodesTotal: 1,
      versions: [
        {
          digest,
          nodes: 1,
          nodesEnforced: isFailing || isRemoved ? 0 : 1,
          nodeNames: [this.nodeName],
          changed,
          wasReadAtStart: booked.wasReadAtStart,
        },
      ],
      nodesBehind: isFailing ? [this.nodeName] : [],
      description: policy.ruleSets.find(({ description }) => description !== '')?.description ?? '',
    });
  }

  private stateOf({ policy, isRemoved }: BookedPolicy, isFailing: boolean): PolicyState {
    if (isRemoved) return PolicyState.REMOVED;
    if (isFailing) return PolicyState.INCOMPLETE;
    const remarks = this.remarks.get(policyKey(policy)) ?? [];
    return remarks.some(({ isNote }) => !isNote) ? PolicyState.STALE : PolicyState.IN_FORCE;
  }

  private rulesOf(
    { policy, changedMs }: BookedPolicy,
    source: PolicySource,
  ): MessageInitShape<typeof PolicyRuleSchema>[] {
    // The places of rules are known by their paths: the object itself is not needed.
    const places = rulePlaces(policy, {});
    const flowed = { ...policy, name: policy.flowName };
    const rules = places.map(({ path, direction, isDeny }) => {
      const lines = source.rules.get(path) ?? { first: 0, last: 0 };
      return {
        address: ruleAddress(policy, path),
        path,
        direction: direction === 'ingress' ? Direction.INGRESS : Direction.EGRESS,
        denies: isDeny,
        line: lines.first,
        lastLine: lines.last,
        counts: this.counts.ofRule(flowed, path).message(this.sinceMs(changedMs)),
      };
    });
    return rules.sort((a, b) => a.line - b.line);
  }

  /** From when on a rule of a policy that came later could have decided. */
  private sinceMs(changedMs: number): number {
    return Math.max(this.counts.sinceMs, changedMs);
  }

  private problemsOf({ policy }: BookedPolicy): { message: Problem; isFailure: boolean }[] {
    const key = policyKey(policy);
    const remarks = (this.remarks.get(key) ?? []).map((remark) => ({
      message: problemOf(remark),
      isFailure: false,
    }));
    return [...this.failuresOf(key), ...remarks, ...this.hostRemark(policy)];
  }

  /** Endpoints that it selects, and for which it is not in force. */
  private failuresOf(key: string): { message: Problem; isFailure: boolean }[] {
    const { policies } = this.view;
    return policies.state.selectedBy(key).flatMap((endpoint) => {
      const { set } = policies.endpointState(endpoint);
      if (set === undefined || set.failure === null) return [];
      const state = set.isDenied ? 'everything is denied to it' : 'its earlier policy stays in force';
      const where = endpoint === NODE ? endpoint : `pod ${endpoint}`;
      const message = create(ProblemSchema, { where, message: `${set.failure}: ${state}` });
      return [{ message, isFailure: true }];
    });
  }

  private hostRemark({ ruleSets }: BookedPolicy['policy']): { message: Problem; isFailure: boolean }[] {
    const isForNodes = ruleSets.some(({ subject }) => subject.kind === 'nodes');
    if (!isForNodes || this.view.options.hostFirewall) return [];
    const message = create(ProblemSchema, {
      where: this.nodeName,
      message: 'polices nodes, and this agent runs without --host-firewall: it does nothing here',
    });
    return [{ message, isFailure: false }];
  }

  /** A policy of which nothing is in force. */
  private invalid(remarks: readonly ManifestRemark[]): Policy[] {
    const [, kind, namespace = '', name] = OBJECT.exec(remarks[0].object)!;
    const problems = remarks.filter(({ isNote }) => !isNote);
    if (problems.length === 0) return [];
    return [
      create(PolicySchema, {
        cluster: this.view.options.clusterName,
        kind,
        namespace,
        name,
        flowName: name,
        file: problems[0].file,
        line: problems[0].line,
        state: PolicyState.INVALID,
        problems: problems.slice(0, MAX_PROBLEMS).map(problemOf),
        nodesTotal: 1,
        versions: [{ nodes: 1, nodeNames: [this.nodeName] }],
        nodesBehind: [this.nodeName],
      }),
    ];
  }
}

function problemOf({ file, line, column, message, isNote }: ManifestRemark): Problem {
  return create(ProblemSchema, {
    where: `${file}:${line}:${column}`,
    message: isNote ? `note: ${message}` : message,
  });
}

/** As `policyKey`; null for what names no object. */
function keyOfObject(object: string): string | null {
  const found = OBJECT.exec(object);
  return found === null ? null : `${found[1]}/${found[2] ?? ''}/${found[3]}`;
}
