import type { TextTable } from './text-table.ts';

/** Numbers remembered at most: more make the memory start again. */
const MAX_REMEMBERED = 65_536;

/** Texts of numbers, written once each: a port, an identity, an enum's value. */
export class NumberTexts {
  private readonly texts: TextTable;
  private readonly write: (value: number) => string;
  private readonly ids = new Map<number, number>();
  private generation = -1;

  constructor(texts: TextTable, write: (value: number) => string) {
    this.texts = texts;
    this.write = write;
  }

  /** The number that the text of a value has in the table of texts. */
  id(value: number): number {
    const { texts, ids } = this;
    if (this.generation !== texts.generation || ids.size > MAX_REMEMBERED) {
      ids.clear();
      this.generation = texts.generation;
    }
    let id = ids.get(value);
    if (id === undefined) {
      id = texts.internText(this.write(value));
      ids.set(value, id);
    }
    return id;
  }
}
