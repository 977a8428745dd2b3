import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeState } from '../../../proto/gen/relay/relay_pb.ts';
import { NodeBoard } from '../../../relay/serve/node-board.ts';

describe('NodeBoard', () => {
  it('knows the last state of each node and through which peer it is reached', () => {
    const board = new NodeBoard();
    board.set('a', NodeState.NODE_CONNECTED, ['a']);
    board.set('relay', NodeState.NODE_CONNECTED, ['b', 'c']);
    board.set('relay', NodeState.NODE_UNAVAILABLE, ['c']);
    assert.deepEqual(board.inState(NodeState.NODE_CONNECTED), ['a', 'b']);
    assert.deepEqual(board.inState(NodeState.NODE_UNAVAILABLE), ['c']);
    assert.deepEqual(board.through('relay'), ['b', 'c']);
  });

  it('knows a node through the peer that told of it last', () => {
    const board = new NodeBoard();
    board.set('relay1', NodeState.NODE_CONNECTED, ['a', 'b']);
    board.set('relay2', NodeState.NODE_CONNECTED, ['a']);
    assert.deepEqual([board.through('relay1'), board.through('relay2')], [['b'], ['a']]);
    board.set('relay2', NodeState.NODE_GONE, ['a']);
    assert.deepEqual([board.through('relay1'), board.through('relay2')], [['b'], []]);
  });

  it('forgets a node that is gone', () => {
    const board = new NodeBoard();
    board.set('a', NodeState.NODE_CONNECTED, ['a']);
    board.set('a', NodeState.NODE_GONE, ['a']);
    assert.deepEqual(board.through('a'), []);
    assert.deepEqual(board.inState(NodeState.NODE_CONNECTED), []);
  });
});
