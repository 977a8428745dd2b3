/**
 * The travel-booking application of the lab: which workloads there are in which cluster, on which node each pod runs, and what its program does.
 * Plain data; `plan.ts` gives it names and addresses.
 */

/** One request that a web service makes for each request that it gets. */
export interface UpstreamCall {
  /** Name to resolve, as a program would write it: resolved with the search list of a pod. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** `keep` = one connection for many requests, `short` = one for each. */
  readonly connection: 'keep' | 'short';
  /** `any` = whichever address comes first, changing from call to call. */
  readonly family: 4 | 6 | 'any';
  /** Make the call only for requests of this path. */
  readonly onPath?: string;
  /** Share of those requests for which the call is made. */
  readonly chance: number;
  readonly protocol: 'http' | 'cache';
}

/** What the program in a pod (or in the outside world) does. Rates are per second at rate 1. */
export type ProgramPlan =
  | {
      readonly role: 'web';
      readonly port: number;
      readonly calls: readonly UpstreamCall[];
      /** Typical time for its own work. */
      readonly workMs: number;
      /** Share of requests that take two seconds, that answer 500, and whose connection is reset. */
      readonly slow: number;
      readonly failing: number;
      readonly resetting: number;
    }
  | { readonly role: 'cache'; readonly port: number }
  | { readonly role: 'cluster-dns' }
  | { readonly role: 'world-dns' }
  | {
      readonly role: 'client';
      readonly requests: readonly { readonly call: UpstreamCall; readonly perSecond: number }[];
      /** A name whose TXT record is too large for a datagram, so that DNS goes on over TCP. */
      readonly text?: { readonly host: string; readonly perSecond: number };
    }
  | { readonly role: 'scanner'; readonly hosts: readonly string[]; readonly perSecond: number }
  | { readonly role: 'pinger'; readonly hosts: readonly string[]; readonly perSecond: number };

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'CronJob' | 'Pod';

export interface WorkloadPlan {
  readonly name: string;
  readonly namespace: string;
  readonly kind: WorkloadKind;
  /** The node of each pod. */
  readonly nodes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly program: ProgramPlan;
}

/** A service of namespace travel that DNS still knows though its pod is gone. */
export const STALE_SERVICE = 'fares-v1';
/** A name of the world whose TXT record takes more than a datagram. */
export const LARGE_RECORD = 'terms.airline.example.com';
const HTTP_PORT = 8080;
const CACHE_PORT = 6379;

function http(host: string, path: string, options: Partial<UpstreamCall> = {}): UpstreamCall {
  return {
    host,
    path,
    port: HTTP_PORT,
    connection: 'keep',
    family: 'any',
    chance: 1,
    protocol: 'http',
    ...options,
  };
}

function cache(options: Partial<UpstreamCall> = {}): UpstreamCall {
  return { ...http('cache', 'fares'), port: CACHE_PORT, protocol: 'cache', ...options };
}

function web(
  calls: readonly UpstreamCall[],
  options: Partial<ProgramPlan & { role: 'web' }> = {},
): ProgramPlan {
  return { role: 'web', port: HTTP_PORT, calls, workMs: 3, slow: 0, failing: 0, resetting: 0, ...options };
}

function travel(
  name: string,
  nodes: readonly string[],
  tier: string,
  program: ProgramPlan,
  kind: WorkloadKind = 'Deployment',
): WorkloadPlan {
  const labels = { app: name, 'app.kubernetes.io/part-of': 'travel', tier };
  return { name, namespace: 'travel', kind, nodes, labels, program };
}

function dns(node: string): WorkloadPlan {
  const labels = { 'k8s-app': 'kube-dns' };
  return {
    name: 'coredns',
    namespace: 'kube-system',
    kind: 'Deployment',
    nodes: [node],
    labels,
    program: { role: 'cluster-dns' },
  };
}

function travellers(node: string, perSecond: number): WorkloadPlan {
  const frontend = 'frontend.travel';
  const program: ProgramPlan = {
    role: 'client',
    text: { host: LARGE_RECORD, perSecond: perSecond / 10 },
    requests: [
      { call: http(frontend, '/search'), perSecond },
      { call: http(frontend, '/search', { connection: 'short', family: 6 }), perSecond: perSecond / 3 },
      { call: http(frontend, '/book', { connection: 'short' }), perSecond: perSecond / 3 },
      // What life brings: a service that moved away, one that never was, a port nobody listens on, a host that is gone.
      { call: http(`${STALE_SERVICE}.travel`, '/', { connection: 'short' }), perSecond: perSecond / 10 },
      { call: http('fare.travel', '/', { connection: 'short' }), perSecond: perSecond / 10 },
      { call: http(frontend, '/', { connection: 'short', port: 8443 }), perSecond: perSecond / 10 },
      { call: http('gone.example.com', '/', { connection: 'short' }), perSecond: perSecond / 20 },
    ],
  };
  const labels = { app: 'traveller' };
  return { name: 'traveller', namespace: 'clients', kind: 'Deployment', nodes: [node], labels, program };
}

