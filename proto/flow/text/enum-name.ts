/** An enum as generated: numbers by name. */
export type EnumValues = Readonly<Record<string, number | string>>;

const namesOf = new WeakMap<EnumValues, Map<number | string, string>>();

/** Name of an enum value; the number as text when this version does not know it. */
export function enumName(values: EnumValues, value: number): string {
  let names = namesOf.get(values);
  if (names === undefined) {
    names = new Map(Object.entries(values).map(([name, number]) => [number, name]));
    namesOf.set(values, names);
  }
  return names.get(value) ?? String(value);
}
