import type { Direction, EndpointPolicyChange, PolicyEntry } from '../../../policy/index.ts';

/** Who stands for whom in a policy map besides everybody (0); written down anew from the numbers' documentation. */
function classOfIdentity(identity: number, clusterId: number): number | null {
  if (identity < 100) return null;
  if (identity >= 0x2000000) return 14;
  if (identity >= 0x1000000) return 13;
  return identity < 256 || identity >> 16 === clusterId ? 11 : 12;
}

/** A policy map as the kernel keeps it: flat entries, written one by one, found by key alone. */
export class PolicyMap {
  private readonly entries = new Map<string, PolicyEntry>();

  get size(): number {
    return this.entries.size;
  }

  apply({ upserts, deletes }: Pick<EndpointPolicyChange, 'upserts' | 'deletes'>): void {
    for (const key of deletes) {
      if (!this.entries.delete(keyText(key))) throw new Error(`deletes ${keyText(key)}, which is not there`);
    }
    for (const entry of upserts) this.entries.set(keyText(entry), entry);
  }

  /** Everything in it, comparable. */
  dump(): string[] {
    return [...this.entries.values()].map((entry) => JSON.stringify(entry)).sort();
  }

  /** The entry that decides, by the documented lookup: three longest-prefix lookups, the first deny, else the longest allow. */
  lookUp(
    direction: Direction,
    clusterId: number,
    identity: number,
    protocol: number,
    port: number,
  ): PolicyEntry | undefined {
    const found = [identity, classOfIdentity(identity, clusterId), 0]
      .filter((one) => one !== null)
      .map((one) => this.longest(direction, one, protocol, port))
      .filter((entry) => entry !== undefined);
    const bits = ({ protocol, prefixLength }: PolicyEntry): number => (protocol === 0 ? 0 : 8 + prefixLength);
    return (
      found.find(({ verdict }) => verdict === 'deny') ??
      found.reduce<PolicyEntry | undefined>(
        (best, entry) => (best === undefined || bits(entry) > bits(best) ? entry : best),
        undefined,
      )
    );
  }

  private longest(
    direction: Direction,
    identity: number,
    protocol: number,
    port: number,
  ): PolicyEntry | undefined {
    for (let prefixLength = 16; prefixLength >= 0; prefixLength--) {
      const masked = port & (0xffff << (16 - prefixLength));
      const entry = this.entries.get(keyText({ direction, identity, protocol, port: masked, prefixLength }));
      if (entry !== undefined) return entry;
    }
    return this.entries.get(keyText({ direction, identity, protocol: 0, port: 0, prefixLength: 0 }));
  }
}

function keyText(key: Omit<PolicyEntry, 'verdict' | 'cookie' | 'matchType'>): string {
  return `${key.direction} ${key.identity} ${key.protocol} ${key.port}/${key.prefixLength}`;
}
