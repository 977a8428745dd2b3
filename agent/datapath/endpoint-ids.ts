const MAX_ENDPOINT_ID = 65535;

/**
 * Numbers of this node's endpoints, 1 to 65535. A pod keeps its number for as long as the cluster knows it, whatever becomes of its interface; over a restart of the agent the
 * number is found again by the pod's addresses. A number is not given anew before all others had their turn, so that flows of the past keep their meaning.
 */
export class EndpointIds {
  private readonly byPod = new Map<string, number>();
  private readonly used = new Set<number>();
  /** Numbers that an earlier agent gave, by hex address, as far as nobody has claimed them yet. */
  private readonly inherited: Map<string, number>;
  private readonly reserved: Set<number>;
  private next: number;

  /** @param inherited numbers with the addresses of their endpoints, as an earlier agent left them */
  constructor(inherited: Iterable<{ readonly id: number; readonly addresses: readonly Uint8Array[] }> = []) {
    const valid = [...inherited].filter(({ id }) => id >= 1 && id <= MAX_ENDPOINT_ID);
    this.inherited = new Map(
      valid.flatMap(({ id, addresses }) => addresses.map((address) => [hex(address), id] as const)),
    );
    this.reserved = new Set(this.inherited.values());
    this.next = (valid.reduce((highest, { id }) => Math.max(highest, id), 0) % MAX_ENDPOINT_ID) + 1;
  }

  /** The pod's number. Throws when all are in use. */
  idOf(pod: string, addresses: readonly Uint8Array[]): number {
    const known = this.byPod.get(pod);
    if (known !== undefined) return known;
    const found = addresses
      .map((address) => this.inherited.get(hex(address)))
      .find((id) => id !== undefined && !this.used.has(id));
    const id = found ?? this.takeNext();
    this.byPod.set(pod, id);
    this.used.add(id);
    return id;
  }

  /** Gives back the numbers of all pods but these, and those that an earlier agent gave and nobody claimed. */
  keepOnly(pods: ReadonlySet<string>): void {
    for (const [pod, id] of this.byPod) {
      if (pods.has(pod)) continue;
      this.byPod.delete(pod);
      this.used.delete(id);
    }
    this.inherited.clear();
    this.reserved.clear();
  }

  private takeNext(): number {
    let id = this.next;
    for (let tries = 1; this.used.has(id) || this.reserved.has(id); tries++) {
      if (tries >= MAX_ENDPOINT_ID)
        throw new RangeError(`more than ${MAX_ENDPOINT_ID} endpoints on one node`);
      id = (id % MAX_ENDPOINT_ID) + 1;
    }
    this.next = (id % MAX_ENDPOINT_ID) + 1;
    return id;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
