import type { DebugEvent } from '../../gen/flow/flow_pb.ts';

/** The mark of the packet: hexadecimal without padding. */
export function markText({ hash }: DebugEvent): string {
  return hash === undefined ? 'N/A' : `0x${hash.toString(16)}`;
}

/** The CPU, two digits at least. */
export function cpuText({ cpu }: DebugEvent): string {
  return cpu === undefined ? 'N/A' : String(cpu).padStart(2, '0');
}

/** The endpoint whose program spoke, by name if it has one. */
export function debugSourceText({ source }: DebugEvent): string {
  if (source === undefined) return 'N/A';
  const id = `ID: ${source.ID}`;
  if (source.namespace !== '' && source.podName !== '')
    return `${source.namespace}/${source.podName} (${id})`;
  const [label] = source.labels;
  return source.labels.length === 1 && label.startsWith('reserved:') ? `${label} (${id})` : id;
}
