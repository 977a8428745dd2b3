/**
 * Compiling policies: 3,000 of them over 350,000 identities, and one pod added among 10,000. CPU time of one thread, memory of the whole.
 * `SLUICE_BENCH_IDENTITIES` sets how many identities there are (default 350,000).
 */
import { parsePolicies, type Policy, PolicyState } from '../policy/index.ts';
import { cpuSeconds, median, type Bench } from './report.ts';
import { fleetIdentity, fleetLabels, fleetPolicy, NAMESPACES } from './support/policy-fleet.ts';

const POLICIES = 3_000;
/** Endpoints on the node: pods of as many kinds. */
const LOCAL_PODS = 250;
const ROUNDS = 5;

function measured<T>(work: () => T): { seconds: number; result: T } {
  const start = cpuSeconds();
  const result = work();
  return { seconds: cpuSeconds() - start, result };
}

function localEndpoints(count: number): { key: string; labels: string[] }[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `pod-${i}`,
    labels: fleetLabels((i * 7) % NAMESPACES, (i % 6) * 5, 0),
  }));
}

function newState(): PolicyState {
  return new PolicyState({ clusterName: 'default', clusterId: 0 });
}

export const run: Bench = async (report) => {
  const count = Number(process.env.SLUICE_BENCH_IDENTITIES ?? 350_000);
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(
      `SLUICE_BENCH_IDENTITIES is ${process.env.SLUICE_BENCH_IDENTITIES}: expected a whole number`,
    );
  }
  const row = { bench: 'policy', baseline: null, ratio: null };
  const texts = Array.from({ length: POLICIES }, (_, i) => fleetPolicy(i));
  const parsed = measured(() => texts.flatMap((text) => parsePolicies(text, 'policy.json').policies));
  const policies: readonly Policy[] = parsed.result;
  if (policies.length !== POLICIES) throw new Error(`${policies.length} of ${POLICIES} policies are valid`);
  report({ ...row, case: 'read 3,000 policies', metric: 'CPU', value: parsed.seconds, unit: 's' });

  const identities = Array.from({ length: count }, (_, i) => fleetIdentity(i));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const state = newState();
  const endpoints = localEndpoints(LOCAL_PODS);
  const whole = `3,000 policies, ${count.toLocaleString('en')} identities`;
  const load = measured(() => {
    state.update({ policies, identities, endpoints });
    let entries = 0;
    for (const { upserts } of state.takeChanges()) for (const _ of upserts) entries++;
    return entries;
  });
  report({ ...row, case: whole, metric: 'CPU until entries', value: load.seconds, unit: 's' });
  report({ ...row, case: whole, metric: 'entries, 250 pods', value: load.result, unit: 'entries' });
  globalThis.gc?.();
  const megabytes = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  report({ ...row, case: whole, metric: 'heap', value: megabytes, unit: 'MiB' });

  const one = parsePolicies(
    fleetPolicy(0).replaceAll('policy-0', 'late').replaceAll('app-1', 'app-2'),
    'p',
  ).policies;
  const policyTimes = Array.from({ length: ROUNDS }, () => {
    state.update({ removedPolicies: ['NetworkPolicy/team-0/late'] });
    state.takeChanges();
    return measured(() => {
      state.update({ policies: one });
      state.takeChanges();
    }).seconds;
  });
  report({ ...row, case: whole, metric: 'one policy added', value: median(policyTimes) * 1000, unit: 'ms' });

  addPods(report, policies);
};

/** One pod of a new identity, on this node, among 10,000 that are here already. */
function addPods(report: Parameters<Bench>[0], policies: readonly Policy[]): void {
  const pods = 10_000;
  const state = newState();
  const identities = Array.from({ length: pods }, (_, i) => fleetIdentity(i));
  const endpoints = identities.map(({ labels }, i) => ({ key: `pod-${i}`, labels }));
  state.update({ policies, identities, endpoints });
  state.takeChanges();
  let changed = 0;
  const times = Array.from({ length: 50 }, (_, i) => {
    const labelsOfPod = fleetLabels(i, 1, 1_000 + i);
    return (
      measured(() => {
        state.update({
          identities: [{ id: 50_000 + i, labels: labelsOfPod }],
          endpoints: [{ key: `new-${i}`, labels: labelsOfPod }],
        });
        for (const { upserts } of state.takeChanges()) for (const _ of upserts) changed++;
      }).seconds * 1000
    );
  }).sort((a, b) => a - b);
  const row = {
    bench: 'policy',
    case: 'one pod added among 10,000',
    unit: 'ms',
    baseline: null,
    ratio: null,
  };
  if (changed === 0) throw new Error('the new pods changed nothing');
  report({ ...row, metric: 'CPU, median', value: median(times) });
  report({ ...row, metric: 'CPU, longest of 50', value: times.at(-1)! });
}
