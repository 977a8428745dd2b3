import { escapeTerminal } from '../proto/flow/text/terminal.ts';
import { UsageError } from './flags/flag-spec.ts';

/** A failure that tells what can be done about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly hints: readonly string[];

  constructor(message: string, hints: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.hints = hints;
  }
}

/** What is printed on stderr for an error: what went wrong, then what can be done about it. Safe for a terminal, whatever a server put into it. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  let text = `error: ${message}\n`;
  if (error instanceof UsageError) text += `See '${error.helpPath ?? 'sluice'} --help' for usage.\n`;
  if (error instanceof CommandError) text += error.hints.map((hint) => `${hint}\n`).join('');
  return escapeTerminal(text, false);
}
