import type { FieldPath, SourceLines } from './text.ts';

/** Where the parts of a JSON document stand when it is printed with an indent of two. Counted at the first question. */
export class JsonLines {
  private readonly root: unknown;
  /** First lines of objects and lists. */
  private firstLines: Map<object, number> | null = null;

  constructor(root: unknown) {
    this.root = root;
  }

  source(path: FieldPath): SourceLines | null {
    const firstLines = this.count();
    let value = this.root;
    let firstLine = 1;
    for (const step of path) {
      if (!isBlock(value) || !Object.hasOwn(value, step)) return null;
      const member = (value as Record<string | number, unknown>)[step];
      firstLine = isBlock(member)
        ? firstLines.get(member)!
        : firstLines.get(value)! + linesBefore(value, String(step), firstLines);
      value = member;
    }
    const text = `${JSON.stringify(value, null, 2)}\n`;
    return { text, firstLine, lastLine: firstLine + linesOf(value, firstLines) - 1 };
  }

  private count(): ReadonlyMap<object, number> {
    if (this.firstLines === null) {
      this.firstLines = new Map();
      note(this.root, 1, this.firstLines);
    }
    return this.firstLines;
  }
}

/** Notes where everything in a value begins that stands on several lines; returns the line behind it. */
function note(value: unknown, line: number, firstLines: Map<object, number>): number {
  if (!isBlock(value)) return line + 1;
  firstLines.set(value, line);
  const members: unknown[] = Object.values(value);
  if (members.length === 0) return line + 1;
  let next = line + 1;
  for (const member of members) next = note(member, next, firstLines);
  return next + 1;
}

function isBlock(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function linesBefore(value: object, step: string, firstLines: ReadonlyMap<object, number>): number {
  let lines = 1;
  for (const [key, member] of Object.entries(value)) {
    if (key === step) break;
    lines += linesOf(member, firstLines);
  }
  return lines;
}

/** How many lines a value stands on. */
function linesOf(value: unknown, firstLines: ReadonlyMap<object, number>): number {
  if (!isBlock(value)) return 1;
  const members: unknown[] = Object.values(value);
  if (members.length === 0) return 1;
  const last = members.at(-1);
  if (isBlock(last)) return firstLines.get(last)! + linesOf(last, firstLines) - firstLines.get(value)! + 1;
  return members.reduce<number>((sum, member) => sum + linesOf(member, firstLines), 2);
}
