import {
  AUDITED,
  DROPPED,
  ERRORS,
  FIRST_US,
  FLOWS,
  FORWARDED,
  LAST_US,
  REDIRECTED,
} from '../../proto/flow/aggregate/row-measures.ts';
import { followRate } from './rate.ts';
import { type EndNames, nodeOf, type ServiceNode } from './service-node.ts';

/** Counts of flows by verdict. */
export interface Counts {
  flows: number;
  forwarded: number;
  dropped: number;
  audited: number;
  errors: number;
  redirected: number;
}

/** What went over one port of an edge. */
export interface PortCounts extends Counts {
  readonly port: string;
  readonly protocol: string;
}

/** All flows between a client and a server, both directions of each connection. */
export interface Edge {
  readonly id: string;
  readonly from: ServiceNode;
  readonly to: ServiceNode;
  /** Since the window began: exact. */
  readonly total: Counts;
  /** Per second, now. */
  readonly rate: Counts;
  readonly ports: Map<string, PortCounts>;
  firstMs: number;
  lastMs: number;
  /** Flows a second over the last minutes, for what is a jump. */
  usualRate: number;
  /** When the answer came that brought the first drop, error or audit; 0 before. */
  firstBadMs: number;
}

/** One row as it comes: names, and measures at `sums[at, at + MEASURES)`. */
export interface MapRow {
  readonly client: EndNames;
  readonly server: EndNames;
  readonly port: string;
  readonly protocol: string;
  readonly sums: Float64Array;
  readonly at: number;
}

/** A row that began earlier than so long ago is of what was stored, not of what happens now. */
const MAX_LIVE_SECONDS = 5;
/** What happens usually is what happened over about so long. */
const USUAL_SECONDS = 120;

const measures = [
  ['flows', FLOWS],
  ['forwarded', FORWARDED],
  ['dropped', DROPPED],
  ['audited', AUDITED],
  ['errors', ERRORS],
  ['redirected', REDIRECTED],
] as const satisfies readonly (readonly [keyof Counts, number])[];

export const noCounts = (): Counts => ({
  flows: 0,
  forwarded: 0,
  dropped: 0,
  audited: 0,
  errors: 0,
  redirected: 0,
});

/** Adds `more`, so many times, to `counts`. */
export function addCounts(counts: Counts, more: Counts, times = 1): void {
  // Written out: done for every edge several times a second.
  counts.flows += more.flows * times;
  counts.forwarded += more.forwarded * times;
  counts.dropped += more.dropped * times;
  counts.audited += more.audited * times;
  counts.errors += more.errors * times;
  counts.redirected += more.redirected * times;
}

type Holder = Edge | ServiceMap;

function freshOf(all: Map<Holder, Counts>, holder: Holder): Counts {
  let counts = all.get(holder);
  if (counts === undefined) all.set(holder, (counts = noCounts()));
  return counts;
}

/** Who talks to whom, and how much: the sum of all rows that have come. */
export class ServiceMap {
  readonly nodes = new Map<string, ServiceNode>();
  readonly edges = new Map<string, Edge>();
  readonly total = noCounts();
  readonly rate = noCounts();
  /** Flows in rows that the server left out for lack of room. */
  others = 0;
  /** Whether what is stored has come: an answer brought nothing but what happens now. */
  isSettled = false;
  /** Changes when a node or an edge has come. */
  shape = 0;
  /** Of the answer that is not complete yet. */
  private waiting: { readonly edge: Edge; readonly counts: Counts; readonly firstMs: number }[] = [];
  /** When the newest flow was. */
  private latestMs = 0;
  private readonly fresh = new Map<Holder, Counts>();
  /** Per second, of rows that began long ago. */
  private readonly stored = new Map<Holder, Counts>();
  private hasBegun = false;

