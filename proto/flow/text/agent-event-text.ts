import type { Timestamp } from '@bufbuild/protobuf/wkt';
import {
  type AgentEvent,
  AgentEventType,
  type IPCacheNotification,
  type ServiceUpsertNotification,
  type ServiceUpsertNotificationAddr,
} from '../../gen/flow/flow_pb.ts';

/** Payloads by event type: an event with another one than its type's is not understood. */
const payloads: ReadonlyMap<number, AgentEvent['notification']['case']> = new Map([
  [AgentEventType.AGENT_EVENT_UNKNOWN, 'unknown'],
  [AgentEventType.AGENT_STARTED, 'agentStart'],
  [AgentEventType.POLICY_UPDATED, 'policyUpdate'],
  [AgentEventType.POLICY_DELETED, 'policyUpdate'],
  [AgentEventType.ENDPOINT_REGENERATE_SUCCESS, 'endpointRegenerate'],
  [AgentEventType.ENDPOINT_REGENERATE_FAILURE, 'endpointRegenerate'],
  [AgentEventType.ENDPOINT_CREATED, 'endpointUpdate'],
  [AgentEventType.ENDPOINT_DELETED, 'endpointUpdate'],
  [AgentEventType.IPCACHE_UPSERTED, 'ipcacheUpdate'],
  [AgentEventType.IPCACHE_DELETED, 'ipcacheUpdate'],
  [AgentEventType.SERVICE_UPSERTED, 'serviceUpsert'],
  [AgentEventType.SERVICE_DELETED, 'serviceDelete'],
] as const);

/** `, key: value`, or nothing for an empty value. */
const optional = (key: string, value: string): string => (value === '' ? '' : `, ${key}: ${value}`);

/** What an agent event tells, on one line. */
export function agentEventDetails(
  event: AgentEvent,
  timeText: (time: Timestamp | undefined) => string,
): string {
  const { notification } = event;
  if (notification.case === undefined || payloads.get(event.type) !== notification.case) return 'UNKNOWN';
  switch (notification.case) {
    case 'unknown':
      return `type: ${notification.value.type}, notification: ${notification.value.notification}`;
    case 'agentStart':
      return `start time: ${timeText(notification.value.time)}`;
    case 'policyUpdate': {
      const { labels, revision, ruleCount } = notification.value;
      return `labels: [${labels.join(',')}], revision: ${revision}, count: ${ruleCount}`;
    }
    case 'endpointRegenerate': {
      const { id, labels, error } = notification.value;
      return `id: ${id}, labels: [${labels.join(',')}]${optional('error', error)}`;
    }
    case 'endpointUpdate': {
      const { id, namespace, podName } = notification.value;
      return `id: ${id}${optional('namespace', namespace)}${optional('pod name', podName)}`;
    }
    case 'ipcacheUpdate':
      return ipcacheDetails(notification.value);
    case 'serviceUpsert':
      return serviceDetails(notification.value);
    default: // serviceDelete
      return `id: ${notification.value.id}`;
  }
}

function ipcacheDetails(update: IPCacheNotification): string {
  const oldIdentity = update.oldIdentity === undefined ? '' : String(update.oldIdentity);
  return (
    `cidr: ${update.cidr}, identity: ${update.identity}${optional('old identity', oldIdentity)}` +
    `${optional('host ip', update.hostIp)}${optional('old host ip', update.oldHostIp)}, encrypt key: ${update.encryptKey}`
  );
}

function serviceDetails(service: ServiceUpsertNotification): string {
  const frontend = service.frontendAddress === undefined ? '' : addressText(service.frontendAddress);
  const backends =
    service.backendAddresses.length === 0 ? '' : `[${service.backendAddresses.map(addressText).join(',')}]`;
  return (
    `id: ${service.id}${optional('frontend', frontend)}${optional('backends', backends)}` +
    `${optional('type', service.type)}${optional('traffic policy', service.trafficPolicy)}` +
    `${optional('namespace', service.namespace)}${optional('name', service.name)}`
  );
}

function addressText({ ip, port }: ServiceUpsertNotificationAddr): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
