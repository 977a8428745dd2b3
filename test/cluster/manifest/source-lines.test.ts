import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type FieldPath, type RawDocument, readManifestText } from '../../../cluster/manifest/text.ts';

function documentsOf(text: string): readonly RawDocument[] {
  const read = readManifestText(text);
  assert.ok('documents' in read, 'the text is readable');
  return read.documents;
}

const yaml = `# of the file
kind: First
---
# of the second
kind: Second
spec:
  ingress:
  - from: a
    to: b   # beside
  # between
  - from: c
    set: {a: 1,
       b: 2}
---
kind: List
items:
  - kind: Item
    spec:
      egress: []
  - kind: Other
`;

describe('the lines of a field', () => {
  it('are those of the text, without their common indent', () => {
    const [, second, list] = documentsOf(yaml);
    assert.deepEqual(second.source(['spec', 'ingress', 0]), {
      text: 'from: a\nto: b   # beside\n',
      firstLine: 8,
      lastLine: 9,
    });
    assert.deepEqual(second.source(['spec', 'ingress', 1]), {
      text: 'from: c\nset: {a: 1,\n   b: 2}\n',
      firstLine: 11,
      lastLine: 13,
    });
    const { firstLine, lastLine } = second.source([])!;
    assert.deepEqual([firstLine, lastLine], [5, 13]);
    assert.deepEqual(list.source(['items', 0]), {
      text: 'kind: Item\nspec:\n  egress: []\n',
      firstLine: 17,
      lastLine: 19,
    });
  });

  it('are nothing for a field that is not there', () => {
    const [first] = documentsOf(yaml);
    assert.equal(first.source(['spec', 'ingress', 0]), null);
    const [json] = documentsOf('{"kind": "A", "items": [1]}');
    assert.equal(json.source(['items', 3]), null);
    assert.equal(json.source(['kind', 'x']), null);
  });

  it('of JSON are those of the document laid out with an indent of two', () => {
    const paths = (value: unknown, at: FieldPath = []): FieldPath[] =>
      typeof value === 'object' && value !== null
        ? [at, ...Object.entries(value).flatMap(([key, member]) => paths(member, [...at, key]))]
        : [at];
    const object = fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(object, (value) => {
        const text = JSON.stringify(value);
        const printed = JSON.stringify(value, null, 2).split('\n');
        const [document] = documentsOf(text);
        for (const path of paths(JSON.parse(text))) {
          const lines = document.source(path);
          assert.ok(lines !== null);
          const piece = lines.text.trimEnd().split('\n');
          assert.equal(lines.lastLine - lines.firstLine + 1, piece.length);
          // The first line has the key in front, the last one may have a comma behind.
          assert.ok(printed[lines.firstLine - 1].includes(piece[0]));
          assert.ok(printed[lines.lastLine - 1].includes(piece.at(-1)!));
        }
      }),
    );
  });
});
