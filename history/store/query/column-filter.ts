import { create } from '@bufbuild/protobuf';
import { compileFilter, type FlowMatch } from '../../../proto/flow/filter/compile-filter.ts';
import { FlowIndex } from '../../../proto/flow/flow-index.ts';
import { WireError } from '../../../proto/flow/wire.ts';
import { type FlowFilter, FlowFilterSchema } from '../../../proto/gen/flow/flow_pb.ts';
import type { ColumnName, ColumnValues } from '../format/columns.ts';
import { hasPorts } from '../format/flow-class.ts';
import type { GroupSummary, SetName } from '../format/group.ts';
import { isAnyIn } from '../format/id-set.ts';
import type { Dictionary, EntryKind } from './dictionary.ts';
import { addressPiece, classPiece, responseOf } from './sample-flow.ts';

/** What columns say of a row. `MAYBE`: the flow itself has to be asked. */
export const NO = 0;
export const MAYBE = 1;
export const YES = 2;

type FilterField = Exclude<keyof FlowFilter, '$typeName' | '$unknown' | 'experimental'>;

/** Which fields of a filter a column decides. */
const columnFields: Readonly<Record<SetName, readonly FilterField[]>> = {
  class: [
    'verdict',
    'trafficDirection',
    'dropReasonDesc',
    'eventType',
    'reply',
    'ipVersion',
    'encrypted',
    'protocol',
    'tcpFlags',
  ],
  source: [
    'sourcePod',
    'sourceIdentity',
    'sourceLabel',
    'sourceWorkload',
    'sourceService',
    'sourceFqdn',
    'sourceClusterName',
  ],
  destination: [
    'destinationPod',
    'destinationIdentity',
    'destinationLabel',
    'destinationWorkload',
    'destinationService',
    'destinationFqdn',
    'destinationClusterName',
  ],
  sourceIp: ['sourceIp'],
  destinationIp: ['destinationIp'],
  node: ['nodeName', 'nodeLabels'],
};

/** Fields that no column decides, and what they need of a flow at least: a record of layer 7. */
const layer7Fields: Readonly<Partial<Record<FilterField, number>>> = {
  httpStatusCode: 101,
  httpMethod: 101,
  httpHeader: 101,
  httpPath: 101,
  httpUrl: 101,
  dnsQuery: 100,
};

const portFields = ['sourcePort', 'destinationPort'] as const;
type PortField = (typeof portFields)[number];

const kindOf: Readonly<Record<SetName, EntryKind>> = {
  class: 'class',
  source: 'source',
  destination: 'destination',
  sourceIp: 'ip',
  destinationIp: 'ip',
  node: 'node',
};

/** One filter, taken apart. */
interface FilterParts {
  /** By column, a filter of the fields that it decides. */
  readonly tests: readonly { readonly column: SetName; readonly match: FlowMatch }[];
  /** Layer 7 record that a flow must have; 0 for any. */
  readonly layer7: number;
  readonly ports: readonly {
    readonly column: PortField;
    readonly wanted: Uint8Array;
    readonly values: readonly number[];
  }[];
  /** Whether columns decide all of it. */
  readonly isExact: boolean;
}

function partOf(filter: FlowFilter, fields: readonly FilterField[]): FlowFilter | null {
  const set = fields.filter((field) => filter[field].length > 0);
  if (set.length === 0) return null;
  return create(FlowFilterSchema, Object.fromEntries(set.map((field) => [field, filter[field]])));
}

