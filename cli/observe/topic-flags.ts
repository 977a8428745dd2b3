import { type FlagUse, lastText, UsageError } from '../../flags/flag-spec.ts';

const BROKER = /^[^\s:/]+:\d{1,5}$|^\[[\da-fA-F:]+\]:\d{1,5}$/;

/** A topic, and where to ask for it. */
export interface Topic {
  readonly brokers: readonly string[];
  readonly topic: string;
}

/** The topic that a command line names; null when it names none. Throws UsageError. */
export function topicOf(uses: readonly FlagUse[]): Topic | null {
  const kafka = lastText(uses, 'kafka') ?? '';
  const topic = lastText(uses, 'topic') ?? '';
  if (kafka === '' && topic === '') return null;
  if (kafka === '') throw new UsageError('--topic without --kafka: expected --kafka HOST:PORT,… beside it');
  if (topic === '') throw new UsageError('--kafka without --topic: expected --topic NAME beside it');
  if ((lastText(uses, 'input-file') ?? '') !== '')
    throw new UsageError('--kafka and --input-file cannot be used together');
  const brokers = kafka.split(',');
  const wrong = brokers.find((broker) => !BROKER.test(broker));
  if (wrong !== undefined)
    throw new UsageError(`--kafka "${wrong}": expected brokers as host:port, separated by commas`);
  return { brokers, topic };
}
