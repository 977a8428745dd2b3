import type { LensAttributes } from '../../../../exporter/kibana/lens.ts';
import type { SavedObject } from '../../../../exporter/kibana/saved-objects.ts';
import {
  edgeFields,
  type FieldType,
  flowFields,
  healthFields,
} from '../../../../exporter/setup/elasticsearch/fields.ts';
import { parseKql } from './lens-search.ts';

/** A panel as a dashboard holds it. */
export interface StoredPanel {
  readonly type: string;
  readonly panelIndex: string;
  readonly title: string;
  readonly gridData: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
    readonly i: string;
  };
  readonly embeddableConfig: { readonly attributes: LensAttributes };
}

export const panelsOf = ({ attributes }: SavedObject): StoredPanel[] =>
  JSON.parse(attributes['panelsJSON'] as string) as StoredPanel[];

const fieldsOf: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  'sluice-flows': flowFields,
  'sluice-edges': edgeFields,
  'sluice-export': healthFields,
};

const numbers = new Set(['integer', 'long', 'short', 'float']);

/** Everything that is wrong with objects of an export file, as far as it can be told without a Kibana: what has no place in it, what refers to nothing, fields that do not exist or cannot be counted, panels that overlap. */
export function checkObjects(objects: readonly SavedObject[]): string[] {
  const ids = new Set(objects.map(({ type, id }) => `${type} ${id}`));
  return objects.flatMap((object) => {
    const { type, id, attributes, references } = object;
    const faults: string[] = [];
    const fault = (what: string): void => void faults.push(`${type} ${id}: ${what}`);
    for (const name of Object.keys(object)) {
      const known = 'id type attributes references coreMigrationVersion typeMigrationVersion'.split(' ');
      if (!known.includes(name)) fault(`unknown field ${name}`);
    }
    for (const reference of references) {
      if (!ids.has(`${reference.type} ${reference.id}`))
        fault(`refers to ${reference.id}, which is not in the file`);
    }
    if (object.coreMigrationVersion !== '8.8.0') fault(`core version ${object.coreMigrationVersion}`);
    if (type === 'index-pattern') {
      if (Object.keys(attributes).sort().join() !== 'name,timeFieldName,title') fault('other attributes');
      if (attributes['timeFieldName'] !== '@timestamp') fault('other time field');
      if (object.typeMigrationVersion !== '7.11.0') fault(`type version ${object.typeMigrationVersion}`);
      return faults;
    }
    if (object.typeMigrationVersion !== '10.1.0') fault(`type version ${object.typeMigrationVersion}`);
    const known =
      'description kibanaSavedObjectMeta optionsJSON panelsJSON timeFrom timeRestore timeTo title'.split(' ');
    if (Object.keys(attributes).sort().join() !== known.join()) fault('other attributes');
    JSON.parse(attributes['optionsJSON'] as string);
    const meta = attributes['kibanaSavedObjectMeta'] as { searchSourceJSON: string };
    const search = JSON.parse(meta.searchSourceJSON) as { query: { language: string } };
    if (search.query.language !== 'kuery') fault('query of another language');
    const panels = panelsOf(object);
    checkGrid(panels, fault);
    for (const panel of panels)
      checkPanel(panel, references, (what) => fault(`panel "${panel.title}": ${what}`));
    return faults;
  });
}

function checkGrid(panels: readonly StoredPanel[], fault: (what: string) => void): void {
  const taken = new Map<string, string>();
  for (const { title, panelIndex, gridData } of panels) {
    const { x, y, w, h, i } = gridData;
    if (i !== panelIndex) fault(`panel "${title}" is ${panelIndex} and has the place of ${i}`);
    if (x < 0 || x + w > 48) fault(`panel "${title}" does not fit into 48 columns`);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const other = taken.get(`${column} ${row}`);
        if (other !== undefined) {
          fault(`panel "${title}" lies on "${other}"`);
          return;
        }
        taken.set(`${column} ${row}`, title);
      }
    }
  }
}

function checkPanel(
  { type, panelIndex, embeddableConfig }: StoredPanel,
  references: SavedObject['references'],
  fault: (what: string) => void,
): void {
  const { attributes: lens } = embeddableConfig;
  if (type !== 'lens') fault(`is of type ${type}`);
  if (!['lnsXY', 'lnsMetric', 'lnsPie', 'lnsDatatable'].includes(lens.visualizationType))
    fault('unknown visualisation');
  const layers = Object.entries(lens.state.datasourceStates.formBased.layers);
  for (const [layer, { columns, columnOrder }] of layers) {
    const name = `indexpattern-datasource-layer-${layer}`;
    const view = lens.references.find((reference) => reference.name === name);
    if (view === undefined) fault(`layer ${layer} has no data view`);
    if (!references.some((reference) => reference.name === `${panelIndex}:${name}`))
      fault(`dashboard lacks ${name}`);
    if (Object.keys(columns).sort().join() !== [...columnOrder].sort().join())
      fault('order of other columns');
    const fields = fieldsOf[view?.id ?? ''] ?? {};
    for (const [id, column] of Object.entries(columns)) checkColumn(id, column, columns, fields, fault);
    for (const accessor of accessorsOf(lens.state.visualization)) {
      if (!Object.hasOwn(columns, accessor)) fault(`shows column ${accessor}, which does not exist`);
    }
    for (const { field } of parseKql(lens.state.query.query)) {
      if (!Object.hasOwn(fields, field)) fault(`asks for field ${field}, which is not in the mapping`);
    }
  }
}

function checkColumn(
  id: string,
  {
    operationType,
    sourceField,
    params,
    isBucketed,
  }: LensAttributes['state']['datasourceStates']['formBased']['layers'][string]['columns'][string],
  columns: object,
  fields: Readonly<Record<string, FieldType>>,
  fault: (what: string) => void,
): void {
  if (operationType === 'count') {
    if (sourceField !== '___records___' || isBucketed) fault(`column ${id} counts ${sourceField}`);
    return;
  }
  const field = fields[sourceField];
  if (field === undefined) {
    fault(`field ${sourceField} is not in the mapping`);
    return;
  }
  const { type } = field;
  if (field['doc_values'] === false) fault(`field ${sourceField} has no columns to count by`);
  if (operationType === 'date_histogram' && type !== 'date') fault(`${sourceField} is no time`);
  if (['sum', 'average', 'percentile'].includes(operationType) && !numbers.has(String(type)))
    fault(`${sourceField} is no number`);
  const isBucket = operationType === 'terms' || operationType === 'date_histogram';
  if (isBucketed !== isBucket) fault(`column ${id} is wrong about being a bucket`);
  if (operationType === 'terms') {
    const { columnId } = params['orderBy'] as { columnId: string };
    if (!Object.hasOwn(columns, columnId))
      fault(`column ${id} is ordered by ${columnId}, which does not exist`);
  }
}

/** Every column that a visualisation's state names. */
function accessorsOf(state: unknown): string[] {
  if (typeof state !== 'object' || state === null) return [];
  const names = [
    'metricAccessor',
    'xAccessor',
    'splitAccessor',
    'columnId',
    'accessors',
    'metrics',
    'primaryGroups',
  ];
  return Object.entries(state).flatMap(([name, value]) => {
    if (names.includes(name)) return Array.isArray(value) ? (value as string[]) : [value as string];
    return accessorsOf(value);
  });
}