function takeApart(filter: FlowFilter): FilterParts {
  const decided = new Set<string>(portFields);
  const tests: { column: SetName; match: FlowMatch }[] = [];
  for (const [column, fields] of Object.entries(columnFields) as [SetName, readonly FilterField[]][]) {
    for (const field of fields) decided.add(field);
    const part = partOf(filter, fields);
    if (part !== null) tests.push({ column, match: compileFilter(part) });
  }
  const ports = portFields
    .filter((column) => filter[column].length > 0)
    .map((column) => {
      const values = filter[column].map(Number);
      const wanted = new Uint8Array(65_536);
      for (const port of values) wanted[port] = YES;
      return { column, wanted, values };
    });
  const others = (Object.keys(filter) as FilterField[]).filter(
    (field) => Array.isArray(filter[field]) && filter[field].length > 0 && !decided.has(field),
  );
  const needs = new Set(others.map((field) => layer7Fields[field] ?? 0).filter((record) => record !== 0));
  return {
    tests,
    ports,
    // One flow has one record: asked for two, nothing matches, which the filter itself finds out.
    layer7: needs.size === 1 ? [...needs][0] : 0,
    isExact: others.length === 0 && (filter.experimental?.celExpression ?? []).length === 0,
  };
}

/** The filters of a request, as far as columns can decide them. Made once for a query, then bound to each segment's dictionary. Throws FilterError. */
export class ColumnFilter {
  private readonly allow: readonly FilterParts[];
  private readonly deny: readonly FilterParts[];

  constructor(whitelist: readonly FlowFilter[], blacklist: readonly FlowFilter[]) {
    this.allow = whitelist.map(takeApart);
    this.deny = blacklist.map(takeApart);
  }

  /** Asks the filters about each entry of a dictionary, once. */
  bind(dictionary: Dictionary): BoundFilter {
    const bind = (parts: FilterParts): BoundParts => bindParts(parts, dictionary);
    return new BoundFilter(this.allow.map(bind), this.deny.map(bind), portKinds(dictionary));
  }
}

interface BoundParts extends FilterParts {
  /** By column: the answer for each entry. */
  readonly tables: readonly { readonly column: SetName; readonly table: Uint8Array }[];
}

/** Numbers of narrow columns need no check against a table of this length. */
const MIN_TABLE = 65_536;

function createTable(count: number): Uint8Array {
  return new Uint8Array(Math.max(count, MIN_TABLE)).fill(MAYBE);
}

function bindParts(parts: FilterParts, dictionary: Dictionary): BoundParts {
  const index = new FlowIndex();
  const tables = parts.tests.map(({ column, match }) => {
    const kind = kindOf[column];
    const count = dictionary.count(kind);
    const table = createTable(count);
    for (let id = 1; id < count; id++) {
      try {
        const sample = sampleOf(column, dictionary, id);
        index.reset(sample, 0, sample.length);
        table[id] = match(index) ? YES : NO;
      } catch (error) {
        if (!(error instanceof WireError)) throw error; // bytes that no decoder takes: told when the flow is read
      }
    }
    return { column, table };
  });
  if (parts.layer7 !== 0) {
    const count = dictionary.count('class');
    const table = createTable(count);
    for (let id = 1; id < count; id++) table[id] = dictionary.classOf(id).layer7 === parts.layer7 ? YES : NO;
    tables.push({ column: 'class', table });
  }
  return { ...parts, tables };
}

function sampleOf(column: SetName, dictionary: Dictionary, id: number): Uint8Array {
  switch (column) {
    case 'class':
      return responseOf(classPiece(dictionary.classOf(id)));
    case 'sourceIp':
    case 'destinationIp':
      return responseOf(addressPiece(column, dictionary.entry('ip', id)));
    default:
      return responseOf(dictionary.entry(kindOf[column], id));
  }
}

/** By class: whether its flows have ports (YES), have none (NO), or may have (MAYBE). */
function portKinds(dictionary: Dictionary): Uint8Array {
  const count = dictionary.count('class');
  const kinds = createTable(count);
  for (let id = 1; id < count; id++) kinds[id] = hasPorts(dictionary.classOf(id)) ? YES : NO;
  return kinds;
}

/** Reads a column of the group in question; null when it is damaged. */
export type ColumnSource = (name: ColumnName) => ColumnValues | null;

