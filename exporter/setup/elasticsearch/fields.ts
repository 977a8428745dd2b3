/** The type of a field as a mapping has it. */
export type FieldType = Readonly<Record<string, unknown>>;

/** Longer texts are stored and shown, but not searched: Lucene refuses whole documents for terms beyond 32,766 bytes. */
const MAX_TERM = 1024;
const keyword: FieldType = { type: 'keyword', ignore_above: MAX_TERM };
/** To be searched for, never to be counted by: what columns would take is saved. */
const searched: FieldType = { ...keyword, doc_values: false };
/** Shown, and no more. */
const shown: FieldType = { ...searched, index: false };
const ip: FieldType = { type: 'ip' };
/** ECS has long here; what fits into a half or a quarter takes as much less in the index. */
const port: FieldType = { type: 'integer' };
const short: FieldType = { type: 'short' };
const long: FieldType = { type: 'long' };
const boolean: FieldType = { type: 'boolean' };

const endpoint = {
  cluster: keyword,
  namespace: keyword,
  pod: keyword,
  workload: keyword,
  kind: keyword,
  // Numbers that are compared, never added up: as terms they are found faster.
  identity: keyword,
  labels: searched,
  service: keyword,
};

const end = { ip, port, domain: keyword };

/** Fields of a flow's document by path, with their types. What the exporter writes has no others. */
export const flowFields: Readonly<Record<string, FieldType>> = flat({
  '@timestamp': { type: 'date' },
  source: { ...end, nat: { ip } },
  destination: end,
  network: { transport: keyword, type: keyword, direction: keyword, protocol: keyword },
  dns: {
    type: keyword,
    question: { name: keyword, type: keyword },
    response_code: keyword,
    resolved_ip: ip,
    answers: { ttl: long, type: keyword },
  },
  http: { version: keyword, request: { method: keyword }, response: { status_code: port } },
  url: { original: { type: 'keyword', ignore_above: 2048 } },
  rule: { name: keyword },
  trace: { id: keyword },
  event: { action: keyword, type: keyword, outcome: keyword, reason: keyword, duration: long },
  orchestrator: { cluster: { name: keyword } },
  observer: { name: keyword, product: keyword, version: keyword },
  sluice: {
    verdict: keyword,
    type: keyword,
    reply: boolean,
    match: keyword,
    trace_reason: keyword,
    tcp_flags: keyword,
    icmp: { type: short, code: short },
    interface: keyword,
    encrypted: boolean,
    proxy_port: port,
    cnames: keyword,
    http_headers: searched,
    source: endpoint,
    destination: endpoint,
    lost: { count: long, cpu: port },
    nodes: keyword,
    message: shown,
  },
});

/** Fields that are the same in every flow's document, and so in none: where the server knows the type constant_keyword they are answered from the mapping. */
export const flowConstants: Readonly<Record<string, string>> = {
  'ecs.version': '8.17.0',
  'event.kind': 'event',
  'event.category': 'network',
  'event.dataset': 'sluice.flows',
  'event.module': 'sluice',
  'orchestrator.type': 'kubernetes',
};

/** Fields of the document that counts an edge's flows of a minute. */
export const edgeFields: Readonly<Record<string, FieldType>> = flat({
  '@timestamp': { type: 'date' },
  destination: { port },
  network: { transport: keyword, protocol: keyword },
  event: { reason: keyword },
  rule: { name: keyword },
  sluice: {
    verdict: keyword,
    flows: long,
    source: { cluster: keyword, namespace: keyword, workload: keyword },
    destination: { cluster: keyword, namespace: keyword, workload: keyword },
  },
});

/** Fields of the document in which an exporter tells how it is. */
export const healthFields: Readonly<Record<string, FieldType>> = flat({
  '@timestamp': { type: 'date' },
  host: { name: keyword },
  sluice: {
    export: {
      sink: keyword,
      kind: keyword,
      problem: shown,
      failing: boolean,
      delivered: long,
      left_out: long,
      rejected: long,
      given_up: long,
      duplicates: long,
      retries: long,
      waiting: long,
      lag_seconds: { type: 'float' },
      spool_bytes: long,
      source_connected: boolean,
    },
  },
});

function flat(tree: object, path = ''): Record<string, FieldType> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([name, value]) => {
      const full = path === '' ? name : `${path}.${name}`;
      // A field named `type` is a mapping of its own; a type is a text.
      const isType = typeof (value as { type?: unknown }).type === 'string';
      return isType ? [[full, value as FieldType]] : Object.entries(flat(value as object, full));
    }),
  );
}
