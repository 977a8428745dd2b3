import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { movedCell } from '../../../ui/table/grid-moves.ts';
import { gridWidths } from '../../../ui/table/grid-widths.ts';
import { inOrder, newestFirst, pauseReason, type ShownRows } from '../../../ui/table/shown-rows.ts';

const seqsOf = (rows: ShownRows): number[] => Array.from({ length: rows.count }, (_, i) => rows.seqAt(i));

describe('rows of the flow table', () => {
  it('stand newest first, or in an order of their own', () => {
    assert.deepEqual(seqsOf(newestFirst(3, 6)), [5, 4, 3]);
    assert.deepEqual(seqsOf(newestFirst(3, 3)), []);
    assert.deepEqual(seqsOf(inOrder([7, 2, 9])), [7, 2, 9]);
  });

  it('know their positions', () => {
    const seqs = fc.uniqueArray(fc.nat(50));
    fc.assert(
      fc.property(seqs, fc.nat(20), fc.nat(20), (order, first, count) => {
        for (const rows of [inOrder(order), newestFirst(first, first + count)]) {
          for (const [position, seq] of seqsOf(rows).entries()) assert.equal(rows.positionOf(seq), position);
          assert.equal(rows.positionOf(99), -1);
        }
      }),
    );
  });

  it('hold still for the reason that lasts longest', () => {
    const none = { paused: false, selection: false, scrolling: false, keyboard: false, hover: false };
    assert.equal(pauseReason(none), null);
    assert.equal(pauseReason({ ...none, hover: true }), 'hover');
    assert.equal(pauseReason({ ...none, hover: true, scrolling: true }), 'scrolling');
    assert.equal(pauseReason({ ...none, hover: true, selection: true, paused: true }), 'paused');
  });

  it('have widths that head and rows share', () => {
    const widths = gridWidths([{ width: 80 }, { width: 100, isWide: true }]);
    assert.deepEqual(widths, { '--columns': '80px minmax(100px, 1fr)', '--least': '214px' });
  });
});

describe('keys in a grid', () => {
  const size = { rows: 100, columns: 5, page: 10 };
  const go = (key: string, row = 50, column = 2, ctrlKey = false) => {
    const cell = movedCell({ row, column }, { key, ctrlKey }, size);
    return cell === null ? null : [cell.row, cell.column];
  };

  it('lead to its neighbours, its ends and a page on', () => {
    assert.deepEqual(go('ArrowUp'), [49, 2]);
    assert.deepEqual(go('ArrowRight'), [50, 3]);
    assert.deepEqual(go('PageDown'), [60, 2]);
    assert.deepEqual(go('Home'), [50, 0]);
    assert.deepEqual(go('End', 50, 2, true), [99, 4]);
    assert.equal(go('a'), null);
  });

  it('never lead out of it', () => {
    const keys = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'];
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.nat(99),
        fc.nat(4),
        fc.boolean(),
        (key, row, column, ctrlKey) => {
          const cell = movedCell({ row, column }, { key, ctrlKey }, size)!;
          assert.ok(cell.row >= -1 && cell.row < 100 && cell.column >= 0 && cell.column < 5);
        },
      ),
    );
  });
});
