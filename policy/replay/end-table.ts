import {
  type OutsideEnd,
  outsideEnd,
  type PodEnd,
  type ReservedEnd,
  type TrafficEnd,
} from './traffic-end.ts';

/** Addresses, and DNS names, that an end outside keeps. */
export const KEPT_ADDRESSES = 8;
export const KEPT_NAMES = 4;

/** The ends of recorded traffic, by number. */
export class EndTable {
  private readonly ends: TrafficEnd[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly maxAddresses: number;
  private readonly groupOutside: ((address: string) => string) | undefined;
  private addressCount = 0;

  constructor(maxAddresses: number, groupOutside: ((address: string) => string) | undefined) {
    this.maxAddresses = maxAddresses;
    this.groupOutside = groupOutside;
  }

  end(number: number): TrafficEnd {
    return this.ends[number];
  }

  numberOf(end: PodEnd | ReservedEnd): number {
    const key =
      end.kind === 'pod'
        ? JSON.stringify([end.cluster, end.name, ...end.labels])
        : JSON.stringify([end.identity, ...end.labels]);
    return this.numbers.get(key) ?? this.add(key, end);
  }

  /** The number of the end that an address belongs to, or -1 for what is no address. */
  numberOfAddress(text: string, isApiServer: boolean): number {
    const end = outsideEnd(text, isApiServer);
    if (end === null) return -1;
    const { address } = end;
    const group = this.groupOutside?.(address) ?? address;
    const key = `${isApiServer ? 'api' : ''} ${group}`;
    const number = this.numbers.get(key) ?? this.addAddress(key, end);
    const known = this.ends[number] as OutsideEnd;
    if (known.addresses.size < KEPT_ADDRESSES) known.addresses.add(address);
    else if (!known.addresses.has(address)) known.hasMore = true;
    return number;
  }

  private addAddress(key: string, end: OutsideEnd): number {
    if (this.groupOutside !== undefined) return this.add(key, end);
    if (this.addressCount < this.maxAddresses) {
      this.addressCount++;
      return this.add(key, end);
    }
    const others = `others ${end.family}${end.isApiServer ? ' api' : ''}`;
    return this.numbers.get(others) ?? this.add(others, { ...end, address: '', hasMore: true });
  }

  private add(key: string, end: TrafficEnd): number {
    const number = this.ends.length;
    this.ends.push(end);
    this.numbers.set(key, number);
    return number;
  }
}
