import { setTimeout as sleep } from 'node:timers/promises';

/** A document as a search gives it. */
export interface Hit {
  readonly _id: string;
  readonly _source: Readonly<Record<string, unknown>>;
}

/** Sends a request to a search server, again while the index is being made (503) for up to half a minute. Throws Error with its words when it says no. */
export async function ask(url: string, path: string, body?: unknown): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    if (answer.status !== 503 || tries === 300) throw new Error(`${path}: status ${answer.status}: ${text}`);
    await sleep(100);
  }
}

/** How many documents an index has, those included that came a moment ago; 0 when there is no index. */
export async function countDocuments(url: string, index: string): Promise<number> {
  await fetch(`${url}/${index}/_refresh?ignore_unavailable=true`, { method: 'POST' });
  const { count } = (await ask(url, `/${index}/_count?ignore_unavailable=true`)) as { count: number };
  return count;
}

/** Reads the documents of an index, up to 10,000, once there are so many. */
export async function readDocuments(url: string, index: string, count: number): Promise<Hit[]> {
  for (let i = 0; i < 300 && (await countDocuments(url, index)) < count; i++) await sleep(100);
  const path = `/${index}/_search?ignore_unavailable=true`;
  const { hits } = (await ask(url, path, { size: 10_000 })) as { hits: { hits: Hit[] } };
  return hits.hits;
}
