import type { estypes } from '@elastic/elasticsearch';
import { SETUP_VERSION } from '../../sink/elasticsearch/streams.ts';
import { edgeFields, type FieldType, flowConstants, flowFields, healthFields } from './fields.ts';

/** What a server can do of what is optional. */
export interface Abilities {
  /** Index lifecycle management. */
  readonly lifecycle: boolean;
  /** The field type constant_keyword. */
  readonly constants: boolean;
}

/** Something that set-up installs. */
export interface SetupObject {
  readonly kind: 'lifecycle policy' | 'component template' | 'index template';
  readonly name: string;
  /** As the API takes it. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Says whose an object is, and of which version. */
export const META = { managed_by: 'sluice', version: SETUP_VERSION } as const;

interface Stream {
  readonly template: string;
  readonly pattern: string;
  readonly what: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly constants: Readonly<Record<string, string>>;
  /** How often what was written can be searched. */
  readonly refresh: string;
  /** A backing index is closed at this size or age, whichever is first. */
  readonly rollover: { readonly size: string; readonly age: string };
  /** Ages, counted from then on, at which an index is packed and at which it is deleted. */
  readonly warmAge: string;
  readonly deleteAge: string;
}

/** docs/elasticsearch.md gives the reasons for sizes and ages. */
const streams: readonly Stream[] = [
  {
    template: 'sluice-flows',
    pattern: 'logs-sluice.flows-*',
    what: 'Flows, one document each',
    fields: flowFields,
    constants: flowConstants,
    refresh: '5s',
    rollover: { size: '30gb', age: '1d' },
    warmAge: '1d',
    deleteAge: '14d',
  },
  {
    template: 'sluice-edges',
    pattern: 'metrics-sluice.edges-*',
    what: 'Flows from workload to workload, counted by the minute',
    fields: edgeFields,
    constants: { 'ecs.version': '8.17.0', 'event.dataset': 'sluice.edges' },
    refresh: '30s',
    rollover: { size: '10gb', age: '30d' },
    warmAge: '1d',
    deleteAge: '400d',
  },
  {
    template: 'sluice-export',
    pattern: 'metrics-sluice.export-*',
    what: 'State and losses of exporters, by the minute',
    fields: healthFields,
    constants: { 'ecs.version': '8.17.0', 'event.dataset': 'sluice.export' },
    refresh: '30s',
    rollover: { size: '1gb', age: '30d' },
    warmAge: '1d',
    deleteAge: '90d',
  },
];

/** Above Elastic's own templates for `logs-*-*` and `metrics-*-*`, which have 100 and 200. */
const PRIORITY = 500;

/** Everything that is to be installed on a server, in the order in which it can be. */
export function setupObjects(abilities: Abilities): readonly SetupObject[] {
  return streams.flatMap((stream) => objectsOf(stream, abilities));
}

function objectsOf(stream: Stream, abilities: Abilities): SetupObject[] {
  const { template: name, what } = stream;
  const component = (part: string, template: object): SetupObject => ({
    kind: 'component template',
    name: `${name}@${part}`,
    body: { template, _meta: { ...META, description: what } },
  });
  const settings = {
    index: {
      number_of_shards: '1',
      auto_expand_replicas: '0-1',
      codec: 'best_compression',
      refresh_interval: stream.refresh,
    },
  };
  const components = [
    component('mappings', { mappings: { dynamic: false, properties: tree(stream.fields) } }),
    component('settings', { settings }),
  ];
  if (abilities.constants) {
    const types = Object.entries(stream.constants).map(([path, value]): [string, FieldType] => [
      path,
      { type: 'constant_keyword', value },
    ]);
    components.push(component('constants', { mappings: { properties: tree(Object.fromEntries(types)) } }));
  }
  if (abilities.lifecycle) {
    components.push(component('lifecycle', { settings: { index: { lifecycle: { name } } } }));
  }
  const own = components.map((each) => each.name);
  const custom = `${name}@custom`;
  const indexTemplate: SetupObject = {
    kind: 'index template',
    name,
    body: {
      index_patterns: [stream.pattern],
      data_stream: {},
      // The last wins: what a user puts into @custom stays when the others are replaced.
      composed_of: [...own, custom],
      ignore_missing_component_templates: [custom],
      priority: PRIORITY,
      _meta: { ...META, description: what },
    },
  };
  return [...(abilities.lifecycle ? [lifecycleOf(stream)] : []), ...components, indexTemplate];
}

function lifecycleOf({ template, what, rollover, warmAge, deleteAge }: Stream): SetupObject {
  return {
    kind: 'lifecycle policy',
    name: template,
    body: {
      policy: {
        phases: {
          hot: {
            min_age: '0ms',
            actions: {
              rollover: { max_primary_shard_size: rollover.size, max_age: rollover.age },
              set_priority: { priority: 100 },
            },
          },
          warm: {
            min_age: warmAge,
            actions: { readonly: {}, forcemerge: { max_num_segments: 1 }, set_priority: { priority: 50 } },
          },
          delete: { min_age: deleteAge, actions: { delete: {} } },
        },
        _meta: { ...META, description: what },
      } satisfies estypes.IlmPolicy,
    },
  };
}

/** Fields by path as a mapping nests them. */
function tree(fields: Readonly<Record<string, FieldType>>): Record<string, unknown> {
  const root: Record<string, Record<string, unknown>> = {};
  for (const [path, type] of Object.entries(fields)) {
    const names = path.split('.');
    const last = names.pop()!;
    let level = root;
    for (const name of names) {
      const inner = (level[name] ??= { properties: {} });
      level = inner['properties'] as typeof root;
    }
    level[last] = { ...type };
  }
  return root;
}
