import { escapeTerminal } from '../proto/flow/text/terminal.ts';
import { UsageError } from '../flags/flag-spec.ts';

/** A failure that tells what can be done about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly hints: readonly string[];

  constructor(message: string, hints: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.hints = hints;
  }
}

/** What is printed on stderr for an error: one line with what went wrong and what can be done about it. Safe for a terminal, whatever a server put into it. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const sentences = message.split(/[\n\v\f]+/).filter((line) => line.trim() !== '');
  if (error instanceof UsageError) sentences.push(`See '${error.helpPath ?? 'sluice'} --help' for usage.`);
  if (error instanceof CommandError) sentences.push(...error.hints);
  const text = sentences.map((line, i) => (i + 1 < sentences.length ? ended(line) : line)).join(' ');
  return escapeTerminal(`error: ${text}\n`, false);
}

/** A sentence with a mark at its end. */
function ended(sentence: string): string {
  return /[.?!:]$/.test(sentence) ? sentence : `${sentence}.`;
}
