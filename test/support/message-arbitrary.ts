import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import fc from 'fast-check';

/** What of a generated message differs from the usual. */
export interface MessageOptions {
  /** Texts for fields by name (`namespace`, `labels`), so that filters find something to match. */
  readonly texts?: Readonly<Record<string, readonly string[]>>;
  /** Highest field number of the outer message that is filled; default: all. */
  readonly limit?: number;
}

const anyText = fc.oneof(
  fc.constantFrom('', 'a', 'k8s:app=cart', '10.0.0.1', 'ünïcode', '\ufeffbom', '\u{1f600}'),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  // Above one byte of length, and above two.
  fc.constantFrom('x'.repeat(127), 'x'.repeat(128), 'é'.repeat(9000)),
);

const uint32 = fc.oneof(fc.constantFrom(0, 1, 127, 128, 0xffffffff), fc.nat(0xffffffff));
const int32 = fc.oneof(fc.constantFrom(0, 1, -1, -(2 ** 31)), fc.integer());

function scalarArbitrary(field: DescField, type: ScalarType, options: MessageOptions): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return Object.hasOwn(options.texts ?? {}, field.name)
        ? fc.constantFrom(...(options.texts?.[field.name] ?? []))
        : anyText;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 20 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT32:
      return int32;
    case ScalarType.UINT32:
      return uint32;
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    default:
      throw new Error(`no values for ${field.toString()}`);
  }
}

/** Values of enums are open: numbers without a name come up too. */
const enumArbitrary = fc.oneof(fc.nat(9), fc.constantFrom(101, 133, 181, -1));

function valueArbitrary(field: DescField, options: MessageOptions): fc.Arbitrary<unknown> {
  if (field.fieldKind === 'scalar') return scalarArbitrary(field, field.scalar, options);
  if (field.fieldKind === 'enum') return enumArbitrary;
  if (field.fieldKind === 'message') return messageArbitrary(field.message, options);
  if (field.fieldKind === 'list') {
    const item =
      field.listKind === 'message'
        ? messageArbitrary(field.message, options)
        : field.listKind === 'enum'
          ? enumArbitrary
          : scalarArbitrary(field, field.scalar, options);
    return fc.array(item, { maxLength: 4 });
  }
  throw new Error(`no values for ${field.toString()}`);
}

/** Messages of a type with any of their fields set: of a oneof, at most one. */
export function messageArbitrary(schema: DescMessage, options: MessageOptions = {}): fc.Arbitrary<Message> {
  const { limit = Infinity, ...inside } = options;
  const fields = schema.fields.filter(({ number }) => number <= limit);
  const alone = fields.filter(({ oneof }) => oneof === undefined);
  const parts = fc.tuple(
    ...alone.map((field) => fc.option(valueArbitrary(field, inside), { nil: undefined })),
    ...schema.oneofs.map((oneof) => {
      const members = oneof.fields.filter((field) => fields.includes(field));
      const chosen = members.map((field) => valueArbitrary(field, inside).map((value) => ({ field, value })));
      return fc.option(fc.oneof(...chosen), { nil: undefined });
    }),
  );
  return parts.map((values) => {
    const message = create(schema) as Message & Record<string, unknown>;
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue;
      if (i < alone.length) {
        message[alone[i].localName] = isWrapper(alone[i]) ? (value as { value: unknown }).value : value;
      } else {
        const { field, value: inner } = value as { field: DescField; value: unknown };
        message[field.oneof?.localName ?? ''] = { case: field.localName, value: inner };
      }
    }
    return message;
  });
}

/** Whether the generated types hold the bare value: BoolValue and its kind. */
function isWrapper(field: DescField): boolean {
  return field.fieldKind === 'message' && /^google\.protobuf\.\w+Value$/.test(field.message.typeName);
}
