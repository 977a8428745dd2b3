import { type Cidr, type Label, parseLabel } from './label.ts';
import type { Driver, KnownIdentity } from './matcher.ts';
import type { Selection } from './identity-index.ts';

/** Something that identities have in common, and the selections that may pick whoever has it. Kept as long as a label or a selection refers to it. */
export interface Property {
  readonly text: string;
  readonly driver: Driver;
  readonly selections: Selection[];
  /** Those of `selections` that have not seen every identity yet. */
  readonly fresh: Selection[];
  /** The labels that have it. */
  readonly labels: Set<IndexedLabel>;
  /** Labels and selections that refer to it. */
  uses: number;
}

/** A label with its properties, one object for all who carry it. */
export interface IndexedLabel extends Label {
  readonly pair: Property;
  readonly name: Property;
  /** Identities that carry it. */
  uses: number;
  /** How many of its properties may have selections: most labels have none, and are passed over at one look. */
  watched: number;
}

/** The properties of identities, found by what they are. */
export class PropertyTable {
  private readonly properties = new Map<string, Property>();
  private readonly labels = new Map<string, IndexedLabel>();
  private readonly everybody = this.hold({ kind: 'everybody' });
  /** How many properties are ranges of a family and length: which ranges around an address are worth a look. */
  private readonly cidrLengths = new Map<number, number>();

  /** Counts one more use of a property. */
  hold(driver: Driver): Property {
    const text = textOf(driver);
    let property = this.properties.get(text);
    if (property === undefined) {
      property = { text, driver, selections: [], fresh: [], labels: new Set(), uses: 0 };
      this.properties.set(text, property);
      this.countLength(driver, 1);
    }
    property.uses++;
    return property;
  }

  release(property: Property): void {
    if (--property.uses > 0) return;
    this.properties.delete(property.text);
    this.countLength(property.driver, -1);
  }

  /** How many identities have any of these properties, as far as they are labels; those that have two count twice. */
  countIdentities(drivers: readonly Driver[]): number {
    let count = 0;
    for (const driver of drivers)
      for (const { uses } of this.properties.get(textOf(driver))?.labels ?? []) count += uses;
    return count;
  }

  /** Registers a selection under a property. */
  watch(property: Property, selection: Selection): void {
    if (property.selections.push(selection) === 1) for (const label of property.labels) label.watched++;
    property.fresh.push(selection);
  }

  unwatch(property: Property, selection: Selection): void {
    remove(property.selections, selection);
    remove(property.fresh, selection);
    if (property.selections.length === 0) for (const label of property.labels) label.watched--;
  }

  /** Shows every property of an identity under which there are selections, and some others; one that it has twice may be shown twice. */
  visit(
    { labels, namedPorts }: KnownIdentity & { readonly labels: readonly IndexedLabel[] },
    see: (property: Property) => void,
  ): void {
    for (const label of labels) {
      if (label.watched === 0) continue;
      see(label.pair);
      see(label.name);
      if (label.cidr !== null) this.visitRanges(label.cidr, see);
    }
    for (const { name } of namedPorts) {
      const property = this.properties.get(textOf({ kind: 'port-name', name }));
      if (property !== undefined) see(property);
    }
    see(this.everybody);
  }

  /** Shows the ranges that a range lies in. */
  private visitRanges(cidr: Cidr, see: (property: Property) => void): void {
    for (const length of this.cidrLengths.keys()) {
      const bits = length & 0xff;
      if (length >> 8 !== cidr.bytes.length || bits > cidr.bits) continue;
      const property = this.properties.get(rangeText(cidr.bytes, bits));
      if (property !== undefined) see(property);
    }
  }

  /** Counts one more use of each label. */
  holdLabels(texts: readonly string[]): IndexedLabel[] {
    return texts.map((text) => this.holdLabel(text));
  }

  private holdLabel(text: string): IndexedLabel {
    let label = this.labels.get(text);
    if (label === undefined) {
      const parsed = parseLabel(text);
      const { key, value } = parsed;
      label = {
        ...parsed,
        pair: this.hold({ kind: 'pair', key, value }),
        name: this.hold({ kind: 'key', key }),
        uses: 0,
        watched: parsed.cidr === null ? 0 : 1,
      };
      for (const property of [label.pair, label.name]) {
        property.labels.add(label);
        if (property.selections.length > 0) label.watched++;
      }
      this.labels.set(text, label);
    }
    label.uses++;
    return label;
  }

  releaseLabel(label: IndexedLabel): void {
    if (--label.uses > 0) return;
    this.labels.delete(label.text);
    label.pair.labels.delete(label);
    label.name.labels.delete(label);
    this.release(label.pair);
    this.release(label.name);
  }

  private countLength(driver: Driver, step: number): void {
    if (driver.kind !== 'cidr') return;
    const length = (driver.cidr.bytes.length << 8) | driver.cidr.bits;
    const count = (this.cidrLengths.get(length) ?? 0) + step;
    if (count === 0) this.cidrLengths.delete(length);
    else this.cidrLengths.set(length, count);
  }
}

/** Texts of different kinds of properties differ in their first character. */
function textOf(driver: Driver): string {
  switch (driver.kind) {
    case 'pair':
      return `=${driver.key}=${driver.value}`;
    case 'key':
      return `?${driver.key}`;
    case 'port-name':
      return `:${driver.name}`;
    case 'cidr':
      return rangeText(driver.cidr.bytes, driver.cidr.bits);
    default:
      return '*';
  }
}

/** The range of this length around an address. */
function rangeText(bytes: Uint8Array, bits: number): string {
  let text = `/${bits}/${bytes.length}`;
  for (let i = 0; i * 8 < bits; i++) {
    const rest = bits - i * 8;
    text += `.${rest >= 8 ? bytes[i] : bytes[i] & (0xff00 >> rest)}`;
  }
  return text;
}

function remove(list: Selection[], selection: Selection): void {
  const index = list.indexOf(selection);
  if (index >= 0) list.splice(index, 1);
}
