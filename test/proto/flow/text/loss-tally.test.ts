import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LossTally } from '../../../../proto/flow/text/loss-tally.ts';
import { compileTimeFormat } from '../../../../proto/flow/text/time-text.ts';
import { flowResponse, lostResponse } from '../../../support/build-responses.ts';

const time = compileTimeFormat('StampMilli');

describe('LossTally', () => {
  it('adds up by source and node, largest first, and begins anew', () => {
    const tally = new LossTally();
    tally.add(lostResponse({ source: 1, numEventsLost: 3n }));
    tally.add(lostResponse({ source: 3, numEventsLost: 1200n }, 'n2'));
    tally.add(lostResponse({ source: 1, numEventsLost: 4n }));
    tally.add(lostResponse({ source: 2, numEventsLost: 1n }, ''));
    assert.equal(
      tally.flush(time),
      'Mar  4 09:15:22.118: EVENTS LOST: 1,208 (1,200 HUBBLE_RING_BUFFER of n2, 7 PERF_EVENT_RING_BUFFER of n1, 1 OBSERVER_EVENTS_QUEUE)\n',
    );
    assert.equal(tally.flush(time), '');
  });

  it('names four places and counts the others', () => {
    const tally = new LossTally();
    for (let i = 1; i <= 6; i++) tally.add(lostResponse({ source: 1, numEventsLost: BigInt(i) }, `n${i}`));
    assert.match(
      tally.flush(time),
      /: 21 \(6 [^,]* of n6, 5 [^,]* of n5, 4 [^,]* of n4, 3 [^,]* of n3, 3 elsewhere\)/,
    );
  });

  it('does not grow with the names of nodes', () => {
    const tally = new LossTally();
    for (let i = 0; i < 1500; i++) tally.add(lostResponse({ source: 1, numEventsLost: 1n }, `n${i}`));
    assert.match(tally.flush(time), /EVENTS LOST: 1,500 \(500 elsewhere, /);
  });

  it('takes only losses', () => {
    const tally = new LossTally();
    assert.equal(tally.add(flowResponse()), false);
    assert.equal(tally.add(lostResponse({})), true);
  });

  it('is safe for a terminal', () => {
    const tally = new LossTally();
    tally.add(lostResponse({ numEventsLost: 1n }, 'n\u001b[31m'));
    assert.match(tally.flush(time), /n\^\[\[31m/);
  });
});
