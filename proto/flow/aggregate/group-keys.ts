import { FlowEnd, GroupField } from '../../gen/sluice/v1/aggregation_pb.ts';
import { endFieldNames, endNames, flowFieldNames } from './key-names.ts';

/** A key as people name it. */
export interface NamedKey {
  /** Such as `source-pod`. */
  readonly name: string;
  readonly field: GroupField;
  readonly end: FlowEnd;
}

/** Every key there is, by the name that the command line takes. */
export const namedKeys: readonly NamedKey[] = [
  ...endNames.flatMap(([end, name]) =>
    endFieldNames.map(([field, suffix]) => ({
      name: name + suffix,
      field: GroupField[field],
      end: FlowEnd[end],
    })),
  ),
  ...flowFieldNames.map(([field, name]) => ({
    name,
    field: GroupField[field],
    end: FlowEnd.FLOW_END_UNSPECIFIED,
  })),
];

const byName = new Map(namedKeys.map((key) => [key.name, key]));

/** The key of a name, or undefined. */
export function keyOfName(name: string): NamedKey | undefined {
  return byName.get(name);
}
