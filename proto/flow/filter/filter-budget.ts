import { FilterError } from './filter-error.ts';

/** Values of all fields in all filters of one request. */
export const MAX_FILTER_VALUES = 20_000;
/** Length of one text among them, and of all together, in UTF-16 units. */
export const MAX_VALUE_LENGTH = 8192;
export const MAX_REQUEST_TEXT = 524_288;
/** Length of one regular expression in UTF-16 units. */
export const MAX_REGEX_LENGTH = 1024;
/** Steps of one regular expression with its repetitions written out (`a{100}` has 100), and of all expressions of one request. */
export const MAX_REGEX_STEPS = 10_000;
export const MAX_REQUEST_REGEX_STEPS = 20_000;
/** Length of one CEL expression in UTF-16 units, and of all of one request. */
export const MAX_CEL_LENGTH = 2048;
export const MAX_REQUEST_CEL_LENGTH = 8192;
/** CEL expressions with comprehensions in one request: each may take its full number of steps for every flow. */
export const MAX_REQUEST_CEL_LOOPS = 8;

/**
 * What the filters of one request may still cost. Filters come from any client and are compiled and run in the process that serves everybody, so each of
 * them is bounded and so is their sum. Going over a limit is a FilterError that names it.
 */
export class FilterBudget {
  private values = 0;
  private textLength = 0;
  private regexSteps = 0;
  private celLength = 0;
  private celLoops = 0;

  /** Counts the values of a field and the length of those that are texts. */
  takeValues(field: string, values: readonly unknown[]): void {
    this.values += values.length;
    if (this.values > MAX_FILTER_VALUES) {
      throw new FilterError(
        field,
        null,
        `more than ${MAX_FILTER_VALUES} values in the filters of one request`,
      );
    }
    for (const value of values) {
      if (typeof value !== 'string') continue;
      if (value.length > MAX_VALUE_LENGTH) {
        throw new FilterError(
          field,
          value,
          `${value.length} characters, at most ${MAX_VALUE_LENGTH} allowed`,
        );
      }
      this.textLength += value.length;
    }
    if (this.textLength > MAX_REQUEST_TEXT) {
      throw new FilterError(
        field,
        null,
        `more than ${MAX_REQUEST_TEXT} characters in the filters of one request`,
      );
    }
  }

  /** Counts the written-out steps of a regular expression. */
  takeRegex(field: string, pattern: string, steps: number): void {
    if (steps > MAX_REGEX_STEPS) {
      throw new FilterError(
        field,
        pattern,
        `some ${steps} steps with its repetitions written out, at most ${MAX_REGEX_STEPS} allowed`,
      );
    }
    this.regexSteps += steps;
    if (this.regexSteps > MAX_REQUEST_REGEX_STEPS) {
      throw new FilterError(
        field,
        pattern,
        `the regular expressions of one request have more than ${MAX_REQUEST_REGEX_STEPS} steps with repetitions written out`,
      );
    }
  }

  /** Counts a CEL expression. */
  takeCel(field: string, expression: string): void {
    if (expression.length > MAX_CEL_LENGTH) {
      throw new FilterError(
        field,
        expression,
        `${expression.length} characters, at most ${MAX_CEL_LENGTH} allowed`,
      );
    }
    this.celLength += expression.length;
    if (this.celLength > MAX_REQUEST_CEL_LENGTH) {
      throw new FilterError(
        field,
        expression,
        `the expressions of one request have more than ${MAX_REQUEST_CEL_LENGTH} characters`,
      );
    }
  }
  /** Counts a CEL expression that has comprehensions. */
  takeCelLoop(field: string, expression: string): void {
    this.celLoops++;
    if (this.celLoops > MAX_REQUEST_CEL_LOOPS) {
      throw new FilterError(
        field,
        expression,
        `more than ${MAX_REQUEST_CEL_LOOPS} expressions with comprehensions in one request`,
      );
    }
  }
}
