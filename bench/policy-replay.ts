/**
 * `policy replay`: recorded flows through 3,000 policies, against decoding them first. Flows as of a fleet of 600 workloads (support/history-flows.ts), each of which five
 * policies select. CPU time. `SLUICE_BENCH_FLOWS` sets how many flows there are (default 2,000,000).
 */
import { fromBinary } from '@bufbuild/protobuf';
import {
  outsideGroups,
  parsePolicies,
  type Policy,
  replayPolicies,
  TrafficRecorder,
} from '../policy/index.ts';
import { FRAME_PREFIX_BYTES } from '../proto/flow/frame.ts';
import { GetFlowsResponseSchema } from '../proto/gen/observer/observer_pb.ts';
import { type Bench, cpuSeconds, median } from './report.ts';
import { HistoryFlows } from './support/history-flows.ts';

const WORKLOADS = 600;
const NAMESPACES = 40;
const POLICIES_EACH = 5;
const CHUNK_BYTES = 16 * 2 ** 20;
const DECODED = 20_000;

function policyText(workload: number, i: number): string {
  const peers = Array.from({ length: 4 }, (_, k) => (workload * 7 + i * 131 + k * 29) % WORKLOADS);
  const selector = (one: number): object => ({
    matchLabels: { app: `service-${one}`, 'k8s:io.kubernetes.pod.namespace': `team-${one % NAMESPACES}` },
  });
  return JSON.stringify({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: `service-${workload}-${i}`, namespace: `team-${workload % NAMESPACES}` },
    spec: {
      endpointSelector: { matchLabels: { app: `service-${workload}` } },
      ingress: [
        { fromEndpoints: peers.map(selector), toPorts: [{ ports: [{ port: '443' }, { port: '8080' }] }] },
      ],
      egress: [
        { toEndpoints: peers.map(selector) },
        { toCIDRSet: [{ cidr: `203.0.${workload % 20}.0/24` }], toPorts: [{ ports: [{ port: '443' }] }] },
      ],
    },
  });
}

/** Gives out flows chunk by chunk, outside of what is measured. */
function* chunks(flows: number): Generator<{ bytes: Uint8Array; offsets: readonly number[] }> {
  const source = new HistoryFlows(Date.UTC(2026, 2, 4), 10);
  const bytes = new Uint8Array(CHUNK_BYTES);
  for (let left = flows; left > 0;) {
    const written = source.write(bytes, left);
    const offsets = [0];
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < written.bytes;) {
      at += FRAME_PREFIX_BYTES + view.getUint32(at + 1);
      offsets.push(at);
    }
    left -= written.flows;
    yield { bytes, offsets };
  }
}

export const run: Bench = async (report) => {
  const flows = Number(process.env.SLUICE_BENCH_FLOWS ?? 2_000_000);
  if (!Number.isInteger(flows) || flows < DECODED) {
    throw new Error(
      `SLUICE_BENCH_FLOWS is ${process.env.SLUICE_BENCH_FLOWS}: expected a number from ${DECODED}`,
    );
  }
  const texts = Array.from({ length: WORKLOADS * POLICIES_EACH }, (_, i) =>
    policyText(i % WORKLOADS, Math.floor(i / WORKLOADS)),
  );
  const policies: readonly Policy[] = texts.flatMap((text) => parsePolicies(text, 'policy.json').policies);
  if (policies.length !== texts.length)
    throw new Error(`${policies.length} of ${texts.length} policies are valid`);

  const recorder = new TrafficRecorder({ groupOutside: outsideGroups({ policies }) });
  const perFlow: number[] = [];
  const decoded: number[] = [];
  let reading = 0;
  for (const { bytes, offsets } of chunks(flows)) {
    const start = cpuSeconds();
    for (let i = 0; i + 1 < offsets.length; i++)
      recorder.add(bytes, offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]);
    const seconds = cpuSeconds() - start;
    reading += seconds;
    perFlow.push((seconds / (offsets.length - 1)) * 1e9);
    if (decoded.length >= 5) continue;
    const from = cpuSeconds();
    const count = Math.min(DECODED, offsets.length - 1);
    for (let i = 0; i < count; i++) {
      fromBinary(GetFlowsResponseSchema, bytes.subarray(offsets[i] + FRAME_PREFIX_BYTES, offsets[i + 1]));
    }
    decoded.push(((cpuSeconds() - from) / count) * 1e9);
  }
  const start = cpuSeconds();
  const result = replayPolicies({ policies }, recorder.conversations());
  const judging = cpuSeconds() - start;
  const { counts } = recorder;
  const judged = Object.values(result.flows).reduce((sum, one) => sum + one, 0);
  if (counts.flows !== flows || judged !== counts.recorded || result.flows['newly-denied'] === 0) {
    throw new Error(`${counts.flows} of ${flows} flows, ${judged} of ${counts.recorded} judged`);
  }
  const row = { bench: 'policy-replay', case: `${flows.toLocaleString('en')} flows, 3,000 policies` };
  const alone = { baseline: null, ratio: null };
  const middle = median(perFlow);
  const baseline = { baseline: 'decoding it with protobuf-es', ratio: middle / median(decoded) };
  report({ ...row, metric: 'CPU per flow, reading', value: middle, unit: 'ns', ...baseline });
  report({ ...row, metric: 'the same, least of chunks', value: Math.min(...perFlow), unit: 'ns', ...alone });
  report({ ...row, metric: 'judging, once', value: judging, unit: 's', ...alone });
  report({
    ...row,
    metric: 'rate, CPU of both',
    value: flows / (reading + judging) / 1e6,
    unit: 'M flows/s',
    ...alone,
  });
  report({ ...row, metric: 'conversations', value: result.rows.length, unit: 'rows', ...alone });
};
