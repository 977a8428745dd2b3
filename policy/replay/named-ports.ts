import type { NamedPort } from '../select/matcher.ts';

/** Labels in which Cilium, from 1.20 on, keeps a pod's named ports: `name.TCP.8080`, several joined by `_`. */
const LABEL = /^gen:io\.cilium\.k8s\.named-ports(?:-\d+)?=(.*)$/;
const PORT = /^([A-Za-z0-9-]+)\.(TCP|UDP|SCTP)\.(\d{1,5})$/;
const protocols: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** The named ports that an identity's labels tell of; none where the recording's agents write no such labels. */
export function namedPortsOf(labels: readonly string[]): NamedPort[] {
  return labels.flatMap((label) => {
    const ports = LABEL.exec(label)?.[1].split('_') ?? [];
    return ports.flatMap((text) => {
      const [, name, protocol, port] = PORT.exec(text) ?? [];
      return name === undefined ? [] : [{ name, protocol: protocols[protocol], port: Number(port) }];
    });
  });
}
