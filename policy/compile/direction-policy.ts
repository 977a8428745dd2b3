import type { Direction } from '../model.ts';
import type { IdentityIndex, Selection, SelectionUser } from '../select/identity-index.ts';
import type { KnownIdentity, NamedPort } from '../select/matcher.ts';
import { emptyTable, type L4Table } from './l4-table.ts';
import { type Combination, type Enforcement, PeerTables, type RulesInForce } from './peer-tables.ts';
import type { RuleTable } from './rule-table.ts';

const NO_RULES: RulesInForce = { enforcement: 'open', rules: [], namedPorts: [], allowsHost: false };

/** The table of one identity before and after: entries that came or changed, and keys that went, are read out of it when they are wanted. */
export interface TableChange {
  readonly direction: Direction;
  readonly identity: number;
  readonly old: L4Table;
  readonly now: L4Table;
}

/**
 * The entries of one direction of one endpoint, by the identity in their key. Follows the identities by itself once rules are set: an identity that comes or goes costs one
 * table. Remembers what changed until it is taken.
 */
export class DirectionPolicy implements SelectionUser {
  readonly direction: Direction;
  private readonly ruleTable: RuleTable;
  private readonly clusterId: number;
  private readonly identities: IdentityIndex;
  private readonly onChange: () => void;
  private tables = new Map<number, L4Table>();
  /** Tables as they were told last, of identities whose tables changed since. Null: nothing was told yet. */
  private told: Map<number, L4Table> | null = null;
  private readonly namedPortsOf = (id: number): readonly NamedPort[] =>
    this.identities.identity(id)?.namedPorts ?? [];
  private inForce = NO_RULES;
  private peers: PeerTables;

  /** @param onChange called when `takeChanges` may have something to tell */
  constructor(
    direction: Direction,
    ruleTable: RuleTable,
    clusterId: number,
    identities: IdentityIndex,
    onChange: () => void,
  ) {
    this.direction = direction;
    this.ruleTable = ruleTable;
    this.clusterId = clusterId;
    this.identities = identities;
    this.onChange = onChange;
    this.peers = new PeerTables(direction, NO_RULES, ruleTable, clusterId);
  }

  get enforcement(): Enforcement {
    return this.inForce.enforcement;
  }

  /** By the identity in the key: of a peer, a class (CLASS_*), or IDENTITY_ANY. */
  get entries(): ReadonlyMap<number, L4Table> {
    return this.tables;
  }

  get entryCount(): number {
    let count = 0;
    for (const table of this.tables.values()) count += table.size;
    return count;
  }

  /** Puts rules in force instead of those that were. Their selections have to be settled. */
  setRules(inForce: RulesInForce): void {
    this.unsubscribe();
    this.inForce = inForce;
    this.peers = new PeerTables(this.direction, inForce, this.ruleTable, this.clusterId);
    for (const { users } of this.peers.selections) users.add(this);
    const tables = this.compileAll();
    if (this.told === null) {
      this.tables = tables;
      this.onChange();
      return;
    }
    for (const identity of this.tables.keys()) if (!tables.has(identity)) this.replace(identity, emptyTable);
    for (const [identity, table] of tables) this.replace(identity, table);
    this.onChange();
  }

  /** Follows no identities any more; the entries stay as they are. */
  unsubscribe(): void {
    for (const { users } of this.peers.selections) users.delete(this);
  }

  setIdentity({ id }: KnownIdentity, selections: readonly Selection[]): void {
    const slots = selections.map((one) => this.peers.slotOf(one)).filter((slot) => slot !== undefined);
    let combination = this.peers.nobody;
    for (const slot of slots.sort((a, b) => a - b)) combination = this.peers.with(combination, slot);
    this.replace(id, this.peers.tableOf(id, combination, this.namedPortsOf));
    this.onChange();
  }

  removeIdentity(id: number): void {
    this.replace(id, this.peers.tableOf(id, this.peers.nobody, this.namedPortsOf));
    this.onChange();
  }

  /** What came and went since the last call. */
  takeChanges(): TableChange[] {
    const told = this.told;
    this.told = new Map();
    const { direction } = this;
    if (told === null) {
      return [...this.tables].map(([identity, now]) => ({ direction, identity, old: emptyTable, now }));
    }
    return [...told].map(([identity, old]) => {
      return { direction, identity, old, now: this.tables.get(identity) ?? emptyTable };
    });
  }

  /** The tables of everybody, of classes and of each identity; none of them is empty. */
  private compileAll(): Map<number, L4Table> {
    const { peers } = this;
    const combinations = new Map<number, Combination>();
    for (const [slot, { selected }] of peers.selections.entries()) {
      for (const id of selected) {
        combinations.set(id, peers.with(combinations.get(id) ?? peers.nobody, slot));
      }
    }
    const tables = peers.fixedTables();
    for (const [id, table] of tables) if (table.size === 0) tables.delete(id);
    for (const [id, combination] of combinations) {
      const table = peers.tableOf(id, combination, this.namedPortsOf);
      if (table.size > 0) tables.set(id, table);
      else tables.delete(id);
    }
    return tables;
  }

  private replace(identity: number, table: L4Table): void {
    const old = this.tables.get(identity) ?? emptyTable;
    if (old === table || (old.size === 0 && table.size === 0)) return;
    if (this.told !== null && !this.told.has(identity)) this.told.set(identity, old);
    if (table.size === 0) this.tables.delete(identity);
    else this.tables.set(identity, table);
  }
}
