import type { parse } from '@bufbuild/cel';
import { TypeBindings } from './cel-bindings.ts';
import { type CelName, resolveMessage, resolveName } from './cel-names.ts';
import { A, B, type CelOverload, celOverloads } from './cel-overloads.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DYN,
  fieldType,
  INT,
  listOf,
  mapOf,
  messageType,
  NULL,
  STRING,
  typeText,
  UINT,
} from './cel-type.ts';

/** A node of a parsed expression. */
export type CelExpr = ReturnType<typeof parse>['expr'];

type Kind<C extends CelExpr['exprKind']['case']> = Extract<CelExpr['exprKind'], { case: C }>;
/** The content of a node of some kind. */
export type CelNode<C extends Exclude<CelExpr['exprKind']['case'], undefined>> = Kind<C>['value'];

/** An expression that does not type-check. */
export class CelTypeError extends Error {
  override readonly name = 'CelTypeError';
  /** Of the node at fault. */
  readonly id: bigint;

  constructor(id: bigint, message: string) {
    super(message);
    this.id = id;
  }
}

/** What the checker found out, by the ids of nodes. */
export interface CheckedExpr {
  readonly type: CelType;
  readonly types: ReadonlyMap<bigint, CelType>;
  /** Names that are no variables of a comprehension. */
  readonly names: ReadonlyMap<bigint, CelName>;
}

/** Nesting beyond this would exhaust the stack sooner or later. */
const MAX_DEPTH = 200;

const constantTypes: Readonly<Record<string, CelType>> = {
  boolValue: BOOL,
  bytesValue: BYTES,
  doubleValue: DOUBLE,
  int64Value: INT,
  nullValue: NULL,
  stringValue: STRING,
  uint64Value: UINT,
};

/** `a.b.c` as one name; null when it is something else. */
function qualifiedName({ exprKind }: CelExpr): string | null {
  if (exprKind.case === 'identExpr') return exprKind.value.name;
  if (exprKind.case !== 'selectExpr' || exprKind.value.testOnly || exprKind.value.operand === undefined) {
    return null;
  }
  const operand = qualifiedName(exprKind.value.operand);
  return operand === null ? null : `${operand}.${exprKind.value.field}`;
}

class Checker {
  readonly types = new Map<bigint, CelType>();
  readonly names = new Map<bigint, CelName>();
  readonly bindings = new TypeBindings();
  /** Variables of the comprehensions around the node, innermost last. */
  private readonly scopes: (readonly [string, CelType])[] = [];
  private depth = 0;

  check(expr: CelExpr | undefined): CelType {
    if (expr === undefined) throw new CelTypeError(0n, 'an operand is missing');
    if (++this.depth > MAX_DEPTH) throw new CelTypeError(expr.id, `nested more than ${MAX_DEPTH} deep`);
    const type = this.node(expr);
    this.depth--;
    this.types.set(expr.id, type);
    return type;
  }

  private node(expr: CelExpr): CelType {
    const { exprKind, id } = expr;
    switch (exprKind.case) {
      case 'constExpr':
        return constantTypes[exprKind.value.constantKind.case ?? ''] ?? DYN;
      case 'identExpr':
        return this.variable(exprKind.value.name) ?? this.name(id, exprKind.value.name);
      case 'selectExpr':
        return this.select(expr, exprKind.value);
      case 'callExpr':
        return this.call(id, exprKind.value);
      case 'listExpr':
        return listOf(this.join(exprKind.value.elements));
      case 'structExpr':
        return exprKind.value.messageName === ''
          ? this.map(exprKind.value)
          : this.message(id, exprKind.value);
      case 'comprehensionExpr':
        return this.comprehension(id, exprKind.value);
      default:
        throw new CelTypeError(id, 'an operand is missing');
    }
  }

  private variable(name: string): CelType | undefined {
    return this.scopes.findLast(([variable]) => variable === name)?.[1];
  }

  private name(id: bigint, name: string): CelType {
    const found = resolveName(name);
    if (found === undefined) {
      throw new CelTypeError(id, `undeclared reference to '${name}' (in container 'flow')`);
    }
    this.names.set(id, found);
    return found.kind === 'constant' ? INT : found.type;
  }

  private select(expr: CelExpr, { operand, field, testOnly }: CelNode<'selectExpr'>): CelType {
    // `Verdict.DROPPED` is a name, unless a variable is called Verdict.
    const name = qualifiedName(expr);
    if (name !== null && this.variable(name.split('.', 1)[0]) === undefined) {
      const found = resolveName(name);
      if (found !== undefined && found.kind !== 'flow') return this.name(expr.id, name);
    }
    const type = this.fieldOf(expr.id, this.bindings.resolve(this.check(operand)), field);
    return testOnly ? BOOL : type;
  }

  private fieldOf(id: bigint, type: CelType, name: string): CelType {
    switch (type.kind) {
      case 'dyn':
      case 'param':
        return DYN;
      case 'map':
        return type.value;
      case 'message': {
        const field = type.desc.fields.find((candidate) => candidate.name === name);
        if (field === undefined)
          throw new CelTypeError(id, `undefined field '${name}' of ${type.desc.typeName}`);
        return fieldType(field);
      }
      default:
        throw new CelTypeError(id, `type '${typeText(type)}' does not support field selection`);
    }
  }

