import type { Direction } from '../model.ts';
import type { Selection } from '../select/identity-index.ts';
import type { NamedPort } from '../select/matcher.ts';
import {
  CLASS_LOCAL_PODS,
  classOf,
  IDENTITY_ANY,
  IDENTITY_HOST,
  isClass,
} from '../select/reserved-identities.ts';
import { type CompiledRule, keysOfNames, type NamedMatch } from './compiled-rule.ts';
import { ALL_TRAFFIC, type L4Key } from './l4-key.ts';
import { compileTable, type Contribution, emptyTable, isSameEntry, type L4Table } from './l4-table.ts';
import {
  COOKIE_ANY_EGRESS,
  COOKIE_ANY_INGRESS,
  COOKIE_LOCALHOST,
  type RuleCookie,
  type RuleTable,
} from './rule-table.ts';

/**
 * Whether a direction of an endpoint is policed. `open`: no rule selects it; everything passes, without verdict events. `allow-by-default`: rules exist, none with default
 * deny. `enforced`: what no entry allows is denied.
 */
export type Enforcement = 'open' | 'allow-by-default' | 'enforced';

/** What the policies that select an endpoint come to in one direction. */
export interface RulesInForce {
  readonly enforcement: Enforcement;
  readonly rules: readonly CompiledRule[];
  /** Ports of the selected endpoint, by which ingress rules name ports. */
  readonly namedPorts: readonly NamedPort[];
  /** Whether the node reaches the endpoint unless a rule denies it. */
  readonly allowsHost: boolean;
}

interface NamedContribution extends Contribution {
  /** Ports by name, to be looked up in each identity. */
  readonly named: readonly NamedMatch[];
}

/** A set of selections that pick the same identities, so that these share a table. */
export interface Combination {
  readonly slots: readonly number[];
  readonly next: Map<number, Combination>;
  /** Whether an identity's own ports matter. */
  readonly hasNames: boolean;
  /** By class. */
  readonly tables: Map<number, L4Table>;
  /** Where ports are named: by class and ports. */
  readonly tablesOfPorts: Map<string, L4Table>;
}

/** Makes the tables of one direction of an endpoint: of everybody, of each class, of each identity. Knows the rules, but not which identities there are. */
export class PeerTables {
  /** Whose identities have tables of their own, in a fixed order: their indices are what `tableOf` asks for. */
  readonly selections: readonly Selection[];
  private readonly slots = new Map<Selection, number>();
  private readonly contributions: NamedContribution[][] = [];
  private readonly fixed = new Map<number, Contribution[]>();
  /** What labels say of all pods of the local cluster. */
  private readonly labelled: Contribution[] = [];
  /** The combination of no selection. */
  readonly nobody: Combination = newCombination([], false);
  private readonly direction: Direction;
  private readonly ruleTable: RuleTable;
  private readonly clusterId: number;
  private readonly inForce: RulesInForce;
  private readonly everybody: L4Table;
  private readonly classes = new Map<number, L4Table>();
  /** The tables that a lookup consults besides an identity's own, without what labels say of a whole class. By class. */
  private readonly outer = new Map<number, readonly L4Table[]>();

  constructor(direction: Direction, inForce: RulesInForce, ruleTable: RuleTable, clusterId: number) {
    this.direction = direction;
    this.inForce = inForce;
    this.ruleTable = ruleTable;
    this.clusterId = clusterId;
    for (const rule of inForce.rules) this.add(rule);
    this.selections = [...this.slots.keys()];
    this.everybody = compileTable(this.fixed.get(IDENTITY_ANY) ?? [], [], ruleTable);
    this.compileClasses();
  }

  /** Tables of everybody (IDENTITY_ANY) and of classes, and of reserved identities that rules name. */
  fixedTables(): Map<number, L4Table> {
    const tables = new Map<number, L4Table>(this.classes);
    const cookie = this.direction === 'ingress' ? COOKIE_ANY_INGRESS : COOKIE_ANY_EGRESS;
    const isOpen = this.inForce.enforcement === 'allow-by-default';
    tables.set(IDENTITY_ANY, isOpen ? withImplied(this.everybody, cookie) : this.everybody);
    for (const id of [...this.fixed.keys(), IDENTITY_HOST]) {
      if (id !== IDENTITY_ANY && !isClass(id))
        tables.set(
          id,
          this.tableOf(id, this.nobody, () => []),
        );
    }
    return tables;
  }

  /** The index of a selection, or undefined if no rule uses it. */
  slotOf(selection: Selection): number | undefined {
    return this.slots.get(selection);
  }

  /** A combination with one more selection, by its index. They have to be added in ascending order. */
  with(combination: Combination, slot: number): Combination {
    let next = combination.next.get(slot);
    if (next === undefined) {
      const hasNames = combination.hasNames || this.contributions[slot].some(({ named }) => named.length > 0);
      next = newCombination([...combination.slots, slot], hasNames);
      combination.next.set(slot, next);
    }
    return next;
  }

