import type { Counts, Edge, ServiceMap } from '../model/service-map.ts';
import type { ServiceNode } from '../model/service-node.ts';

/** How an edge or a node looks: by the worst that happened in the window. */
export type Tone = 'forwarded' | 'redirected' | 'audit' | 'error' | 'dropped';

/** From quiet to what needs looking at. */
export const toneWeight: Readonly<Record<Tone, number>> = {
  forwarded: 0,
  redirected: 1,
  audit: 2,
  error: 3,
  dropped: 4,
};

/** The sign that goes with each colour. */
export const toneGlyph: Readonly<Record<Tone, string>> = {
  forwarded: '→',
  redirected: '↱',
  audit: '◐',
  error: '!',
  dropped: '✕',
};

/** The worst of what was counted. */
export function toneOf({ dropped, errors, audited, redirected }: Counts): Tone {
  if (dropped > 0) return 'dropped';
  if (errors > 0) return 'error';
  if (audited > 0) return 'audit';
  return redirected > 0 ? 'redirected' : 'forwarded';
}

/** Numbers of one edge, in the order in which they are handed to the worker. */
export const EDGE_VALUES = 12;

/** What is drawn: names whenever they have changed, numbers each time. */
export interface GraphMessage {
  /** Another layout for each; places are kept within one. */
  readonly layoutKey: string;
  /** Null = as in the last message. */
  readonly shape: {
    readonly nodes: readonly ServiceNode[];
    readonly edges: readonly {
      readonly id: string;
      readonly from: number;
      readonly to: number;
      readonly ports: string;
    }[];
  } | null;
  /** `EDGE_VALUES` for each edge: rates, then totals, as `Counts` has them. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** What the worker needs to draw a map. */
export function graphMessage(map: ServiceMap, layoutKey: string, withShape: boolean): GraphMessage {
  const edges = [...map.edges.values()];
  const values = new Float32Array(edges.length * EDGE_VALUES);
  for (const [i, { rate, total }] of edges.entries()) {
    writeCounts(values, i * EDGE_VALUES, rate);
    writeCounts(values, i * EDGE_VALUES + 6, total);
  }
  if (!withShape) return { layoutKey, shape: null, values };
  const nodes = [...map.nodes.values()];
  const numbers = new Map(nodes.map(({ id }, i) => [id, i]));
  return {
    layoutKey,
    shape: {
      nodes,
      edges: edges.map((edge) => ({
        id: edge.id,
        from: numbers.get(edge.from.id)!,
        to: numbers.get(edge.to.id)!,
        ports: portsText(edge, toneOf(edge.total)),
      })),
    },
    values,
  };
}

function writeCounts(values: Float32Array, at: number, counts: Counts): void {
  const { flows, forwarded, dropped, audited, errors, redirected } = counts;
  values.set([flows, forwarded, dropped, audited, errors, redirected], at);
}

/** The reverse of what `graphMessage` writes, into counts that are there. */
export function readCounts(counts: Counts, values: Float32Array, at: number): void {
  counts.flows = values[at];
  counts.forwarded = values[at + 1];
  counts.dropped = values[at + 2];
  counts.audited = values[at + 3];
  counts.errors = values[at + 4];
  counts.redirected = values[at + 5];
}

const MAX_PORTS = 3;

const measureOf: Readonly<Record<Tone, keyof Counts>> = {
  forwarded: 'flows',
  redirected: 'flows',
  audit: 'audited',
  error: 'errors',
  dropped: 'dropped',
};

/** The ports of an edge on which the worst of it happens, in few words, those with the most flows first: `:8080 :8443`, `ICMPv4`, `:53 +2`. */
export function portsText({ ports }: Pick<Edge, 'ports'>, tone: Tone = 'forwarded'): string {
  const measure = measureOf[tone];
  const texts = new Set(
    [...ports.values()]
      .filter((counts) => counts[measure] > 0)
      .sort((a, b) => b[measure] - a[measure])
      .map(({ port, protocol }) => (port === '' ? protocol : `:${port}`)),
  );
  const shown = [...texts].slice(0, MAX_PORTS).join(' ');
  return texts.size > MAX_PORTS ? `${shown} +${texts.size - MAX_PORTS}` : shown;
}
