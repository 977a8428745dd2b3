import type { Flow } from '../../proto/gen/flow/flow_pb.ts';

/** What regular expressions of RE2 mean, as JavaScript says it. */
export const plainPatterns: Readonly<Record<string, RegExp>> = {
  '': /(?:)/u,
  '^/api': /^\/api/u,
  api: /api/u,
  '(?i)API': /api/iu,
  '^$': /^$/u,
  'v[0-9]+/users$': /v[0-9]+\/users$/u,
  '^/a.b$': /^\/a.b$/u,
  '(?s)^.+$': /^.+$/su,
  '.': /./u,
  '\\.org\\.$': /\.org\.$/u,
  '\\pL': /\p{L}/u,
  '[[:upper:]]': /[A-Z]/u,
  '\\Q.*\\E|\\*': /\.\*|\*/u,
  '^(?:/[a-z]+){2}$': /^(?:\/[a-z]+){2}$/u,
  '\\Aexample\\z|x{1,2}': /^example$|x{1,2}/u,
};

/** The decoded path of a URL: one expression for each form that a URL may have. */
export function plainPath(url: string): string | null {
  const isControl = (char: string): boolean => char < ' ' || char === '\x7f';
  if (Array.from(url).some(isControl)) return null;
  if (url === '*') return '*';
  const [whole] = url.split('?', 1);
  const path =
    /^\/.*$/s.exec(whole)?.[0] ??
    /^[a-z][a-z0-9+.-]*:(?!\/)().*$/is.exec(whole)?.[1] ??
    /^[a-z][a-z0-9+.-]*:(\/(?!\/).*)$/is.exec(whole)?.[1] ??
    /^[a-z][a-z0-9+.-]*:\/\/(?:(?:[\w\-.~!$&'()*+,;=:@]|%[0-9a-f]{2})*@)?(?:\[[^\]/]*\]|(?:[\w\-.~!$&'()*+,;=<>"\u0080-\uffff]|%[89a-f][0-9a-f])*)(?::\d*)?(|\/.*)$/is.exec(
      whole,
    )?.[1];
  if (path === undefined || /%(?![0-9a-f]{2})/i.test(path)) return null;
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

const httpOf = (flow: Flow) => (flow.l7?.record.case === 'http' ? flow.l7.record.value : undefined);
const tcpOf = (flow: Flow) => (flow.l4?.protocol.case === 'TCP' ? flow.l4.protocol.value : undefined);

/** What CEL expressions mean; null where one fails on a flow. */
export const plainExpressions: Readonly<Record<string, (flow: Flow) => boolean | null>> = {
  true: () => true,
  '_flow.verdict == Verdict.DROPPED': ({ verdict }) => verdict === 2,
  '_flow.verdict in [flow.Verdict.FORWARDED, Verdict.VERDICT_UNKNOWN]': ({ verdict }) => verdict < 2,
  '_flow.source.namespace == "shop" && _flow.source.identity > 1u': ({ source }) =>
    source?.namespace === 'shop' && source.identity > 1,
  '_flow.source.labels.exists(l, l.startsWith("k8s:app"))': ({ source }) =>
    source?.labels.some((label) => label.startsWith('k8s:app')) === true,
  '_flow.source.labels.all(l, l != "")': ({ source }) =>
    source?.labels.every((label) => label !== '') ?? true,
  '_flow.destination.labels.filter(l, l.contains("app")).size() > 1': ({ destination }) =>
    (destination?.labels ?? []).filter((label) => label.includes('app')).length > 1,
  '_flow.source.labels.exists(a, a in _flow.destination.labels)': ({ source, destination }) =>
    source?.labels.some((label) => destination?.labels.includes(label)) === true,
  '_flow.source.workloads.exists_one(w, w.kind == "Pod")': ({ source }) =>
    source?.workloads.filter(({ kind }) => kind === 'Pod').length === 1,
  '_flow.source.workloads.map(w, w.name) == ["web"]': ({ source }) =>
    source?.workloads.length === 1 && source.workloads[0].name === 'web',
  '_flow.is_reply == true': ({ isReply }) => isReply === true,
  '_flow.is_reply == null': ({ isReply }) => isReply === undefined,
  '!_flow.is_reply': ({ isReply }) => (isReply === undefined ? null : !isReply),
  'has(_flow.l4.TCP) && _flow.l4.TCP.flags.SYN': (flow) => tcpOf(flow)?.flags?.SYN === true,
  'has(_flow.source.namespace)': ({ source }) => source !== undefined && source.namespace !== '',
  'has(_flow.source.identity) || has(_flow.interface)': (flow) =>
    (flow.source?.identity ?? 0) !== 0 || flow.interface !== undefined,
  'has(_flow.node_labels) == has(_flow.l7.http)': (flow) =>
    flow.nodeLabels.length > 0 === (httpOf(flow) !== undefined),
  '_flow.l4.TCP.destination_port in [80u, 53u]': (flow) =>
    [80, 53].includes(tcpOf(flow)?.destinationPort ?? 0),
  '_flow.l7.http.code >= 400u': (flow) => (httpOf(flow)?.code ?? 0) >= 400,
  '_flow.l7.http.url.matches("^/api")': (flow) => httpOf(flow)?.url.startsWith('/api') === true,
  '_flow.l7.http.headers.exists(h, h.key == "Host")': (flow) =>
    httpOf(flow)?.headers.some(({ key }) => key === 'Host') === true,
  '_flow.source_names[1] == "example.org"': ({ sourceNames }) =>
    sourceNames.length > 1 ? sourceNames[1] === 'example.org' : null,
  '_flow.destination_names[0] != "" || true': () => true,
  '_flow.event_type.type - 1 == _flow.event_type.sub_type': ({ eventType }) =>
    (eventType?.type ?? 0) - 1 === (eventType?.subType ?? 0),
  '_flow.time < timestamp("1970-01-01T00:00:00Z")': ({ time }) =>
    time !== undefined && (time.seconds === 0n ? time.nanos < 0 : time.seconds < 0n),
  '_flow.source == _flow.source && type(_flow) == Flow': () => true,
  '_flow.ip_trace_id.trace_id == 2u ? size(_flow.node_name) > 2 : _flow.uuid == "u1"': (flow) =>
    flow.ipTraceId?.traceId === 2n ? Array.from(flow.nodeName).length > 2 : flow.uuid === 'u1',
};
