import { ALL_TRAFFIC, broader, type L4Key } from './l4-key.ts';
import type { RuleCookie, RuleTable } from './rule-table.ts';

/** What a policy says about one identity's traffic of some protocol and ports. */
export interface L4Entry {
  readonly key: L4Key;
  readonly isDeny: boolean;
  /** The rules that made it. */
  readonly cookie: RuleCookie;
  /** Stands under a class, but was made by selectors of labels: counts as an entry of each identity. */
  readonly isLabelled: boolean;
}

/** What a rule contributes to a table. */
export interface Contribution {
  readonly keys: readonly L4Key[];
  readonly isDeny: boolean;
  /** Number of the rule. */
  readonly rule: number;
  readonly isLabelled: boolean;
}

/**
 * The entries of one identity, class or of everybody, prepared for a longest-prefix lookup, which finds the most specific entry and knows nothing of denies: no allow stands
 * under a deny that covers it, so the entry that is found is a deny if any deny matches.
 */
export type L4Table = ReadonlyMap<L4Key, L4Entry>;

export const emptyTable: L4Table = new Map();

/**
 * Makes a table of what rules contribute. `outer` are the tables that a lookup consults besides: what they decide anyway gets no entry. The result is the same
 * whatever the order of the contributions.
 */
export function compileTable(
  contributions: readonly Contribution[],
  outer: readonly L4Table[],
  rules: RuleTable,
): L4Table {
  const denies = collect(contributions, true);
  const allows = collect(contributions, false);
  const table = new Map<L4Key, L4Entry>();
  for (const [key, made] of denies) {
    if (isCovered(broader(key), denies) || isDenied(key, outer)) continue;
    table.set(key, made.entry(key, true, rules));
  }
  for (const [key, made] of allows) {
    if (isCovered(key, denies) || isDenied(key, outer)) continue;
    // The same for a wider circle of peers says it all.
    if (outer.some((wider) => wider.has(key))) continue;
    table.set(key, made.entry(key, false, rules));
  }
  return table;
}

/** Rules that contribute to one key; those for a whole class outdo those of labels. */
class Makers {
  private readonly whole: number[] = [];
  private readonly labelled: number[] = [];

  add({ rule, isLabelled }: Contribution): void {
    (isLabelled ? this.labelled : this.whole).push(rule);
  }

  entry(key: L4Key, isDeny: boolean, rules: RuleTable): L4Entry {
    const isLabelled = this.whole.length === 0;
    return { key, isDeny, cookie: rules.cookieOf(isLabelled ? this.labelled : this.whole), isLabelled };
  }
}

function collect(contributions: readonly Contribution[], isDeny: boolean): Map<L4Key, Makers> {
  const found = new Map<L4Key, Makers>();
  for (const contribution of contributions) {
    if (contribution.isDeny !== isDeny) continue;
    for (const key of contribution.keys) {
      let makers = found.get(key);
      if (makers === undefined) found.set(key, (makers = new Makers()));
      makers.add(contribution);
    }
  }
  return found;
}

/** Whether a key or one that covers it is among `keys`. */
function isCovered(key: L4Key, keys: ReadonlyMap<L4Key, unknown>): boolean {
  if (keys.size === 0) return false;
  for (let at = key; at >= ALL_TRAFFIC; at = broader(at)) if (keys.has(at)) return true;
  return false;
}

function isDenied(key: L4Key, tables: readonly L4Table[]): boolean {
  for (const table of tables) {
    if (table.size === 0) continue;
    for (let at = key; at >= ALL_TRAFFIC; at = broader(at)) if (table.get(at)?.isDeny === true) return true;
  }
  return false;
}

/** The entry of a table that decides about a packet of this key: the most specific one. */
export function longestMatch(table: L4Table, key: L4Key): L4Entry | undefined {
  for (let at = key; at >= ALL_TRAFFIC; at = broader(at)) {
    const entry = table.get(at);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

export function isSameEntry(a: L4Entry, b: L4Entry | undefined): boolean {
  return b !== undefined && a.isDeny === b.isDeny && a.cookie === b.cookie && a.isLabelled === b.isLabelled;
}