  /** Adds a row. Nothing of it shows in rates before `endAnswer`. */
  add({ client, server, port, protocol, sums, at }: MapRow): void {
    const edge = this.edgeOf(nodeOf(client), nodeOf(server));
    const key = `${port}/${protocol}`;
    let ports = edge.ports.get(key);
    if (ports === undefined) edge.ports.set(key, (ports = { port, protocol, ...noCounts() }));
    const more = noCounts();
    for (const [name, measure] of measures) more[name] = sums[at + measure];
    const firstMs = sums[at + FIRST_US] / 1000;
    const lastMs = sums[at + LAST_US] / 1000;
    for (const counts of [edge.total, ports, this.total]) addCounts(counts, more);
    this.waiting.push({ edge, counts: more, firstMs });
    this.latestMs = Math.max(this.latestMs, lastMs);
    if (firstMs > 0 && (edge.firstMs === 0 || firstMs < edge.firstMs)) edge.firstMs = firstMs;
    edge.lastMs = Math.max(edge.lastMs, lastMs);
  }

  /** Adds flows that are in no row. */
  addOthers(others: Float64Array): void {
    this.others += others[FLOWS];
    const more = noCounts();
    for (const [name, measure] of measures) more[name] = others[measure];
    addCounts(this.total, more);
    addCounts(freshOf(this.fresh, this), more);
  }

  /**
   * All rows of an answer have been added.
   * @param seconds what it spans. The first answers bring what is stored, which counts with the rate that it had
   */
  endAnswer(seconds: number): void {
    this.takeWaiting();
    const span = this.hasBegun ? seconds : Math.max(1, this.storedSeconds());
    for (const holder of [this, ...this.edges.values()]) {
      const counts = this.fresh.get(holder);
      const stored = this.stored.get(holder);
      for (const [name] of measures) {
        const count = counts?.[name] ?? 0;
        const now = this.hasBegun ? followRate(holder.rate[name], count, span) : span > 0 ? count / span : 0;
        // What is stored says at once what is usual; some nodes are heard only after others.
        holder.rate[name] = now + (stored?.[name] ?? 0);
      }
    }
    for (const edge of this.edges.values()) this.note(edge, span);
    this.isSettled ||= this.hasBegun && this.stored.size === 0 && this.edges.size > 0;
    this.fresh.clear();
    this.stored.clear();
    this.hasBegun = true;
  }

  private takeWaiting(): void {
    for (const { edge, counts, firstMs } of this.waiting) {
      const seconds = firstMs > 0 ? (this.latestMs - firstMs) / 1000 : 0;
      for (const holder of [edge, this]) {
        if (seconds > MAX_LIVE_SECONDS) addCounts(freshOf(this.stored, holder), counts, 1 / seconds);
        else addCounts(freshOf(this.fresh, holder), counts);
      }
    }
    this.waiting = [];
  }

  private note(edge: Edge, span: number): void {
    const { rate, total } = edge;
    edge.usualRate =
      this.hasBegun && !this.stored.has(edge)
        ? followRate(edge.usualRate, this.fresh.get(edge)?.flows ?? 0, span, USUAL_SECONDS)
        : rate.flows;
    if (edge.firstBadMs === 0 && total.dropped + total.errors + total.audited > 0) {
      // Of what is stored it is not known when it began, only that it is nothing new.
      edge.firstBadMs = this.hasBegun && !this.stored.has(edge) ? edge.lastMs : edge.firstMs;
    }
  }

  private storedSeconds(): number {
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    for (const { firstMs, lastMs } of this.edges.values()) {
      if (firstMs > 0) first = Math.min(first, firstMs);
      last = Math.max(last, lastMs);
    }
    return last > first ? (last - first) / 1000 : 0;
  }

  private edgeOf(from: ServiceNode, to: ServiceNode): Edge {
    const id = `${from.id}>${to.id}`;
    const known = this.edges.get(id);
    if (known !== undefined) return known;
    const edge: Edge = {
      id,
      from: this.keep(from),
      to: this.keep(to),
      total: noCounts(),
      rate: noCounts(),
      ports: new Map(),
      firstMs: 0,
      lastMs: 0,
      usualRate: 0,
      firstBadMs: 0,
    };
    this.edges.set(id, edge);
    this.shape++;
    return edge;
  }

  private keep(node: ServiceNode): ServiceNode {
    const known = this.nodes.get(node.id);
    if (known !== undefined) return known;
    this.nodes.set(node.id, node);
    return node;
  }
}