  private call(id: bigint, { target, function: name, args }: CelNode<'callExpr'>): CelType {
    const overloads = celOverloads.get(name);
    if (overloads === undefined) {
      throw new CelTypeError(id, `undeclared reference to '${name}' (in container 'flow')`);
    }
    const operands = target === undefined ? args : [target, ...args];
    const types = operands.map((operand) => this.check(operand));
    let result: CelType | null = null;
    for (const overload of overloads) {
      if (overload.isMethod !== (target !== undefined)) continue;
      const { params, result: type } = this.instantiate(overload);
      if (!this.bindings.assignAll(types, params)) continue;
      const found = this.bindings.resolve(type);
      // Where an operand is known at run time only, several may fit.
      result = result === null || typeText(result) === typeText(found) ? found : DYN;
    }
    if (result !== null) return result;
    const texts = types.map((type) => typeText(this.bindings.resolve(type)));
    const receiver = target === undefined ? '' : `${texts.shift()}.`;
    throw new CelTypeError(
      id,
      `found no matching overload for '${name}' applied to '${receiver}(${texts.join(', ')})'`,
    );
  }

  /** An overload with parameters of its own in the place of A and B. */
  private instantiate({ params, result }: CelOverload): Pick<CelOverload, 'params' | 'result'> {
    const own = new Map([
      [A, this.bindings.fresh()],
      [B, this.bindings.fresh()],
    ]);
    const replace = (type: CelType): CelType => {
      if (type.kind === 'list') return listOf(replace(type.element));
      if (type.kind === 'map') return mapOf(replace(type.key), replace(type.value));
      return own.get(type) ?? type;
    };
    return { params: params.map(replace), result: replace(result) };
  }

  /** The type that the elements of a list have in common; what differs is known at run time only. */
  private join(elements: readonly (CelExpr | undefined)[]): CelType {
    let joined: CelType | null = null;
    for (const element of elements) {
      const type = this.check(element);
      joined = joined === null ? type : this.bindings.join(joined, type);
    }
    return joined ?? this.bindings.fresh();
  }

  private map({ entries }: CelNode<'structExpr'>): CelType {
    const keys = entries.map(({ keyKind }) => (keyKind.case === 'mapKey' ? keyKind.value : undefined));
    return mapOf(this.join(keys), this.join(entries.map(({ value }) => value)));
  }

  private message(id: bigint, { messageName, entries }: CelNode<'structExpr'>): CelType {
    const desc = resolveMessage(messageName);
    if (desc === undefined) {
      throw new CelTypeError(id, `undeclared reference to '${messageName}' (in container 'flow')`);
    }
    for (const { id, keyKind, value } of entries) {
      const name = keyKind.case === 'fieldKey' ? keyKind.value : '';
      const expected = this.fieldOf(id, { kind: 'message', desc }, name);
      const type = this.check(value);
      if (!this.bindings.assignAll([type], [expected])) {
        throw new CelTypeError(
          id,
          `expected type of field '${name}' is '${typeText(expected)}' but provided type is '${typeText(this.bindings.resolve(type))}'`,
        );
      }
    }
    return messageType(desc);
  }

  private comprehension(id: bigint, node: CelNode<'comprehensionExpr'>): CelType {
    const range = this.bindings.resolve(this.check(node.iterRange));
    const accu = this.check(node.accuInit);
    this.scopes.push([node.accuVar, accu], [node.iterVar, this.itemOf(id, range)]);
    this.expectBool(node.loopCondition);
    const step = this.check(node.loopStep);
    if (!this.bindings.assignAll([step], [accu])) {
      throw new CelTypeError(
        id,
        `a comprehension of ${typeText(this.bindings.resolve(accu))} cannot take ${typeText(this.bindings.resolve(step))}`,
      );
    }
    this.scopes.pop();
    const result = this.check(node.result);
    this.scopes.pop();
    return this.bindings.resolve(result);
  }

  private itemOf(id: bigint, range: CelType): CelType {
    switch (range.kind) {
      case 'list':
        return range.element;
      case 'map':
        return range.key;
      case 'dyn':
      case 'param':
        return DYN;
      default:
        throw new CelTypeError(
          id,
          `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
    }
  }

  private expectBool(expr: CelExpr | undefined): void {
    const type = this.check(expr);
    if (!this.bindings.assignAll([type], [BOOL])) {
      throw new CelTypeError(
        expr?.id ?? 0n,
        `expected type 'bool' but found '${typeText(this.bindings.resolve(type))}'`,
      );
    }
  }
}

/**
 * Checks the types of a parsed expression by the rules of cel-spec: fields of protobuf messages by their proto names, enums as numbers, int and uint never mixed, the
 * standard library only. Throws CelTypeError.
 */
export function checkCel(expr: CelExpr): CheckedExpr {
  const checker = new Checker();
  const type = checker.check(expr);
  const resolve = (found: CelType): CelType => checker.bindings.resolve(found, DYN);
  return {
    type: resolve(type),
    types: new Map([...checker.types].map(([id, found]) => [id, resolve(found)])),
    names: checker.names,
  };
}
