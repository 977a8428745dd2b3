/** A value by IP address, looked up by the address bytes of a packet without making text of them. */
export class AddressTable<T> {
  private readonly ipv4 = new Map<number, T>();
  private readonly ipv6 = new Map<string, T>();

  get size(): number {
    return this.ipv4.size + this.ipv6.size;
  }

  /** @param address 4 or 16 bytes */
  set(address: Uint8Array, value: T): void {
    if (address.length === 4) this.ipv4.set(ipv4Key(address, 0), value);
    else this.ipv6.set(ipv6Key(address, 0), value);
  }

  delete(address: Uint8Array): void {
    if (address.length === 4) this.ipv4.delete(ipv4Key(address, 0));
    else this.ipv6.delete(ipv6Key(address, 0));
  }

  /** Looks up the address that starts at `bytes[at]`. */
  get(bytes: Uint8Array, at: number, isIpv6: boolean): T | undefined {
    return isIpv6 ? this.ipv6.get(ipv6Key(bytes, at)) : this.ipv4.get(ipv4Key(bytes, at));
  }
}

function ipv4Key(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function ipv6Key(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    (bytes[at] << 8) | bytes[at + 1],
    (bytes[at + 2] << 8) | bytes[at + 3],
    (bytes[at + 4] << 8) | bytes[at + 5],
    (bytes[at + 6] << 8) | bytes[at + 7],
    (bytes[at + 8] << 8) | bytes[at + 9],
    (bytes[at + 10] << 8) | bytes[at + 11],
    (bytes[at + 12] << 8) | bytes[at + 13],
    (bytes[at + 14] << 8) | bytes[at + 15],
  );
}
