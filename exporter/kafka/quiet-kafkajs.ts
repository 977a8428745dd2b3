let isQuiet = false;

/** kafkajs sets timers to moments in the past when nothing throttles it: harmless, but Node warns of it on stderr, where people see it. Drops that one warning. */
export function quietKafkajs(): void {
  if (isQuiet) return;
  isQuiet = true;
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    if (args[1] !== 'TimeoutNegativeWarning') emit(...args);
  };
}
