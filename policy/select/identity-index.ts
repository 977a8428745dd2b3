import { type Cidr, type Label, parseLabel } from './label.ts';
import type { Driver, KnownIdentity, Matcher, NamedPort } from './matcher.ts';

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
  uses: number;
}

/** What identities have in common that have a property; kept as long as a label or a selection refers to it. */
interface Property {
  readonly selections: Selection[];
  labels: number;
}

/** A label as the index keeps it: with the selections to ask about whoever carries it. */
interface IndexedLabel extends Label {
  readonly pair: Property;
  readonly name: Property;
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
  private readonly labels = new Map<string, IndexedLabel>();
  private readonly selections = new Map<string, Selection>();
  /** By a property's text; see `propertyOf`. */
  private readonly properties = new Map<string, Property>();
  /** How many selections there are for ranges of a family and length: which ranges around an address are worth a look. */
  private readonly cidrLengths = new Map<number, number>();
  private readonly undriven: Selection[] = [];
  private fresh: Selection[] = [];

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
      selection = { matcher, selected: new Set(), users: new Set(), uses: 0 };
      this.selections.set(matcher.key, selection);
      if (matcher.drivers.length === 0) this.undriven.push(selection);
      for (const driver of matcher.drivers) {
        this.property(propertyOf(driver)).selections.push(selection);
        this.countLength(driver, 1);
      }
      this.fresh.push(selection);
    }
    selection.uses++;
    return selection;
  }

  release(selection: Selection): void {
    if (--selection.uses > 0) return;
    const { matcher } = selection;
    this.selections.delete(matcher.key);
    if (matcher.drivers.length === 0) remove(this.undriven, selection);
    for (const driver of matcher.drivers) {
      const text = propertyOf(driver);
      remove(this.property(text).selections, selection);
      this.dropUnused(text);
      this.countLength(driver, -1);
    }
    this.fresh = this.fresh.filter((other) => other !== selection);
  }

  /** Completes the selections that are new since the last call, by one look at every identity. */
  settle(): void {
    if (this.fresh.length === 0) return;
    const fresh = new Set(this.fresh);
    this.fresh = [];
    for (const identity of this.identities.values()) {
      for (const selection of this.candidates(identity)) {
        if (fresh.has(selection) && selection.matcher.matches(identity)) selection.selected.add(identity.id);
      }
    }
  }

  /** Adds an identity, or replaces it by one with other labels or ports, and tells the users of its selections. */
  setIdentity(id: number, labels: readonly string[], namedPorts: readonly NamedPort[]): void {
    const old = this.identities.get(id);
    if (old !== undefined && isSame(old, labels, namedPorts)) return;
    if (old !== undefined) this.removeIdentity(id);
    const identity = { id, labels: labels.map((text) => this.internLabel(text)), namedPorts };
    this.identities.set(id, identity);
    const matched: Selection[] = [];
    for (const selection of this.candidates(identity)) {
      if (selection.selected.has(id) || !selection.matcher.matches(identity)) continue;
      selection.selected.add(id);
      matched.push(selection);
    }
    for (const user of usersOf(matched)) user.setIdentity(identity, matched);
  }

  removeIdentity(id: number): void {
    const identity = this.identities.get(id);
    if (identity === undefined) return;
    this.identities.delete(id);
    const matched = [...this.candidates(identity)].filter(({ selected }) => selected.delete(id));
    for (const label of identity.labels) this.releaseLabel(label);
    for (const user of usersOf(matched)) user.removeIdentity(id);
  }

  /** Every selection that may pick an identity; some may come twice. */
  private *candidates({ labels, namedPorts }: IndexedIdentity): IterableIterator<Selection> {
    for (const { pair, name, cidr } of labels) {
      if (pair.selections.length > 0) yield* pair.selections;
      if (name.selections.length > 0) yield* name.selections;
      if (cidr !== null) yield* this.around(cidr);
    }
    for (const { name } of namedPorts) yield* this.properties.get(portNameText(name))?.selections ?? [];
    yield* this.undriven;
  }

  /** Selections of ranges that a range lies in. */
  private *around(cidr: Cidr): IterableIterator<Selection> {
    for (const length of this.cidrLengths.keys()) {
      const bits = length & 0xff;
      if (length >> 8 !== cidr.bytes.length || bits > cidr.bits) continue;
      yield* this.properties.get(cidrText(cidr.bytes, bits))?.selections ?? [];
    }
  }

  private property(text: string): Property {
    let property = this.properties.get(text);
    if (property === undefined) this.properties.set(text, (property = { selections: [], labels: 0 }));
    return property;
  }

  private dropUnused(text: string): void {
    const property = this.properties.get(text);
    if (property?.labels === 0 && property.selections.length === 0) this.properties.delete(text);
  }

  private countLength(driver: Driver, step: number): void {
    if (driver.kind !== 'cidr') return;
    const length = (driver.cidr.bytes.length << 8) | driver.cidr.bits;
    const count = (this.cidrLengths.get(length) ?? 0) + step;
    if (count === 0) this.cidrLengths.delete(length);
    else this.cidrLengths.set(length, count);
  }

  private internLabel(text: string): IndexedLabel {
    let label = this.labels.get(text);
    if (label === undefined) {
      const parsed = parseLabel(text);
      const pair = this.property(pairText(parsed.key, parsed.value));
      const name = this.property(keyText(parsed.key));
      label = { ...parsed, pair, name, uses: 0 };
      pair.labels++;
      name.labels++;
      this.labels.set(text, label);
    }
    label.uses++;
    return label;
  }

  private releaseLabel(label: IndexedLabel): void {
    if (--label.uses > 0) return;
    this.labels.delete(label.text);
    label.pair.labels--;
    label.name.labels--;
    this.dropUnused(pairText(label.key, label.value));
    this.dropUnused(keyText(label.key));
  }
}

function propertyOf(driver: Driver): string {
  switch (driver.kind) {
    case 'pair':
      return pairText(driver.key, driver.value);
    case 'key':
      return keyText(driver.key);
    case 'port-name':
      return portNameText(driver.name);
    default:
      return cidrText(driver.cidr.bytes, driver.cidr.bits);
  }
}

/** The texts of different kinds of properties differ in their first character. */
const pairText = (key: string, value: string): string => `=${key}=${value}`;
const keyText = (key: string): string => `?${key}`;
const portNameText = (name: string): string => `:${name}`;

/** The range of this length around an address. */
function cidrText(bytes: Uint8Array, bits: number): string {
  let text = `/${bits}/${bytes.length}`;
  for (let i = 0; i * 8 < bits; i++) {
    const rest = bits - i * 8;
    text += `.${rest >= 8 ? bytes[i] : bytes[i] & (0xff00 >> rest)}`;
  }
  return text;
}

function remove(list: Selection[], selection: Selection): void {
  list.splice(list.indexOf(selection), 1);
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

function usersOf(selections: readonly Selection[]): ReadonlySet<SelectionUser> {
  const users = new Set<SelectionUser>();
  for (const selection of selections) for (const user of selection.users) users.add(user);
  return users;
}
