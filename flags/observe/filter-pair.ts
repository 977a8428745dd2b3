import { create, equals } from '@bufbuild/protobuf';
import {
  type FlowFilter,
  FlowFilter_ExperimentalSchema,
  FlowFilterSchema,
  IPVersion,
  NetworkInterfaceSchema,
} from '../../proto/gen/flow/flow_pb.ts';
import { type FlagUse, UsageError } from '../flag-spec.ts';
import { completeNames, type End } from './complete-names.ts';
import { exclusiveGroups } from './exclusive-groups.ts';
import * as values from './filter-values.ts';

/** Puts the value of a flag into a filter. `flag` is for messages. */
type Put = (filter: FlowFilter, flag: string, text: string) => void;
type PutEnd = (filter: FlowFilter, end: End, flag: string, text: string) => void;

/** What flags that concern no end put into both filters, by name of the flag. */
const wholeFlow: Readonly<Record<string, Put>> = {
  uuid: (f, _, text) => f.uuid.push(text),
  'node-name': (f, _, text) => f.nodeName.push(text),
  'node-label': (f, _, text) => f.nodeLabels.push(text),
  protocol: (f, _, text) => f.protocol.push(text),
  'tcp-flags': (f, flag, text) => f.tcpFlags.push(values.tcpFlagsValue(flag, text)),
  type: (f, flag, text) => f.eventType.push(values.eventTypeValue(flag, text)),
  verdict: (f, flag, text) => f.verdict.push(values.verdictValue(flag, text)),
  'drop-reason-desc': (f, flag, text) => f.dropReasonDesc.push(values.dropReasonValue(flag, text)),
  'http-status': (f, _, text) => f.httpStatusCode.push(text),
  'http-method': (f, _, text) => f.httpMethod.push(text),
  'http-path': (f, _, text) => f.httpPath.push(text),
  'http-url': (f, _, text) => f.httpUrl.push(text),
  'http-header': (f, flag, text) => f.httpHeader.push(values.httpHeaderValue(flag, text)),
  'trace-id': (f, _, text) => f.traceId.push(text),
  'ip-trace-id': (f, flag, text) => f.ipTraceId.push(values.ipTraceIdValue(flag, text)),
  'snat-ip': (f, _, text) => f.sourceIpXlated.push(text),
  ipv4: (f) => f.ipVersion.push(IPVersion.IPv4),
  ipv6: (f) => f.ipVersion.push(IPVersion.IPv6),
  'ip-version': (f, _, text) => f.ipVersion.push(values.ipVersionValue(text)),
  'traffic-direction': (f, flag, text) => f.trafficDirection.push(values.directionValue(flag, text)),
  interface: (f, _, text) => f.interface.push(create(NetworkInterfaceSchema, { name: text })),
  encrypted: (f) => f.encrypted.push(true),
  unencrypted: (f) => f.encrypted.push(false),
  reply: (f) => f.reply.push(true),
  'not-reply': (f) => f.reply.push(false),
  'cel-expression': (f, _, text) => {
    f.experimental ??= create(FlowFilter_ExperimentalSchema);
    f.experimental.celExpression.push(text);
  },
};

/** What `--x`, `--from-x` and `--to-x` put into the fields of an end, by x. */
const oneEnd: Readonly<Record<string, PutEnd>> = {
  pod: (f, end, _, text) => f[`${end}Pod`].push(text),
  service: (f, end, _, text) => f[`${end}Service`].push(text),
  workload: (f, end, _, text) => f[`${end}Workload`].push(values.workloadValue(text)),
  label: (f, end, _, text) => f[`${end}Label`].push(text),
  cluster: (f, end, _, text) => f[`${end}ClusterName`].push(text),
  identity: (f, end, flag, text) => f[`${end}Identity`].push(values.identityValue(flag, text)),
  ip: (f, end, _, text) => f[`${end}Ip`].push(text),
  fqdn: (f, end, _, text) => f[`${end}Fqdn`].push(text),
  port: (f, end, _, text) => f[`${end}Port`].push(text),
};

/**
 * The filters that the flags of one side of `--not` build: a pair, left and right. What is asked of "one end" goes to the source in the left filter and to the
 * destination in the right one; everything else goes to both. A flow matches when either filter does, so equal filters are sent once.
 */
export class FilterPair {
  private readonly left = create(FlowFilterSchema);
  private readonly right = create(FlowFilterSchema);
  private readonly used = new Set<string>();
  private readonly namespaces: Readonly<Record<'left' | 'right', Record<End, string[]>>> = {
    left: { source: [], destination: [] },
    right: { source: [], destination: [] },
  };

  /** Adds a filter flag. Throws UsageError for a value that is none, and for flags that exclude each other. */
  add({ spec: { name }, text }: FlagUse): void {
    for (const group of exclusiveGroups) {
      const other = group.includes(name)
        ? group.find((member) => member !== name && this.used.has(member))
        : undefined;
      if (other !== undefined) throw new UsageError(`--${name} and --${other} cannot be used together`);
    }
    this.used.add(name);
    const put = wholeFlow[name];
    if (put === undefined) this.addEnd(name, text);
    else for (const filter of [this.left, this.right]) put(filter, `--${name}`, text);
  }

  private addEnd(name: string, text: string): void {
    const [, side, topic] = /^(?:(from|to)-)?(.*)$/.exec(name)!;
    // Without a side: the source in the left filter, the destination in the right one.
    const ends: readonly (readonly ['left' | 'right', End])[] =
      side === undefined
        ? [
            ['left', 'source'],
            ['right', 'destination'],
          ]
        : [
            ['left', side === 'from' ? 'source' : 'destination'],
            ['right', side === 'from' ? 'source' : 'destination'],
          ];
    for (const [filter, end] of ends) {
      if (topic === 'namespace') this.namespaces[filter][end].push(text);
      else if (topic === 'all-namespaces') this.namespaces[filter][end].push('');
      else oneEnd[topic](this[filter], end, `--${name}`, text);
    }
  }

  /** The finished filters: none, one when both are equal, or two. Throws UsageError when names and namespaces contradict each other. */
  finish(): FlowFilter[] {
    if (this.used.size === 0) return [];
    for (const side of ['left', 'right'] as const) {
      for (const end of ['source', 'destination'] as const) {
        completeNames(this[side], end, this.namespaces[side][end]);
      }
    }
    return equals(FlowFilterSchema, this.left, this.right) ? [this.left] : [this.left, this.right];
  }
}
