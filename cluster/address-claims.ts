import type { SourceProblem } from './model.ts';

/** Which pods say that an address is theirs, and whose it is: the first by namespace and name, so that all agents decide alike. */
export class AddressClaims {
  /** Claimants of an address, sorted; nearly always one. */
  private readonly claimants = new Map<string, readonly string[]>();
  private readonly contested = new Set<string>();

  /** Moves a pod from one list of addresses to another. Returns the other pods that win or lose an address by it. */
  move(pod: string, from: readonly string[], to: readonly string[]): string[] {
    const affected: string[] = [];
    for (const address of from) {
      if (!to.includes(address))
        affected.push(...this.setClaimants(address, (pods) => pods.filter((other) => other !== pod)));
    }
    for (const address of to) {
      if (!from.includes(address))
        affected.push(...this.setClaimants(address, (pods) => [...pods, pod].sort()));
    }
    return affected.filter((other) => other !== pod);
  }

  isOwner(pod: string, address: string): boolean {
    return this.claimants.get(address)?.[0] === pod;
  }

  get problems(): SourceProblem[] {
    return [...this.contested].flatMap((address) => {
      const [owner, ...others] = this.claimants.get(address)!;
      return others.map((pod) => ({
        where: `Pod "${pod}"`,
        message: `address ${address} is not used for it: Pod "${owner}" has the same`,
      }));
    });
  }

  private setClaimants(
    address: string,
    change: (pods: readonly string[]) => readonly string[],
  ): readonly string[] {
    const old = this.claimants.get(address) ?? [];
    const pods = change(old);
    if (pods.length === 0) this.claimants.delete(address);
    else this.claimants.set(address, pods);
    if (pods.length > 1) this.contested.add(address);
    else this.contested.delete(address);
    return old.length > 1 || pods.length > 1 ? [...old, ...pods] : [];
  }
}