/** Filters with an answer for each entry of one segment's dictionary. */
export class BoundFilter {
  private readonly allow: readonly BoundParts[];
  private readonly deny: readonly BoundParts[];
  private readonly kinds: Uint8Array;

  constructor(allow: readonly BoundParts[], deny: readonly BoundParts[], kinds: Uint8Array) {
    this.allow = allow;
    this.deny = deny;
    this.kinds = kinds;
  }

  /** Whether any row of a group may match, by what its summary says. */
  mayMatch(group: GroupSummary): boolean {
    return this.allow.length === 0 || this.allow.some((parts) => mayMatch(parts, group));
  }

  /** What the columns say of each row: NO, MAYBE or YES, which stands for flows only. Null when a column that is needed is damaged. */
  states(group: GroupSummary, read: ColumnSource): Uint8Array | null {
    const { rows } = group;
    const states = new Uint8Array(rows);
    if (this.allow.length === 0) states.fill(YES);
    for (const parts of this.allow) {
      const one = this.statesOf(parts, rows, read);
      if (one === null) return null;
      for (let i = 0; i < rows; i++) if (one[i] > states[i]) states[i] = one[i];
    }
    for (const parts of this.deny) {
      const one = this.statesOf(parts, rows, read);
      if (one === null) return null;
      for (let i = 0; i < rows; i++) if (YES - one[i] < states[i]) states[i] = YES - one[i];
    }
    return this.allow.length === 0 && hasOddRows(group) ? leaveOpen(states, read('class')) : states;
  }

  private statesOf(parts: BoundParts, rows: number, read: ColumnSource): Uint8Array | null {
    const states = new Uint8Array(rows).fill(parts.isExact ? YES : MAYBE);
    for (const { column, table } of parts.tables) {
      const values = read(column);
      if (values === null) return null;
      lookUp(states, values, table);
    }
    if (parts.ports.length === 0) return states;
    const classes = read('class');
    if (classes === null) return null;
    lookUp(states, classes, this.kinds);
    for (const { column, wanted } of parts.ports) {
      const values = read(column);
      if (values === null) return null;
      // Where it is not certain that there are ports, only the flow knows.
      for (let i = 0; i < rows; i++) {
        if (states[i] !== NO && wanted[values[i]] === NO && classes[i] !== 0) states[i] = NO;
      }
    }
    return states;
  }
}

/** Whether a group has rows without columns: they are in class 0. */
export function hasOddRows({ sets }: GroupSummary): boolean {
  return sets.class === undefined || (sets.class[0] & 1) !== 0;
}

/** Leaves it to the flow itself, or to what there is in its place, where there are no columns. */
function leaveOpen(states: Uint8Array, classes: ColumnValues | null): Uint8Array | null {
  if (classes === null) return null;
  for (let i = 0; i < states.length; i++) if (classes[i] === 0 && states[i] > MAYBE) states[i] = MAYBE;
  return states;
}

/** Lowers each row's state to what the table says of its value. */
function lookUp(states: Uint8Array, values: ColumnValues, table: Uint8Array): void {
  const rows = states.length;
  if (values.BYTES_PER_ELEMENT <= 2) {
    for (let i = 0; i < rows; i++) {
      const answer = table[values[i]];
      if (answer < states[i]) states[i] = answer;
    }
    return;
  }
  for (let i = 0; i < rows; i++) {
    const answer = values[i] < table.length ? table[values[i]] : MAYBE;
    if (answer < states[i]) states[i] = answer;
  }
}

function mayMatch(parts: BoundParts, group: GroupSummary): boolean {
  for (const { column, table } of parts.tables) {
    const set = group.sets[column];
    if (set !== undefined && !isAnyIn(set, table)) return false;
  }
  if (hasOddRows(group)) return true;
  return parts.ports.every(({ column, values }) => {
    const ports = column === 'sourcePort' ? group.sourcePorts : group.destinationPorts;
    if (ports === null || values.some((port) => port >= 32_768)) return true;
    return ports.some((port) => values.includes(port));
  });
}
