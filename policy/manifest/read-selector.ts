import { isLabelKey, isLabelValue } from '../../cluster/manifest/metadata.ts';
import { describeValue, type Field, type ReportField } from '../../cluster/manifest/field.ts';
import type { Requirement } from '../model.ts';
import { checkFields, checkMapping, refuseField } from './policy-field.ts';

/** The source that selectors of a kind mean by a key without one, and whether a key may name its source. */
export interface KeyStyle {
  readonly defaultSource: 'k8s' | 'any';
  readonly mayNameSource: boolean;
  /** Stands before every key, such as the prefix of namespace labels. */
  readonly keyPrefix: string;
}

/** Keys of CiliumNetworkPolicy: `app` is a label of any source, `k8s:app` one of Kubernetes. */
export const ciliumKeys: KeyStyle = { defaultSource: 'any', mayNameSource: true, keyPrefix: '' };
/** Keys of NetworkPolicy: labels of pods. */
export const podKeys: KeyStyle = { defaultSource: 'k8s', mayNameSource: false, keyPrefix: '' };

const EXPECTED_KEY =
  'a label key of at most 63 letters, digits, "-", "_" and ".", perhaps after a DNS prefix and "/"';
const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Reads a label selector: `matchLabels` as requirements of one value, then `matchExpressions`. */
export function readSelector(field: Field, style: KeyStyle, report: ReportField): Requirement[] {
  if (!checkMapping(field)) return [];
  checkFields(field, { known: ['matchLabels', 'matchExpressions'] }, report);
  const labels = field.get('matchLabels');
  const equalities = Object.entries(labels.stringMap()).map(([text, value]): Requirement => {
    const key = readKey(labels.get(text), text, style);
    if (!isLabelValue(value)) labels.get(text).refuse(EXPECTED_VALUE);
    return { ...key, operator: 'In', values: [value] };
  });
  const expressions = field.get('matchExpressions').items();
  return [...equalities, ...expressions.map((expression) => readExpression(expression, style, report))];
}

const EXPECTED_VALUE = 'a label value of at most 63 letters, digits, "-", "_" and "."';

function readExpression(field: Field, style: KeyStyle, report: ReportField): Requirement {
  checkMapping(field);
  checkFields(field, { known: ['key', 'operator', 'values'] }, report);
  const keyField = field.get('key');
  const key = readKey(keyField, keyField.requiredString(), style);
  const operatorField = field.get('operator');
  const text = operatorField.requiredString();
  const operator = OPERATORS.find((known) => known === text);
  if (operator === undefined && text !== '') operatorField.refuse(`one of ${OPERATORS.join(', ')}`);
  const valuesField = field.get('values');
  const values = valuesField.items().map((item) => {
    const value = item.string();
    if (item.value === undefined || (value !== undefined && !isLabelValue(value)))
      item.refuse(EXPECTED_VALUE);
    return value ?? '';
  });
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (
    takesValues &&
    values.length === 0 &&
    (valuesField.value === undefined || Array.isArray(valuesField.value))
  ) {
    refuseField(valuesField, `is empty: operator ${operator} needs at least one value`, report);
  }
  if (!takesValues && operator !== undefined && values.length > 0) {
    refuseField(valuesField, `holds values: operator ${operator} takes none`, report);
  }
  return { ...key, operator: operator ?? 'In', values: [...new Set(values)].sort() };
}

/** Splits `source:key`. Reports what is no key at the field that holds it, or whose name it is. */
function readKey(field: Field, text: string, style: KeyStyle): { source: string; key: string } {
  const colon = style.mayNameSource ? text.indexOf(':') : -1;
  const source = colon < 0 ? style.defaultSource : text.slice(0, colon);
  const key = text.slice(colon + 1);
  // Keys of cidr labels are prefixes, which Kubernetes would not take.
  const isKey = isLabelKey(key) || (source === 'cidr' && /^[0-9a-f.-]+\/\d+$/i.test(key));
  if (text !== '' && (!isKey || !/^[a-zA-Z0-9]+$/.test(source))) {
    const expected = style.mayNameSource ? `${EXPECTED_KEY}, perhaps after a source and ":"` : EXPECTED_KEY;
    refuseKey(field, text, expected);
  }
  return { source, key: `${style.keyPrefix}${key}` };
}

function refuseKey(field: Field, text: string, expected: string): void {
  if (field.value === text) field.refuse(expected);
  else field.refuse(`${expected} as key, not ${describeValue(text)}`);
}

/** Whether a selector speaks of a label key, by any operator, in one of the given sources. */
export function names(
  requirements: readonly Requirement[],
  isMeant: (key: string) => boolean,
  sources: readonly string[] = ['any', 'k8s'],
): boolean {
  return requirements.some(({ source, key }) => sources.includes(source) && isMeant(key));
}
