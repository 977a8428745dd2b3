import { create, equals } from '@bufbuild/protobuf';
import {
  type FlowFilter,
  FlowFilter_ExperimentalSchema,
  FlowFilterSchema,
  NetworkInterfaceSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { type FlagUse, UsageError } from '../flags/flag-spec.ts';
import { exclusiveGroups, filterFlags } from './filter-flags.ts';
import {
  directionValue,
  dropReasonValue,
  eventTypeValue,
  httpHeaderValue,
  identityValue,
  ipTraceIdValue,
  ipVersionValue,
  tcpFlagsValue,
  verdictValue,
  workloadValue,
} from './filter-values.ts';

/**
 * The filters that flags of one side of `--not` build: a pair, left and right. What is asked of "one end" goes to the source in the left filter and to the destination in the
 * right one; everything else goes to both. Equal filters count once.
 */
class FilterPair {
  readonly left = create(FlowFilterSchema);
  readonly right = create(FlowFilterSchema);
  private readonly used = new Set<string>();
  private readonly namespaces = { left: [] as string[], right: [] as string[] };
  private readonly fromNamespaces: string[] = [];
  private readonly toNamespaces: string[] = [];

  get isUsed(): boolean {
    return this.used.size > 0;
  }

  add({ spec, text }: FlagUse): void {
    for (const group of exclusiveGroups) {
      const other = group.includes(spec.name)
        ? group.find((name) => name !== spec.name && this.used.has(name))
        : undefined;
      if (other !== undefined) throw new UsageError(`--${spec.name} and --${other} cannot be used together`);
    }
    this.used.add(spec.name);
    this.apply(spec.name, text);
  }

  private both(change: (filter: FlowFilter) => void): void {
    change(this.left);
    change(this.right);
  }

  private apply(name: string, text: string): void {
    if (this.applyEnd(name, text)) return;
    switch (name) {
      case 'uuid':
        this.both((f) => f.uuid.push(text));
        return;
      case 'node-name':
        this.both((f) => f.nodeName.push(text));
        return;
      case 'node-label':
        this.both((f) => f.nodeLabels.push(text));
        return;
      case 'protocol':
        this.both((f) => f.protocol.push(text));
        return;
      case 'tcp-flags':
        this.both((f) => f.tcpFlags.push(tcpFlagsValue(name, text)));
        return;
      case 'type':
        this.both((f) => f.eventType.push(eventTypeValue(name, text)));
        return;
      case 'verdict':
        this.both((f) => f.verdict.push(verdictValue(name, text) as never));
        return;
      case 'drop-reason-desc':
        this.both((f) => f.dropReasonDesc.push(dropReasonValue(name, text) as never));
        return;
      case 'http-status':
        this.both((f) => f.httpStatusCode.push(text));
        return;
      case 'http-method':
        this.both((f) => f.httpMethod.push(text));
        return;
      case 'http-path':
        this.both((f) => f.httpPath.push(text));
        return;
      case 'http-url':
        this.both((f) => f.httpUrl.push(text));
        return;
      case 'http-header':
        this.both((f) => f.httpHeader.push(httpHeaderValue(name, text)));
        return;
      case 'trace-id':
        this.both((f) => f.traceId.push(text));
        return;
      case 'ip-trace-id':
        this.both((f) => f.ipTraceId.push(ipTraceIdValue(name, text)));
        return;
      case 'snat-ip':
        this.both((f) => f.sourceIpXlated.push(text));
        return;
      case 'ipv4':
        this.both((f) => f.ipVersion.push(1));
        return;
      case 'ipv6':
        this.both((f) => f.ipVersion.push(2));
        return;
      case 'ip-version':
        this.both((f) => f.ipVersion.push(ipVersionValue(text)));
        return;
      case 'traffic-direction':
        this.both((f) => f.trafficDirection.push(directionValue(name, text)));
        return;
      case 'interface':
        this.both((f) => f.interface.push(create(NetworkInterfaceSchema, { name: text })));
        return;
      case 'encrypted':
      case 'unencrypted':
        this.both((f) => f.encrypted.push(name === 'encrypted'));
        return;
      case 'reply':
      case 'not-reply':
        this.both((f) => f.reply.push(name === 'reply'));
        return;
      case 'cel-expression':
        this.both((f) => {
          f.experimental ??= create(FlowFilter_ExperimentalSchema);
          f.experimental.celExpression.push(text);
        });
        return;
      default:
        throw new Error(`filter flag --${name} without an effect`);
    }
  }

  /** Flags that come in three: `--x`, `--from-x`, `--to-x`. */
  private applyEnd(name: string, text: string): boolean {
    const [, side, topic] = /^(?:(from|to)-)?(.*)$/.exec(name)!;
    if (topic === 'namespace' || topic === 'all-namespaces') {
      const namespace = topic === 'namespace' ? text : '';
      if (side !== 'to') (side === 'from' ? this.fromNamespaces : this.namespaces.left).push(namespace);
      if (side !== 'from') (side === 'to' ? this.toNamespaces : this.namespaces.right).push(namespace);
      return true;
    }
    const put = endFields[topic];
    if (put === undefined) return false;
    if (side !== 'to') put(this.left, 'source', name, text);
    if (side === 'from') put(this.right, 'source', name, text);
    if (side !== 'from') put(this.right, 'destination', name, text);
    if (side === 'to') put(this.left, 'destination', name, text);
    return true;
  }

  /** The finished filters: one when both sides are equal. Throws UsageError when names and namespaces contradict each other. */
  finish(): FlowFilter[] {
    completeNames(this.left, 'source', [...this.namespaces.left, ...this.fromNamespaces]);
    completeNames(this.left, 'destination', this.toNamespaces);
    completeNames(this.right, 'source', this.fromNamespaces);
    completeNames(this.right, 'destination', [...this.namespaces.right, ...this.toNamespaces]);
    return equals(FlowFilterSchema, this.left, this.right) ? [this.left] : [this.left, this.right];
  }
}

type End = 'source' | 'destination';

/** Where the three-fold flags put their value, by topic. */
const endFields: Readonly<
  Record<string, (filter: FlowFilter, end: End, flag: string, text: string) => void>
> = {
  pod: (f, end, _flag, text) => f[`${end}Pod`].push(text),
  service: (f, end, _flag, text) => f[`${end}Service`].push(text),
  workload: (f, end, _flag, text) => f[`${end}Workload`].push(workloadValue(text)),
  label: (f, end, _flag, text) => f[`${end}Label`].push(text),
  cluster: (f, end, _flag, text) => f[`${end}ClusterName`].push(text),
  identity: (f, end, flag, text) => f[`${end}Identity`].push(identityValue(flag, text)),
  ip: (f, end, _flag, text) => f[`${end}Ip`].push(text),
  fqdn: (f, end, _flag, text) => f[`${end}Fqdn`].push(text),
  port: (f, end, _flag, text) => f[`${end}Port`].push(text),
};

const namespaceOf = (entry: string): string | null =>
  entry.includes('/') ? entry.slice(0, entry.indexOf('/')) : null;

/** Checks a side's pod and service entries against its namespaces and each other, and puts the namespaces in front of entries without one. */
function completeNames(filter: FlowFilter, end: End, namespaces: readonly string[]): void {
  const pods = filter[`${end}Pod`];
  const services = filter[`${end}Service`];
  for (const entry of [...pods, ...services]) {
    const named = namespaceOf(entry);
    const conflict =
      named === null || named === '' ? undefined : namespaces.find((namespace) => namespace !== named);
    if (conflict !== undefined) {
      throw new UsageError(`"${entry}" names another namespace than the namespace flags do ("${conflict}")`);
    }
  }
  for (const pod of pods) {
    const podNamespace = namespaceOf(pod);
    if (podNamespace === null || podNamespace === '') continue;
    const service = services.find((entry) => namespaceOf(entry) !== podNamespace);
    if (service !== undefined) {
      throw new UsageError(
        `pod "${pod}" and service "${service}" are of different namespaces: no flow can match`,
      );
    }
  }
  if (namespaces.length === 0) return;
  if (pods.length === 0 && services.length === 0) pods.push('');
  const complete = (entries: string[]): void => {
    const full = entries.flatMap((entry) =>
      entry.includes('/') ? [entry] : namespaces.map((namespace) => `${namespace}/${entry}`),
    );
    entries.splice(0, entries.length, ...full);
  };
  complete(pods);
  complete(services);
}

const filterNames = new Set(filterFlags.map(({ name }) => name));

/** Whitelist and blacklist that the filter flags of a command line ask for. Throws UsageError. */
export function buildFilters(uses: readonly FlagUse[]): { whitelist: FlowFilter[]; blacklist: FlowFilter[] } {
  const allow = new FilterPair();
  const deny = new FilterPair();
  let negated = false;
  for (const use of uses) {
    if (!filterNames.has(use.spec.name)) continue;
    if (use.spec.name === 'not') {
      if (negated) throw new UsageError('--not twice in a row: it turns the next filter around, once');
      negated = true;
      continue;
    }
    (negated ? deny : allow).add(use);
    negated = false;
  }
  if (negated) throw new UsageError('--not at the end: it needs a filter behind it');
  return {
    whitelist: allow.isUsed ? allow.finish() : [],
    blacklist: deny.isUsed ? deny.finish() : [],
  };
}
