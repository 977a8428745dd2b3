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
  /** How many identities have it. Exact for labels, whose identities are known from the first on. */
  identities: number;
  /** Labels and selections that refer to it. */
  uses: number;
}

/** A label with its properties, one object for all who carry it. */
export interface IndexedLabel extends Label {
  readonly pair: Property;
  readonly name: Property;
  uses: number;
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
      property = { text, driver, selections: [], fresh: [], identities: 0, uses: 0 };
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

  /** How many identities have any of these properties; those that have two count twice. */
  countIdentities(drivers: readonly Driver[]): number {
    return drivers.reduce((sum, driver) => sum + (this.properties.get(textOf(driver))?.identities ?? 0), 0);
  }

  /** Shows every property of an identity that is known; one that it has twice may be shown twice. */
  visit(
    { labels, namedPorts }: KnownIdentity & { readonly labels: readonly IndexedLabel[] },
    see: (property: Property) => void,
  ): void {
    for (const label of labels) {
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

  /** Counts one more use of a label. */
  holdLabel(text: string): IndexedLabel {
    let label = this.labels.get(text);
    if (label === undefined) {
      const parsed = parseLabel(text);
      const { key, value } = parsed;
      label = {
        ...parsed,
        pair: this.hold({ kind: 'pair', key, value }),
        name: this.hold({ kind: 'key', key }),
        uses: 0,
      };
      this.labels.set(text, label);
    }
    label.uses++;
    return label;
  }

  releaseLabel(label: IndexedLabel): void {
    if (--label.uses > 0) return;
    this.labels.delete(label.text);
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
