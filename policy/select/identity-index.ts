import type { Driver, KnownIdentity, Matcher, NamedPort } from './matcher.ts';
import { type IndexedLabel, type Property, PropertyTable } from './property-table.ts';

/** What depends on which identities are selected. */
export interface SelectionUser {
  /** An identity that some of this user's selections select came or changed; `selections` are all that select it, of any user. */
  setIdentity(identity: KnownIdentity, selections: readonly Selection[]): void;
  /** An identity that some of this user's selections selected is gone. */
  removeIdentity(id: number): void;
}

/** The identities that a matcher picks, kept up to date. */
export interface Selection {
  readonly matcher: Matcher;
  readonly selected: Set<number>;
  readonly users: Set<SelectionUser>;
  /** Properties under which it is registered: whom it picks has one of them. */
  readonly properties: readonly Property[];
  /** Another property that all of them have, by which most others are turned away at one look; null for none. */
  readonly guard: Property | null;
  uses: number;
}

interface IndexedIdentity extends KnownIdentity {
  readonly labels: readonly IndexedLabel[];
}

/**
 * Which selections pick which identities, in both directions. A selection is registered under a property that those it picks must have, so that a new identity asks only
 * the few selections that may pick it: with thousands of selectors and hundreds of thousands of identities, asking all would take minutes.
 */
export class IdentityIndex {
  private readonly identities = new Map<number, IndexedIdentity>();
  private readonly selections = new Map<string, Selection>();
  private readonly properties = new PropertyTable();
  /** Properties with selections that have not seen every identity yet. */
  private readonly unsettled = new Set<Property>();
  /** The identity that is being added and what selects it: one closure for all of hundreds of thousands. */
  private arriving: IndexedIdentity | undefined;
  private readonly matched: Selection[] = [];
  private readonly arrive = (property: Property): void => {
    for (const selection of property.selections) {
      if (select(selection, this.arriving!)) this.matched.push(selection);
    }
  };

  get identityCount(): number {
    return this.identities.size;
  }

  identity(id: number): KnownIdentity | undefined {
    return this.identities.get(id);
  }

  /** The selection of a matcher, which all who ask share. It is complete after the next `settle`. Give it back with `release`. */
  acquire(matcher: Matcher): Selection {
    let selection = this.selections.get(matcher.key);
    if (selection === undefined) {
      const way = this.rarest(matcher);
      const guard = matcher.ways.find(
        (other) => other !== way && other.length === 1 && other[0].kind === 'pair',
      );
      selection = {
        matcher,
        selected: new Set(),
        users: new Set(),
        properties: way.map((driver) => this.properties.hold(driver)),
        guard: guard === undefined ? null : this.properties.hold(guard[0]),
        uses: 0,
      };
      this.selections.set(matcher.key, selection);
      for (const property of selection.properties) {
        this.properties.watch(property, selection);
        this.unsettled.add(property);
      }
    }
    selection.uses++;
    return selection;
  }

  release(selection: Selection): void {
    if (--selection.uses > 0) return;
    this.selections.delete(selection.matcher.key);
    for (const property of selection.properties) {
      this.properties.unwatch(property, selection);
      this.properties.release(property);
    }
    if (selection.guard !== null) this.properties.release(selection.guard);
  }

  /** Completes the selections that are new since the last call, by one look at every identity. */
  settle(): void {
    if (this.unsettled.size === 0) return;
    let identity: IndexedIdentity;
    // One closure for all: this runs a million times.
    const see = ({ fresh }: Property): void => {
      if (fresh.length > 0) for (const selection of fresh) select(selection, identity);
    };
    for (identity of this.identities.values()) this.properties.visit(identity, see);
    for (const property of this.unsettled) property.fresh.length = 0;
    this.unsettled.clear();
  }

  /** Adds an identity, or replaces it by one with other labels or ports, and tells the users of its selections. */
  setIdentity(id: number, labels: readonly string[], namedPorts: readonly NamedPort[]): void {
    const old = this.identities.get(id);
    if (old !== undefined && isSame(old, labels, namedPorts)) return;
    if (old !== undefined) this.removeIdentity(id);
    const identity = { id, labels: this.properties.holdLabels(labels), namedPorts };
    this.identities.set(id, identity);
    const matched = this.matched;
    matched.length = 0;
    this.arriving = identity;
    this.properties.visit(identity, this.arrive);
    if (matched.length > 0) for (const user of usersOf(matched)) user.setIdentity(identity, matched);
  }

  removeIdentity(id: number): void {
    const identity = this.identities.get(id);
    if (identity === undefined) return;
    this.identities.delete(id);
    const matched: Selection[] = [];
    this.properties.visit(identity, (property) => {
      for (const selection of property.selections) if (selection.selected.delete(id)) matched.push(selection);
    });
    for (const label of identity.labels) this.properties.releaseLabel(label);
    for (const user of usersOf(matched)) user.removeIdentity(id);
  }

  /** Of the ways to find whom a matcher picks, the one that the fewest identities share, as far as they are known. */
  private rarest({ ways }: Matcher): readonly Driver[] {
    let best = ways[0];
    let fewest = this.properties.countIdentities(best);
    for (const way of ways.slice(1)) {
      const count = this.properties.countIdentities(way);
      if (count >= fewest) continue;
      best = way;
      fewest = count;
    }
    return best;
  }
}

/** Adds an identity to a selection that picks it; whether it was not there before. An identity may meet a selection by several properties. */
function select({ guard, selected, matcher }: Selection, identity: IndexedIdentity): boolean {
  if (guard !== null && !hasPair(identity.labels, guard)) return false;
  if (!matcher.matches(identity) || selected.has(identity.id)) return false;
  selected.add(identity.id);
  return true;
}

function hasPair(labels: readonly IndexedLabel[], pair: Property): boolean {
  for (const label of labels) if (label.pair === pair) return true;
  return false;
}

function isSame(
  identity: KnownIdentity,
  labels: readonly string[],
  namedPorts: readonly NamedPort[],
): boolean {
  return (
    identity.labels.length === labels.length &&
    identity.labels.every(({ text }, i) => text === labels[i]) &&
    identity.namedPorts.length === namedPorts.length &&
    identity.namedPorts.every((port, i) => {
      const other = namedPorts[i];
      return port.name === other.name && port.protocol === other.protocol && port.port === other.port;
    })
  );
}

function usersOf(selections: readonly Selection[]): Iterable<SelectionUser> {
  const used = selections.filter(({ users }) => users.size > 0);
  if (used.length < 2) return used.length === 0 ? [] : used[0].users;
  const users = new Set<SelectionUser>();
  for (const selection of used) for (const user of selection.users) users.add(user);
  return users;
}
