import type { AddressPair } from '../topology/plan.ts';
import type { ProgramPlan } from '../topology/workloads.ts';

/** What one program of the lab is told: a single JSON argument. */
export interface AppConfig {
  /** As its log calls it. */
  readonly name: string;
  readonly program: ProgramPlan;
  /** Its own addresses: it listens on them, and in the outside world, where several programs share a namespace, also connects from them. */
  readonly addresses: AddressPair;
  /** Addresses of its DNS server. */
  readonly dns: AddressPair;
  /** Suffixes tried before a name is taken as it stands, as a pod's resolv.conf has them. */
  readonly search: readonly string[];
  /** Factor on all rates. */
  readonly rate: number;
  /** For DNS servers: names that they know by themselves. */
  readonly records: Readonly<Record<string, readonly string[]>>;
  /** For a cluster's DNS server: manifests to answer from, the own cluster first. */
  readonly clusters: readonly { readonly name: string; readonly id: number; readonly dir: string }[];
}
