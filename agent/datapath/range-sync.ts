import { parseCidr } from '../../cluster/index.ts';
import { encodeCidrKey, encodeIpcacheInfo } from './map-layout.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { KernelError } from '../kernel/kernel-error.ts';

/** The part of a BPF map that is needed here. */
export type RangeMap = Pick<BpfMap, 'keys' | 'update' | 'delete'>;

/**
 * Keeps one of the datapath's maps of ranges (`ipcache_cidr`, `no_masquerade`) equal to what is wanted. Whoever wants the same as before passes the same map, which must not
 * have changed: with thousands of ranges, finding that nothing is to be done would take longest.
 */
export class RangeSync {
  private readonly map: RangeMap;
  private readonly otherwise: string;
  /** Identities by hex key; null for what an earlier agent wrote, until it is wanted or not. */
  private readonly written = new Map<string, number | null>();
  /** What could not be written, and is tried again with each call. */
  private failure: string | null = null;
  /** What was kept, and written, last: the same again is no work. */
  private kept: ReadonlyMap<string, number> | null = null;
  private added: ReadonlyMap<string, number> | null = null;

  /**
   * Takes over what the map holds.
   * @param otherwise what becomes of ranges that cannot be written
   */
  constructor(map: RangeMap, otherwise: string) {
    this.map = map;
    this.otherwise = otherwise;
    for (const key of map.keys()) this.written.set(Buffer.from(key).toString('hex'), null);
  }

  /** Null when all is written. */
  get problem(): string | null {
    return this.failure;
  }

  /** Takes away ranges that are not wanted any more: their addresses fall to wider ones, or to the world. Whether there were any. */
  removeOthers(wanted: ReadonlyMap<string, number>): boolean {
    if (wanted === this.kept) return false;
    this.kept = wanted;
    const keys = new Set([...wanted.keys()].map(keyOf));
    let changed = false;
    for (const key of this.written.keys()) {
      if (keys.has(key)) continue;
      this.map.delete(Buffer.from(key, 'hex'));
      this.written.delete(key);
      this.added = null;
      changed = true;
    }
    return changed;
  }

  /** Writes ranges that are not there yet. Whether there were any. */
  add(wanted: ReadonlyMap<string, number>): boolean {
    if (wanted === this.added) return false;
    if (wanted !== this.kept) this.kept = null;
    let changed = false;
    let missing = 0;
    let failure: KernelError | null = null;
    for (const [cidr, identity] of wanted) {
      const key = keyOf(cidr);
      if (this.written.get(key) === identity) continue;
      try {
        this.map.update(Buffer.from(key, 'hex'), encodeIpcacheInfo(identity));
        this.written.set(key, identity);
        changed = true;
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        failure = error;
        missing++;
      }
    }
    this.added = failure === null ? wanted : null;
    this.failure =
      failure === null
        ? null
        : `${failure.message}: ${missing} of ${wanted.size} ranges are not written, ${this.otherwise}`;
    return changed;
  }
}

function keyOf(cidr: string): string {
  const parsed = parseCidr(cidr);
  if (parsed === null) throw new TypeError(`range "${cidr}": expected a CIDR`);
  return Buffer.from(encodeCidrKey(parsed.bytes, parsed.bits)).toString('hex');
}
