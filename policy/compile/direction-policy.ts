import type { Direction } from '../model.ts';
import type { IdentityIndex, Selection, SelectionUser } from '../select/identity-index.ts';
import type { KnownIdentity } from '../select/matcher.ts';
import type { L4Key } from './l4-key.ts';
import { emptyTable, isSameEntry, type L4Entry, type L4Table } from './l4-table.ts';
import { type Enforcement, PeerTables, type RulesInForce } from './peer-tables.ts';
import type { RuleTable } from './rule-table.ts';

const NO_RULES: RulesInForce = { enforcement: 'open', rules: [], namedPorts: [], allowsHost: false };

/** What came and went in the table of one identity. */
export interface TableChange {
  readonly identity: number;
  readonly upserts: readonly L4Entry[];
  readonly deletes: readonly L4Key[];
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
  private readonly tables = new Map<number, L4Table>();
  /** Tables as they were told last, of identities whose tables changed since. */
  private readonly told = new Map<number, L4Table>();
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
    for (const identity of this.tables.keys()) if (!tables.has(identity)) this.replace(identity, emptyTable);
    for (const [identity, table] of tables) this.replace(identity, table);
    this.onChange();
  }

  /** Follows no identities any more; the entries stay as they are. */
  unsubscribe(): void {
    for (const { users } of this.peers.selections) users.delete(this);
  }

  setIdentity(identity: KnownIdentity, selections: readonly Selection[]): void {
    const slots = selections.map((one) => this.peers.slotOf(one)).filter((slot) => slot !== undefined);
    this.replace(identity.id, this.peers.tableOf(identity, slots));
    this.onChange();
  }

  removeIdentity(id: number): void {
    this.replace(id, this.peers.tableOf({ id, namedPorts: [] }, []));
    this.onChange();
  }

  /** What came and went since the last call. */
  takeChanges(): TableChange[] {
    const changes = [...this.told].map(([identity, old]) => {
      const now = this.tables.get(identity) ?? emptyTable;
      return {
        identity,
        upserts: [...now.values()].filter((entry) => !isSameEntry(entry, old.get(entry.key))),
        deletes: [...old.keys()].filter((key) => !now.has(key)),
      };
    });
    this.told.clear();
    return changes.filter(({ upserts, deletes }) => upserts.length + deletes.length > 0);
  }

  private compileAll(): Map<number, L4Table> {
    const slots = new Map<number, number[]>();
    for (const [slot, { selected }] of this.peers.selections.entries()) {
      for (const id of selected) {
        const known = slots.get(id);
        if (known === undefined) slots.set(id, [slot]);
        else known.push(slot);
      }
    }
    const tables = this.peers.fixedTables();
    for (const [id, picked] of slots) {
      tables.set(id, this.peers.tableOf(this.identities.identity(id)!, picked));
    }
    return tables;
  }

  private replace(identity: number, table: L4Table): void {
    const old = this.tables.get(identity) ?? emptyTable;
    if (old === table || (old.size === 0 && table.size === 0)) return;
    if (!this.told.has(identity)) this.told.set(identity, old);
    if (table.size === 0) this.tables.delete(identity);
    else this.tables.set(identity, table);
  }
}
