import { type CelInput, type CelResult, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { Flow } from '../../../gen/flow/flow_pb.ts';
import type { FlowIndex } from '../../flow-index.ts';
import type { FilterBudget } from '../filter-budget.ts';
import { FilterError } from '../filter-error.ts';
import { checkCelLayout } from './cel-layout.ts';
import { checkCel, CelTypeError } from './cel-check.ts';
import { type LazyExpr, makeLazy } from './cel-lazy.ts';
import { celRegistry, FLOW_VARIABLE } from './cel-names.ts';
import { numberFunctions } from './cel-numbers.ts';
import { boundedFunctions, startCelSteps } from './cel-steps.ts';
import { typeText } from './cel-type.ts';

const FIELD = 'experimental.cel_expression';

const env = celEnv({ registry: celRegistry, funcs: [...boundedFunctions, ...numberFunctions] });

/** The flow that is being looked at, and the same decoded once an expression asks for it whole. */
let current: FlowIndex;
let decoded: Flow | null = null;

/** Evaluates an expression over the flow that an index stands at. */
type CelEvaluation = (index: FlowIndex) => CelResult;

function parseCel(expression: string): ReturnType<typeof parse> {
  const mistake = checkCelLayout(expression);
  if (mistake !== null) throw new FilterError(FIELD, expression, mistake);
  try {
    // With a line break, or the grammar knows no comment at the end.
    return parse(`${expression}\n`);
  } catch (error) {
    const message = error instanceof RangeError ? 'nested too deep' : (error as Error).message;
    throw new FilterError(FIELD, expression, message.replace('<input>:', 'line '));
  }
}

function compileExpression(expression: string, budget: FilterBudget): CelEvaluation {
  const { expr, sourceInfo } = parseCel(expression);
  try {
    const checked = checkCel(expr);
    if (checked.type.kind !== 'bool') {
      throw new CelTypeError(expr.id, `the result is ${typeText(checked.type)}, expected bool`);
    }
    const lazy = makeLazy(expr, checked);
    if (lazy.hasLoops) budget.takeCelLoop(FIELD, expression);
    return planLazily(lazy);
  } catch (error) {
    if (error instanceof FilterError) throw error;
    // The planner has complaints of its own.
    if (!(error instanceof CelTypeError)) throw new FilterError(FIELD, expression, (error as Error).message);
    const column = (sourceInfo?.positions[error.id.toString()] ?? 0) + 1;
    throw new FilterError(FIELD, expression, `at character ${column}: ${error.message}`);
  }
}

function planLazily(lazy: LazyExpr): CelEvaluation {
  /** Read as the variables of the expression; without a prototype, whose properties would be names too. */
  const variables = Object.create(null) as Record<string, CelInput>;
  for (const [name, read] of lazy.readers) {
    Object.defineProperty(variables, name, { get: () => read(current) });
  }
  if (lazy.usesFlow) {
    Object.defineProperty(variables, FLOW_VARIABLE, { get: () => (decoded ??= current.decode()) });
  }
  const evaluate = plan(env, lazy.expr);
  return (index) => {
    current = index;
    decoded = null;
    startCelSteps();
    // Failures are values here, and there can be thousands of them in one evaluation: a stack trace for each is most of what they cost.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return evaluate(variables);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}

/** Told of each flow on which an expression fails. Called while flows are filtered: it has to be cheap, and never throws. */
export type CelFailure = (expression: string, message: string) => void;

/**
 * Compiles CEL expressions over `_flow`: one must be true, tried in order. An expression that fails on a flow (an index out of range, too many steps) ends the
 * search: the flow does not match, and `onFailure` is told. Throws FilterError for what does not parse, does not type-check or gives no bool.
 */
export function compileCelMatch(
  expressions: readonly string[],
  budget: FilterBudget,
  onFailure?: CelFailure,
): (index: FlowIndex) => boolean {
  const evaluations = expressions.map((expression) => {
    budget.takeCel(FIELD, expression);
    return compileExpression(expression, budget);
  });
  return (index) => {
    for (let i = 0; i < evaluations.length; i++) {
      const result = evaluations[i](index);
      if (result === true) return true;
      if (isCelError(result)) {
        onFailure?.(expressions[i], result.message);
        return false;
      }
    }
    return false;
  };
}
