import type { CelType } from './cel-type.ts';
import { DYN, listOf, mapOf, typeText } from './cel-type.ts';

const nullable: ReadonlySet<string> = new Set(['null', 'wrapper', 'message', 'timestamp', 'duration', 'dyn']);

/** Whether `a` is as general as `b` or more so: equal, but for places where `a` is open. */
function isAsGeneral(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param') return false;
  if (a.kind === 'list' && b.kind === 'list') return isAsGeneral(a.element, b.element);
  if (a.kind === 'map' && b.kind === 'map') return isAsGeneral(a.key, b.key) && isAsGeneral(a.value, b.value);
  return typeText(a) === typeText(b);
}

/** What the checker has found out about the type parameters of one expression. */
export class TypeBindings {
  private bound = new Map<number, CelType>();
  private params = 0;

  /** A new parameter, of which nothing is known. */
  fresh(): CelType {
    return { kind: 'param', id: this.params++ };
  }

  /** The type with all that is known put in; `free` takes the place of parameters that are still open. */
  resolve(type: CelType, free?: CelType): CelType {
    switch (type.kind) {
      case 'param': {
        const known = this.bound.get(type.id);
        return known === undefined ? (free ?? type) : this.resolve(known, free);
      }
      case 'list':
        return listOf(this.resolve(type.element, free));
      case 'map':
        return mapOf(this.resolve(type.key, free), this.resolve(type.value, free));
      default:
        return type;
    }
  }

  /** The type that holds values of both: of types that fit together the more general one, `dyn` for others. */
  join(a: CelType, b: CelType): CelType {
    if (!this.assignAll([a], [b])) return DYN;
    return isAsGeneral(this.resolve(a), this.resolve(b)) ? a : b;
  }

  /** Whether values of the types `from` can stand where the types `to` are expected; parameters are bound if so, and left alone if not. */
  assignAll(from: readonly CelType[], to: readonly CelType[]): boolean {
    const before = new Map(this.bound);
    const fits = from.length === to.length && from.every((type, i) => this.assign(type, to[i]));
    if (!fits) this.bound = before;
    return fits;
  }

  private assign(from: CelType, to: CelType): boolean {
    if (to.kind === 'param') return this.assignParam(to, from, from, to);
    if (from.kind === 'param') return this.assignParam(from, to, from, to);
    if (from.kind === 'dyn' || to.kind === 'dyn') return true;
    if (from.kind === 'null') return nullable.has(to.kind);
    if (to.kind === 'null') return nullable.has(from.kind);
    // A wrapper is its value, or null.
    if (from.kind === 'wrapper') return this.assign(from.of, to);
    if (to.kind === 'wrapper') return this.assign(from, to.of);
    if (from.kind === 'list' && to.kind === 'list') return this.assign(from.element, to.element);
    if (from.kind === 'map' && to.kind === 'map') {
      return this.assign(from.key, to.key) && this.assign(from.value, to.value);
    }
    if (from.kind === 'message' && to.kind === 'message') return from.desc.typeName === to.desc.typeName;
    return from.kind === to.kind;
  }

  /** Where one side is a parameter: the more general type of those that fit together stays with it. */
  private assignParam(
    param: CelType & { kind: 'param' },
    other: CelType,
    from: CelType,
    to: CelType,
  ): boolean {
    const open = this.resolve(other);
    if (open.kind === 'param' && open.id === param.id) return true;
    const known = this.bound.get(param.id);
    if (known === undefined) {
      if (this.mentions(other, param.id)) return false;
      this.bound.set(param.id, other);
      return true;
    }
    if (!(param === to ? this.assign(from, known) : this.assign(known, to))) return false;
    if (isAsGeneral(open, this.resolve(known)) && !this.mentions(other, param.id)) {
      this.bound.set(param.id, other);
    }
    return true;
  }

  /** Whether a type contains a parameter: binding the one to the other would never end. */
  private mentions(type: CelType, id: number): boolean {
    switch (type.kind) {
      case 'param': {
        const known = this.bound.get(type.id);
        return type.id === id || (known !== undefined && this.mentions(known, id));
      }
      case 'list':
        return this.mentions(type.element, id);
      case 'map':
        return this.mentions(type.key, id) || this.mentions(type.value, id);
      default:
        return false;
    }
  }
}
