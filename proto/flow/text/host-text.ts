import type { Endpoint, Flow, Service } from '../../gen/flow/flow_pb.ts';
import type { Paint } from './terminal.ts';

/** A path cleaned lexically as Go's path.Clean does: doubled and trailing slashes and `.` go, `..` takes the part before it. */
function cleanPath(path: string): string {
  const isRooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !isRooted) parts.push(part);
  }
  const joined = parts.join('/');
  return isRooted ? `/${joined}` : joined === '' ? '.' : joined;
}

/** Whether cleaning could change a path: what real names never need. */
const unclean = /\/\/|\/$|(?:^|\/)\.{1,2}(?:\/|$)/;

function namespaced(namespace: string, name: string): string {
  const path = namespace === '' ? name : `${namespace}/${name}`;
  return unclean.test(path) ? cleanPath(path) : path;
}

/** The best name of an end: its pod, else its service, else its DNS names, else its address. */
export function hostText(
  ip: string,
  endpoint: Endpoint | undefined,
  service: Service | undefined,
  dnsNames: readonly string[],
): string {
  // A service message, even an empty one, brings its own namespace, for the pod too.
  const namespace = service === undefined ? (endpoint?.namespace ?? '') : service.namespace;
  if (endpoint !== undefined && endpoint.podName !== '') return namespaced(namespace, endpoint.podName);
  if (service !== undefined && service.name !== '') return namespaced(namespace, service.name);
  return dnsNames.length > 0 ? dnsNames.join(',') : ip;
}

/** Source and destination port, 0 for none. */
export function portsOf({ l4 }: Flow): readonly [number, number] {
  const protocol = l4?.protocol;
  switch (protocol?.case) {
    case 'TCP':
    case 'UDP':
    case 'SCTP':
      return [protocol.value.sourcePort, protocol.value.destinationPort];
    default:
      return [0, 0];
  }
}

/** `host:port`, the port's colour inside that of the host; the host alone without a port. */
export function withPort(host: string, port: number, paint: Paint): string {
  if (port === 0) return paint('cyan', host);
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return paint('cyan', `${bracketed}:${paint('yellow', String(port))}`);
}
