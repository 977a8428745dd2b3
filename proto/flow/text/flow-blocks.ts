import { DebugCapturePoint, type Flow, L7FlowType, Verdict } from '../../gen/flow/flow_pb.ts';
import {
  authTypeName,
  directionName,
  dropReasonText,
  enumName,
  identityText,
  policyMatchText,
  tracePointName,
  verdictName,
} from './names.ts';
import { type Colour, type Paint } from './terminal.ts';

const EVENT_DROP = 1;
const EVENT_CAPTURE = 3;
const EVENT_TRACE = 4;
const EVENT_POLICY_VERDICT = 5;
const EVENT_TRACE_SOCK = 7;

/** How flows are turned into text. */
export interface TextOptions {
  /** Names instead of addresses where they are known. */
  readonly names: boolean;
  readonly policyNames: boolean;
  readonly paint: Paint;
}

/** `a/b` cleaned as a file path is: doubled and trailing slashes and `.` go, `..` takes the part before it. */
function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !rooted) parts.push(part);
  }
  const joined = parts.join('/');
  return rooted ? `/${joined}` : joined === '' ? '.' : joined;
}

function namespaced(namespace: string, name: string): string {
  return namespace === '' ? name : cleanPath(`${namespace}/${name}`);
}

function hostText(
  ip: string,
  endpoint: Flow['source'],
  service: Flow['sourceService'],
  dnsNames: readonly string[],
  names: boolean,
): string {
  if (!names) return ip;
  // A service message, even an empty one, brings its own namespace.
  const namespace = service === undefined ? (endpoint?.namespace ?? '') : service.namespace;
  if (endpoint !== undefined && endpoint.podName !== '') return namespaced(namespace, endpoint.podName);
  if (service !== undefined && service.name !== '') return namespaced(namespace, service.name);
  return dnsNames.length > 0 ? dnsNames.join(',') : ip;
}

function portsOf(flow: Flow): readonly [number, number] {
  const layer4 = flow.l4?.protocol;
  switch (layer4?.case) {
    case 'TCP':
    case 'UDP':
    case 'SCTP':
      return [layer4.value.sourcePort, layer4.value.destinationPort];
    default:
      return [0, 0];
  }
}

function withPort(host: string, port: number, paint: Paint): string {
  if (port === 0) return paint('cyan', host);
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return paint('cyan', `${bracketed}:${paint('yellow', String(port))}`);
}

/** Source and destination of a flow, with ports. */
export function endsText(flow: Flow, { names, paint }: TextOptions): { source: string; destination: string } {
  if (flow.IP === undefined) {
    if (flow.ethernet === undefined) return { source: '', destination: '' };
    return {
      source: paint('cyan', flow.ethernet.source),
      destination: paint('cyan', flow.ethernet.destination),
    };
  }
  const [sourcePort, destinationPort] = portsOf(flow);
  const source = hostText(flow.IP.source, flow.source, flow.sourceService, flow.sourceNames, names);
  const destination = hostText(
    flow.IP.destination,
    flow.destination,
    flow.destinationService,
    flow.destinationNames,
    names,
  );
  return {
    source: withPort(source, sourcePort, paint),
    destination: withPort(destination, destinationPort, paint),
  };
}

/** Identities of both ends. */
export function identitiesText(flow: Flow, { paint }: TextOptions): { source: string; destination: string } {
  return {
    source: paint('magenta', identityText(flow.source?.identity ?? 0)),
    destination: paint('magenta', identityText(flow.destination?.identity ?? 0)),
  };
}

const socketPoints: Readonly<Record<number, string>> = {
  1: 'pre-xlate-fwd',
  2: 'post-xlate-fwd',
  3: 'pre-xlate-rev',
  4: 'post-xlate-rev',
};

/** What kind of event a flow is. */
export function typeText(flow: Flow): string {
  if (flow.l7 !== undefined) {
    const kind = enumName(L7FlowType, flow.l7.type).toLowerCase();
    const { record } = flow.l7;
    if (record.case === 'dns') return `dns-${kind} ${record.value.observationSource}`;
    return `${record.case === 'http' ? 'http' : 'l7'}-${kind}`;
  }
  const subType = flow.eventType?.subType ?? 0;
  switch (flow.eventType?.type) {
    case EVENT_TRACE:
      return tracePointName(subType);
    case EVENT_DROP:
      return dropReasonText(subType);
    case EVENT_POLICY_VERDICT:
      return `policy-verdict:${policyMatchText(flow.policyMatchType)} ${directionName(flow.trafficDirection)}`;
    case EVENT_CAPTURE:
      return enumName(DebugCapturePoint, flow.debugCapturePoint);
    case EVENT_TRACE_SOCK:
      return socketPoints[subType] ?? 'SOCK_XLATE_POINT_UNKNOWN';
    default:
      return 'UNKNOWN';
  }
}

const policyVerdictWords: Readonly<Record<number, string>> = {
  [Verdict.FORWARDED]: 'ALLOWED',
  [Verdict.REDIRECTED]: 'ALLOWED',
  [Verdict.DROPPED]: 'DENIED',
  [Verdict.ERROR]: 'DENIED',
  [Verdict.AUDIT]: 'AUDITED',
};

const verdictColours: Readonly<Record<number, Colour>> = {
  [Verdict.FORWARDED]: 'green',
  [Verdict.REDIRECTED]: 'green',
  [Verdict.DROPPED]: 'red',
  [Verdict.ERROR]: 'red',
  [Verdict.AUDIT]: 'yellow',
  [Verdict.TRACED]: 'yellow',
  [Verdict.TRANSLATED]: 'yellow',
};

function policyNames(flow: Flow, word: string): string {
  const allowed = word === 'ALLOWED';
  const lists: Readonly<Record<number, Flow['ingressAllowedBy']>> = {
    1: allowed ? flow.ingressAllowedBy : flow.ingressDeniedBy,
    2: allowed ? flow.egressAllowedBy : flow.egressDeniedBy,
  };
  const names = (lists[flow.trafficDirection] ?? [])
    .filter(({ name, kind }) => name !== '' && kind !== '')
    .map(({ name, kind }) => `${name} (${kind})`);
  return names.length === 0 ? '' : ` BY ${names.join(', ')}`;
}

/** The verdict, on policy verdicts in the words of policy. */
export function verdictText(flow: Flow, options: TextOptions): string {
  const isPolicyVerdict = flow.eventType?.type === EVENT_POLICY_VERDICT;
  const policyWord = isPolicyVerdict ? policyVerdictWords[flow.verdict] : undefined;
  let text = policyWord ?? verdictName(flow.verdict);
  if (policyWord !== undefined && options.policyNames) text += policyNames(flow, policyWord);
  const colour = verdictColours[flow.verdict];
  return colour === undefined ? text : options.paint(colour, text);
}

/** The line's last part: what the packet or request was. */
export function summaryText(flow: Flow, { paint }: TextOptions): string {
  const traceId = flow.ipTraceId?.traceId ?? 0n;
  const prefix = traceId > 0n ? `IP Trace ID: ${traceId}; ` : '';
  if (flow.authType === 0) return prefix + flow.Summary;
  const auth = authTypeName(flow.authType);
  return `${prefix}${flow.Summary}; Auth: ${paint(auth === 'TEST_ALWAYS_FAIL' ? 'red' : 'green', auth)}`;
}