  /** The table of an identity that the selections of a combination pick. */
  tableOf(id: number, combination: Combination, namedPortsOf: (id: number) => readonly NamedPort[]): L4Table {
    if (this.fixed.has(id) || id === IDENTITY_HOST) return this.compile(id, combination, namedPortsOf(id));
    if (combination === this.nobody) return emptyTable;
    const kind = classOf(id, this.clusterId);
    if (!combination.hasNames) {
      let table = combination.tables.get(kind);
      if (table === undefined) combination.tables.set(kind, (table = this.compile(id, combination, [])));
      return table;
    }
    const namedPorts = namedPortsOf(id);
    const key = `${kind} ${JSON.stringify(namedPorts)}`;
    let table = combination.tablesOfPorts.get(key);
    if (table === undefined)
      combination.tablesOfPorts.set(key, (table = this.compile(id, combination, namedPorts)));
    return table;
  }

  private compile(id: number, { slots }: Combination, namedPorts: readonly NamedPort[]): L4Table {
    const kind = classOf(id, this.clusterId);
    const own = slots
      .flatMap((slot) => this.contributions[slot])
      .map((one) =>
        one.named.length === 0
          ? one
          : { ...one, keys: [...one.keys, ...keysOfNames(one.named, namedPorts, false)] },
      );
    const ofClass = kind === CLASS_LOCAL_PODS ? this.labelled : [];
    const all = [...own, ...(this.fixed.get(id) ?? []), ...ofClass];
    const table = compileTable(all, this.outer.get(kind) ?? [this.everybody], this.ruleTable);
    if (ofClass.length > 0) return withoutClassEntries(table, this.classes.get(kind) ?? emptyTable);
    const isHost = id === IDENTITY_HOST && this.inForce.allowsHost && !this.everybody.has(ALL_TRAFFIC);
    return isHost ? withImplied(table, COOKIE_LOCALHOST) : table;
  }

  private compileClasses(): void {
    const byClass = new Map<number, Contribution[]>();
    for (const [identity, contributions] of this.fixed) {
      if (isClass(identity)) byClass.set(identity, contributions);
    }
    if (this.labelled.length > 0) {
      const whole = byClass.get(CLASS_LOCAL_PODS) ?? [];
      const labelled = this.labelled.map((one) => ({ ...one, isLabelled: true }));
      byClass.set(CLASS_LOCAL_PODS, [...whole, ...labelled]);
    }
    for (const [identity, contributions] of byClass) {
      const table = compileTable(contributions, [this.everybody], this.ruleTable);
      this.classes.set(identity, table);
      const whole = new Map([...table].filter(([, { isLabelled }]) => !isLabelled));
      this.outer.set(identity, [this.everybody, whole]);
    }
  }

  private add({ id, isDeny, keys: numbered, named, targets, nameTargets }: CompiledRule): void {
    const isIngress = this.direction === 'ingress';
    const ofEndpoint = isIngress ? keysOfNames(named, this.inForce.namedPorts, true) : [];
    const keys: readonly L4Key[] = ofEndpoint.length === 0 ? numbered : [...numbered, ...ofEndpoint];
    const ofPeer = isIngress ? [] : named;
    const contribution = { keys, named: ofPeer, isDeny, rule: id, isLabelled: false };
    for (const target of targets) {
      if (target.kind === 'matched') {
        if (keys.length + ofPeer.length > 0) this.contributionsOf(target.selection).push(contribution);
      } else if (keys.length > 0) {
        const list = target.kind === 'labelled-class' ? this.labelled : listOf(this.fixed, target.identity);
        list.push(contribution);
      }
    }
    for (const selection of isIngress ? [] : nameTargets) {
      this.contributionsOf(selection).push({ ...contribution, keys: [] });
    }
  }

  private contributionsOf(selection: Selection): NamedContribution[] {
    let slot = this.slots.get(selection);
    if (slot === undefined) {
      slot = this.contributions.push([]) - 1;
      this.slots.set(selection, slot);
    }
    return this.contributions[slot];
  }
}

/** A table with an allow of everything that no rule asked for, and that is nobody's reason where a rule says the same. */
function withImplied(table: L4Table, cookie: RuleCookie): L4Table {
  if (table.has(ALL_TRAFFIC)) return table;
  const entry = { key: ALL_TRAFFIC, isDeny: false, cookie, isLabelled: false };
  return new Map([...table, [ALL_TRAFFIC, entry]]);
}

/** What an identity's class says with the same rules needs no entry of its own. */
function withoutClassEntries(table: L4Table, ofClass: L4Table): L4Table {
  const left = [...table].filter(([key, entry]) => {
    const shared = ofClass.get(key);
    return shared?.isLabelled !== true || !isSameEntry({ ...entry, isLabelled: true }, shared);
  });
  return new Map(left);
}

function newCombination(slots: readonly number[], hasNames: boolean): Combination {
  return { slots, next: new Map(), hasNames, tables: new Map(), tablesOfPorts: new Map() };
}

function listOf(lists: Map<number, Contribution[]>, key: number): Contribution[] {
  let list = lists.get(key);
  if (list === undefined) lists.set(key, (list = []));
  return list;
}
