import type { readTopic } from './read-topic.ts';

export type { TopicRange } from './read-topic.ts';

/** What reads topics. The client library is loaded when one is to be read. */
export async function loadTopicReader(): Promise<typeof readTopic> {
  return (await import('./read-topic.ts')).readTopic;
}
