import { ipBatch, setSysctls } from './ip.ts';
import type { NetworkPlan } from './network-plan.ts';

/** Makes all namespaces, links, addresses and routes: a second or so. What is there of them already is an error. */
export async function buildNetwork({ namespaces, links }: NetworkPlan): Promise<void> {
  await ipBatch(namespaces.map(({ netns }) => `netns add ${netns}`));
  await inTurns(namespaces, ({ netns, sysctls }) => setSysctls(netns, sysctls));
  await ipBatch(links);
  await inTurns(namespaces, ({ netns, setUp }) => ipBatch(setUp, netns));
}

/** A few processes at a time: more would only wait for each other. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all([worker(), worker(), worker()]);
}

/** Removes those of the namespaces that are there, and with them every link that has an end in one. */
export async function removeNamespaces(
  names: readonly string[],
  present: ReadonlySet<string>,
): Promise<void> {
  const left = names.filter((name) => present.has(name));
  if (left.length > 0) await ipBatch(left.map((name) => `netns delete ${name}`));
}
