import assert from 'node:assert/strict';
import type { ForeignClient, Loose } from '../../support/grpc-client.ts';
import type { AgentProcess } from './agent-process.ts';

/** A response's flow as a foreign client sees it, as far as tests look at it. */
export interface SeenFlow {
  readonly verdict: string;
  readonly IP: { readonly source: string; readonly destination: string; readonly ipVersion: string };
  readonly l4: Loose;
  readonly source: { readonly ID?: number; readonly identity?: number; readonly pod_name?: string };
  readonly destination: { readonly ID?: number; readonly identity?: number; readonly pod_name?: string };
  readonly traffic_direction: string;
  readonly trace_observation_point: string;
  readonly trace_reason: string;
  readonly is_reply: { readonly value?: boolean } | null;
  readonly Summary: string;
}

/** The flows among responses. */
export function flowsOf(messages: readonly Loose[]): SeenFlow[] {
  return messages
    .filter(({ flow }) => flow !== undefined && flow !== null)
    .map(({ flow }) => flow as SeenFlow);
}

/** Events that the lost events among responses tell, by source. */
export function lostOf(messages: readonly Loose[]): Record<string, number> {
  const lost: Record<string, number> = {};
  for (const { lost_events: event } of messages) {
    if (event === undefined || event === null) continue;
    const { source, num_events_lost: events } = event as { source: string; num_events_lost: string };
    lost[source] = (lost[source] ?? 0) + Number(events);
  }
  return lost;
}

/** An agent's report in numbers. */
export interface Accounts {
  readonly emitted: number;
  readonly delivered: number;
  readonly losses: Readonly<Record<string, number>>;
}

/** Causes of losses behind history, of what had been delivered into it. */
const BEHIND_HISTORY = ['HISTORY_OVERWRITTEN', 'SUBSCRIBER_SLOW'];

export async function readAccounts(agent: AgentProcess): Promise<Accounts> {
  const client = agent.client('sluice/v1/diagnostics.proto', 'sluice.v1.Diagnostics');
  try {
    const { response } = await client.unary('GetStatus');
    const [node] = response.nodes as { flows_emitted: string; flows_delivered: string; losses?: Loose[] }[];
    const losses: Record<string, number> = {};
    for (const { cause, events } of node.losses ?? []) {
      losses[cause as string] = (losses[cause as string] ?? 0) + Number(events);
    }
    return {
      emitted: Number(node.flows_emitted ?? 0),
      delivered: Number(node.flows_delivered ?? 0),
      losses,
    };
  } finally {
    client.close();
  }
}

/** Waits until an agent's accounts are even, emitted = delivered + lost, and stand still; fails with what they were when they never are. */
export async function evenAccounts(agent: AgentProcess): Promise<Accounts> {
  const until = Date.now() + 10_000;
  let last = '';
  for (;;) {
    const accounts = await readAccounts(agent);
    const lost = Object.entries(accounts.losses)
      .filter(([cause]) => !BEHIND_HISTORY.includes(cause))
      .reduce((sum, [, events]) => sum + events, 0);
    const text = JSON.stringify(accounts);
    if (accounts.emitted === accounts.delivered + lost && text === last) return accounts;
    last = text;
    assert.ok(Date.now() < until, `accounts that do not come out even: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
}

/** Asks for all flows that match until there are some, for at most five seconds. */
export async function awaitFlows(
  client: ForeignClient,
  isWanted: (flow: SeenFlow) => boolean,
  count = 1,
): Promise<SeenFlow[]> {
  const until = Date.now() + 5000;
  for (;;) {
    const messages: Loose[] = [];
    const call = client.stream('GetFlows', { number: '1000000' });
    for await (const message of call) messages.push(message as Loose);
    const found = flowsOf(messages).filter(isWanted);
    if (found.length >= count) return found;
    assert.ok(
      Date.now() < until,
      `${found.length} of ${count} flows wanted; there are: ${flowsOf(messages)
        .map((flow) => `${flow.IP?.source}>${flow.IP?.destination} ${flow.Summary}`)
        .join('; ')}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
