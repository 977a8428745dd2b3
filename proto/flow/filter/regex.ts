import { RE2JS, RE2JSException } from 're2js';
import { MAX_REGEX_LENGTH } from './filter-budget.ts';
import { countRegexSteps } from './regex-steps.ts';

/** Why a regular expression was not compiled. */
export class RegexError extends Error {
  override readonly name = 'RegexError';
}

/** Whether a text contains a match. */
export type RegexMatch = (text: string) => boolean;

/**
 * Compiles a regular expression of RE2's syntax as Go has it into an unanchored search. The engine takes time in proportion to the length of the text, whatever the
 * expression; `takeSteps` is told, before anything is compiled, what that factor will be at most, and may throw. Throws RegexError.
 */
export function compileRegex(pattern: string, takeSteps: (steps: number) => void): RegexMatch {
  if (pattern.length > MAX_REGEX_LENGTH) {
    throw new RegexError(`${pattern.length} characters, at most ${MAX_REGEX_LENGTH} allowed`);
  }
  takeSteps(countRegexSteps(pattern));
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.test(text);
  } catch (error) {
    if (error instanceof RE2JSException) throw new RegexError(error.message);
    throw error;
  }
}
