import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { StoreReader } from '../../../history/store/query/store-reader.ts';
import { flows } from '../support/flow-frames.ts';
import {
  filesOf,
  maintainAll,
  openWriter,
  queryOf,
  scanTexts,
  storeDirectory,
} from './support/store-files.ts';

const BLOCKS = 10;
const BLOCK_FLOWS = 50;
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i));
const all = numbers(0, BLOCKS * BLOCK_FLOWS);

describe('a damaged store', () => {
  let directory: string;
  let remove: () => void;

  beforeEach(() => {
    ({ directory, remove } = storeDirectory());
    const { writer } = openWriter(directory);
    for (let i = 0; i < BLOCKS; i++)
      writer.append(flows(i * BLOCK_FLOWS, BLOCK_FLOWS).bytes, i * BLOCK_FLOWS);
    writer.close();
  });
  afterEach(() => remove());

  const scan = (): { texts: string[]; damage: number; where: string[] } => {
    const query = queryOf();
    const texts = scanTexts(new StoreReader(directory), query);
    const damage = query.damage.reduce((sum, { events }) => sum + events, 0);
    return { texts, damage, where: query.damage.map(({ where }) => where) };
  };

  const flip = (path: string, at: number): void => {
    const bytes = readFileSync(path);
    bytes[at] ^= 4;
    writeFileSync(path, bytes);
  };

  /** Where the blocks of the log begin. */
  const blockStarts = (): number[] => {
    const bytes = readFileSync(filesOf(directory, '.raw')[0]);
    const starts: number[] = [];
    for (let at = bytes.indexOf('SLHB'); at >= 0; at = bytes.indexOf('SLHB', at + 4)) starts.push(at);
    return starts;
  };

  it('loses one block to a damaged payload, and says which', () => {
    const starts = blockStarts();
    assert.equal(starts.length, BLOCKS);
    flip(filesOf(directory, '.raw')[0], starts[3] + 80);
    const { texts, damage, where } = scan();
    assert.deepEqual(texts, [...numbers(0, 150), ...numbers(200, 500)]);
    assert.equal(damage, BLOCK_FLOWS);
    assert.match(where[0], new RegExp(`\\.raw at byte ${starts[3]}$`));
  });

  it('loses one block to a damaged header, with and without an index', () => {
    flip(filesOf(directory, '.raw')[0], blockStarts()[3] + 20);
    const expected = [...numbers(0, 150), ...numbers(200, 500)];
    assert.deepEqual(scan().texts, expected);
    for (const ending of ['.sum', '.col', '.dict']) rmSync(filesOf(directory, ending)[0]);
    const { texts, damage } = scan();
    assert.deepEqual(texts, expected);
    assert.equal(damage, BLOCK_FLOWS);
  });

  it('cuts off what was not written whole, wherever that is', () => {
    const [path] = filesOf(directory, '.raw');
    const starts = blockStarts();
    const { size } = statSync(path);
    for (const cut of [size - 1, starts[9] + 70, starts[9] + 10, starts[8] + 64]) {
      truncateSync(path, cut);
      for (const ending of ['.sum', '.col', '.dict'])
        rmSync(filesOf(directory, ending)[0] ?? '', { force: true });
      const { writer, logged } = openWriter(directory);
      const kept = cut > starts[9] ? 450 : 400;
      assert.equal(writer.state.endSeq, kept);
      assert.match(logged.join('\n'), /was not closed/);
      maintainAll(writer);
      assert.deepEqual(scan().texts, numbers(0, kept));
    }
  });

  it('tells of numbers that never came', () => {
    const { writer } = openWriter(directory);
    writer.append(flows(500, 10).bytes, 520);
    writer.append(flows(510, 10).bytes, 530);
    writer.append(flows(520, 10).bytes, 545);
    writer.close();
    const query = queryOf();
    const texts = scanTexts(new StoreReader(directory), query);
    assert.deepEqual(texts, [...all, ...numbers(500, 530)]);
    assert.deepEqual(query.damage, [{ where: 'not stored', events: 5, isCounted: true }]);
  });

  it('takes zeros at its end, which a power failure may leave, for nothing', () => {
    const [path] = filesOf(directory, '.raw');
    appendFileSync(path, Buffer.alloc(10_000));
    const { writer } = openWriter(directory);
    writer.append(flows(500, 10).bytes, 500);
    assert.deepEqual(scan().texts, [...all, ...numbers(500, 510)]);
    writer.close();
  });

  for (const ending of ['.col', '.dict', '.sum']) {
    it(`answers without its ${ending}, and makes it anew`, () => {
      for (const harm of [
        (path: string) => rmSync(path),
        (path: string) => flip(path, 5),
        (path: string) => flip(path, statSync(path).size - 3),
      ]) {
        harm(filesOf(directory, ending)[0]);
        const filter = { verdict: [1] } as never;
        const even = all.filter((number) => Number(number) % 2 === 0);
        const store = new StoreReader(directory);
        assert.deepEqual(scanTexts(store, queryOf([filter])), even);
        assert.deepEqual(scan().texts, all);
        const { writer } = openWriter(directory);
        for (const firstSeq of store.damagedIndexes) writer.repair(firstSeq);
        maintainAll(writer);
        writer.close();
        const mended = new StoreReader(directory);
        assert.deepEqual(scanTexts(mended, queryOf([filter])), even);
        assert.deepEqual([...mended.damagedIndexes], []);
        assert.equal(filesOf(directory, '.sum').length, 1);
      }
    });
  }
});