function pinger(node: string, hosts: readonly string[]): WorkloadPlan {
  const program: ProgramPlan = { role: 'pinger', hosts, perSecond: 0.5 };
  return {
    name: 'pinger',
    namespace: 'monitoring',
    kind: 'Pod',
    nodes: [node],
    labels: { app: 'pinger' },
    program,
  };
}

const FRONT_DOOR = web([
  http('search', '/search', { onPath: '/search' }),
  http('booking', '/book', { onPath: '/book' }),
]);
const BANK = http('bank.example.com', '/charge', { port: 443, connection: 'short' });
const AIRLINE = http('airline.example.com', '/seats', { port: 80, connection: 'short', chance: 0.3 });

const east: readonly WorkloadPlan[] = [
  dns('node1'),
  travel('frontend', ['node1'], 'web', FRONT_DOOR),
  travel('search', ['node1', 'node2'], 'backend', web([cache(), http('fares', '/quote')], { failing: 0.01 })),
  travel('cache', ['node1'], 'data', { role: 'cache', port: CACHE_PORT }, 'StatefulSet'),
  travellers('node1', 1.2),
  pinger('node1', ['ledger.travel', 'frontend.travel', 'frontend.travel.svc.west.local', 'bank.example.com']),
  travel(
    'fares',
    ['node2'],
    'backend',
    web([http('inventory', '/seats', { family: 6, connection: 'short' }), AIRLINE], { slow: 0.02 }),
  ),
  travel(
    'inventory',
    ['node2'],
    'data',
    web([http('inventory.travel.svc.west.local', '/sync', { chance: 0.2 })]),
  ),
  travel('booking', ['node2'], 'backend', web([http('payment', '/pay', { connection: 'short' })])),
  travel('payment', ['node2'], 'backend', web([BANK, http('ledger', '/entry')], { resetting: 0.02 })),
  travel('ledger', ['node2'], 'data', web([], { workMs: 8 }), 'StatefulSet'),
  {
    name: 'port-audit',
    namespace: 'monitoring',
    kind: 'CronJob',
    nodes: ['node2'],
    labels: { app: 'port-audit' },
    program: { role: 'scanner', hosts: ['frontend.travel', 'cache.travel', 'ledger.travel'], perSecond: 1 },
  },
];

const west: readonly WorkloadPlan[] = [
  dns('node1'),
  travel('frontend', ['node1'], 'web', FRONT_DOOR),
  travel(
    'search',
    ['node1'],
    'backend',
    web([cache(), http('fares.travel.svc.east.local', '/quote', { connection: 'short' })]),
  ),
  travel('inventory', ['node1'], 'data', web([])),
  travel('cache', ['node2'], 'data', { role: 'cache', port: CACHE_PORT }, 'StatefulSet'),
  travel('booking', ['node2'], 'backend', web([http('payment', '/pay')], { failing: 0.02 })),
  travel(
    'payment',
    ['node2'],
    'backend',
    web([BANK, http('ledger.travel.svc.east.local', '/entry', { family: 6 })]),
  ),
  travellers('node2', 0.8),
  pinger('node2', ['cache.travel', 'ledger.travel.svc.east.local', 'airline.example.com']),
];

export const WORKLOADS: Readonly<Record<string, readonly WorkloadPlan[]>> = { east, west };

/** A server or client outside of both clusters. */
export interface WorldPlan {
  readonly name: string;
  /** Last byte of its addresses in the world's ranges. */
  readonly host: number;
  readonly program: ProgramPlan;
}

export const WORLD: readonly WorldPlan[] = [
  { name: 'resolver', host: 53, program: { role: 'world-dns' } },
  { name: 'bank', host: 20, program: web([], { port: 443, workMs: 20, resetting: 0.02 }) },
  { name: 'airline', host: 30, program: web([], { port: 80, workMs: 60, slow: 0.1, failing: 0.05 }) },
  {
    name: 'visitor',
    host: 99,
    program: {
      role: 'client',
      requests: [
        { call: http('www.east.example.com', '/search', { connection: 'short' }), perSecond: 0.4 },
        { call: http('www.west.example.com', '/search', { connection: 'short' }), perSecond: 0.4 },
        // Somebody tries doors.
        { call: http('www.east.example.com', '/', { connection: 'short', port: 22 }), perSecond: 0.1 },
      ],
    },
  },
];
