import { join } from 'node:path';
import type { LabStore } from '../config.ts';
import type { LabPaths } from '../paths.ts';

export const TOPIC = 'flows';

/** The configuration of the exporter that brings the lab's flows to its stores. */
export function exportConfig(paths: LabPaths, ports: ReadonlyMap<LabStore, number>): string {
  const kafka = ports.get('kafka');
  const search = ports.get('elasticsearch');
  const sinks = [
    ...(kafka === undefined
      ? []
      : [
          `  - name: bus\n    kafka: { brokers: ["127.0.0.1:${kafka}"], topic: ${TOPIC}, createTopic: { partitions: 4 } }`,
        ]),
    ...(search === undefined
      ? []
      : ['flows', 'edges'].map(
          (stream) =>
            `  - name: ${stream}\n    elasticsearch: { nodes: ["http://127.0.0.1:${search}"], stream: ${stream} }`,
        )),
  ];
  return `source: { address: "unix://${paths.topSocket}", start: oldest }
spool: { directory: ${join(paths.serversDir, 'spool')}, maxBytes: 256Mi }
metrics: { listen: "unix://${paths.exportSocket}" }
sinks:
${sinks.join('\n')}
`;
}

/** What to try on the stores. */
export function storesLegend(paths: LabPaths, ports: ReadonlyMap<LabStore, number>): string {
  const kafka = ports.get('kafka');
  const search = ports.get('elasticsearch');
  const lines = [
    ...(kafka === undefined
      ? []
      : [
          `  sh scripts/node docs/examples/kafka-consumer.ts 127.0.0.1:${kafka} ${TOPIC}`,
          `  ./sluice observe --kafka 127.0.0.1:${kafka} --topic ${TOPIC} --last 10 --verdict DROPPED`,
        ]),
    ...(search === undefined
      ? []
      : [
          `  curl -s 'http://127.0.0.1:${search}/logs-sluice.flows-default/_count?q=sluice.verdict:DROPPED'`,
          `  curl -s 'http://127.0.0.1:${search}/metrics-sluice.edges-default/_search?q=sluice.verdict:AUDIT&pretty'`,
        ]),
    `  ./sluice export status --metrics unix://${paths.exportSocket}`,
  ];
  return `Every flow goes to the stores, too:\n${lines.join('\n')}\n\n`;
}
