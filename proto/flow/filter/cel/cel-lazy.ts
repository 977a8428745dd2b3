import { type CelExpr, type CelNode, type CheckedExpr, CelTypeError } from './cel-check.ts';
import { FLOW_VARIABLE, resolveMessage } from './cel-names.ts';
import { COUNTED_PREFIX, countedFunctions, STEP_FUNCTION } from './cel-steps.ts';
import { flowPresence, type FlowReader, flowReader } from './flow-reader.ts';

/** An expression made ready for the library's planner. */
export interface LazyExpr {
  readonly expr: CelExpr;
  /** What the variables of the expression are read from, by name. */
  readonly readers: ReadonlyMap<string, FlowReader>;
  /** Whether the flow itself is a variable too, decoded. */
  readonly usesFlow: boolean;
  /** Whether the expression has comprehensions. */
  readonly hasLoops: boolean;
}

const ident = (name: string): CelExpr['exprKind'] => ({
  case: 'identExpr',
  // The dot says that the name is whole: otherwise the planner would look for it in packages at each evaluation.
  value: { $typeName: 'cel.expr.Expr.Ident', name: `.${name}` },
});

const integer = (value: bigint): CelExpr['exprKind'] => ({
  case: 'constExpr',
  value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'int64Value', value } },
});

class Rewriter {
  readonly readers = new Map<string, FlowReader>();
  usesFlow = false;
  private readonly variables = new Map<string, string>();
  /** Nodes of the innermost loop so far. */
  private nodes = 0;
  private readonly checked: CheckedExpr;
  private readonly hasLoops: boolean;

  constructor(checked: CheckedExpr, hasLoops: boolean) {
    this.checked = checked;
    this.hasLoops = hasLoops;
  }

  rewrite(expr: CelExpr | undefined): void {
    if (expr === undefined) return;
    this.nodes++;
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'identExpr':
      case 'selectExpr':
        expr.exprKind = this.name(expr) ?? exprKind;
        if (expr.exprKind.case === 'selectExpr') this.rewrite(expr.exprKind.value.operand);
        return;
      case 'callExpr':
        this.call(exprKind.value);
        return;
      case 'listExpr':
        for (const element of exprKind.value.elements) this.rewrite(element);
        return;
      case 'structExpr':
        this.struct(expr, exprKind.value);
        return;
      case 'comprehensionExpr':
        this.loop(expr, exprKind.value);
        return;
      default:
    }
  }

  /** What a name, or a field of the flow, becomes; null when it stays. */
  private name(expr: CelExpr): CelExpr['exprKind'] | null {
    const found = this.checked.names.get(expr.id);
    if (found?.kind === 'constant') return integer(found.value);
    if (found?.kind === 'typeName') return ident(found.name);
    if (found?.kind === 'flow') {
      this.usesFlow = true;
      return ident(FLOW_VARIABLE);
    }
    const names = this.fieldsFromFlow(expr);
    if (names === null || expr.exprKind.case !== 'selectExpr') return null;
    const { testOnly } = expr.exprKind.value;
    const key = `${testOnly ? 'has ' : ''}${names.join('.')}`;
    const known = this.variables.get(key);
    if (known !== undefined) return ident(known);
    const read = testOnly ? flowPresence(names) : flowReader(names);
    if (read === null) return null;
    const variable = `@${this.variables.size}`;
    this.variables.set(key, variable);
    this.readers.set(variable, read);
    return ident(variable);
  }

  /** The fields that lead from the flow to a node through messages; null when they do not. */
  private fieldsFromFlow({ id, exprKind }: CelExpr): string[] | null {
    if (exprKind.case === 'identExpr') return this.checked.names.get(id)?.kind === 'flow' ? [] : null;
    if (exprKind.case !== 'selectExpr' || exprKind.value.operand === undefined) return null;
    const { operand, field } = exprKind.value;
    if (this.checked.types.get(operand.id)?.kind !== 'message') return null;
    const names = this.fieldsFromFlow(operand);
    return names === null ? null : [...names, field];
  }

  private call(call: CelNode<'callExpr'>): void {
    // Only loops can make values that are larger than the expression and the flow.
    if (this.hasLoops && countedFunctions.has(call.function)) {
      const types = call.args.map(({ id }) => this.checked.types.get(id)?.kind);
      if (types.some((kind) => kind === 'list' || kind === 'map' || kind === 'dyn')) {
        call.function = `${COUNTED_PREFIX}${call.function}`;
      }
    }
    this.rewrite(call.target);
    for (const arg of call.args) this.rewrite(arg);
  }

  private struct(expr: CelExpr, struct: CelNode<'structExpr'>): void {
    if (struct.messageName !== '') {
      if (this.hasLoops) {
        throw new CelTypeError(expr.id, 'a message literal and a comprehension in one expression');
      }
      struct.messageName = resolveMessage(struct.messageName)?.typeName ?? struct.messageName;
    }
    for (const { keyKind, value } of struct.entries) {
      if (keyKind.case === 'mapKey') this.rewrite(keyKind.value);
      this.rewrite(value);
    }
  }

  /** Makes each round of a loop count its nodes before it is run. */
  private loop(expr: CelExpr, loop: CelNode<'comprehensionExpr'>): void {
    this.rewrite(loop.iterRange);
    this.rewrite(loop.accuInit);
    this.rewrite(loop.result);
    const around = this.nodes;
    this.nodes = 0;
    this.rewrite(loop.loopCondition);
    this.rewrite(loop.loopStep);
    const steps: CelExpr = { $typeName: 'cel.expr.Expr', id: expr.id, exprKind: integer(BigInt(this.nodes)) };
    this.nodes = around;
    const { loopCondition } = loop;
    if (loopCondition === undefined) return;
    loop.loopCondition = {
      $typeName: 'cel.expr.Expr',
      id: expr.id,
      exprKind: {
        case: 'callExpr',
        value: {
          $typeName: 'cel.expr.Expr.Call',
          function: STEP_FUNCTION,
          args: [loopCondition, steps],
        },
      },
    };
  }
}

/** Whether a node of the kind stands anywhere in an expression, which was checked and so is not nested too deep. */
function contains(expr: CelExpr | undefined, kind: CelExpr['exprKind']['case']): boolean {
  if (expr === undefined) return false;
  const { exprKind } = expr;
  if (exprKind.case === kind) return true;
  const inside = (inner: CelExpr | undefined): boolean => contains(inner, kind);
  switch (exprKind.case) {
    case 'selectExpr':
      return inside(exprKind.value.operand);
    case 'callExpr':
      return inside(exprKind.value.target) || exprKind.value.args.some(inside);
    case 'listExpr':
      return exprKind.value.elements.some(inside);
    case 'structExpr':
      return exprKind.value.entries.some(
        ({ keyKind, value }) => inside(value) || (keyKind.case === 'mapKey' && inside(keyKind.value)),
      );
    default:
      return false;
  }
}

/**
 * Turns a checked expression, in place, into one that reads single fields through the lazy index: `_flow.source.namespace` becomes a variable of its own. Names get their meaning, and
 * loops count their rounds. Throws CelTypeError for what cannot be bounded.
 */
export function makeLazy(expr: CelExpr, checked: CheckedExpr): LazyExpr {
  const hasLoops = contains(expr, 'comprehensionExpr');
  const rewriter = new Rewriter(checked, hasLoops);
  rewriter.rewrite(expr);
  return { expr, readers: rewriter.readers, usesFlow: rewriter.usesFlow, hasLoops };
}
