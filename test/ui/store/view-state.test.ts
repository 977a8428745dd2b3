import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'node:test';
import {
  commandOf,
  parseViewState,
  type ViewState,
  viewUrl,
  windowChoices,
} from '../../../ui/store/view-state.ts';

const read = (url: string): ViewState => {
  const { pathname, search } = new URL(url, 'http://localhost/');
  return parseViewState(pathname, search);
};

describe('the URL as the state of the page', () => {
  it('is read as what it was written for', () => {
    const states = fc.record({
      view: fc.constantFrom('map', 'flows', 'policies', 'nodes'),
      words: fc.array(
        fc.record({
          flag: fc.constantFrom('namespace', 'from-workload', 'fqdn'),
          value: fc.stringMatching(/^[a-z'" &+%#?=/.-]{1,12}$/).filter((text) => text.trim() === text),
          isNot: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
      windowMinutes: fc.constantFrom(...windowChoices),
      at: fc.option(
        fc
          .tuple(fc.integer({ min: 0, max: 2e12 }), fc.integer({ min: 1, max: 1e9 }))
          .map(([sinceMs, length]) => ({ sinceMs, untilMs: sinceMs + length })),
      ),
      level: fc.constantFrom('auto', 'namespaces', 'workloads', 'pods'),
      selection: fc.string({ maxLength: 40 }),
      detail: fc.string({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(states, (state) => {
        const back = read(viewUrl(state));
        assert.deepEqual({ ...back, words: [] }, { ...state, words: [] });
        // A word that stands in the way of another is left out by who reads: then all are.
        if (back.words.length > 0)
          assert.deepEqual(
            back.words,
            state.words.map((word) => ({ ...word })),
          );
      }),
    );
  });

  it('leaves out what is wrong', () => {
    const fresh = read('/');
    assert.equal(fresh.view, 'map');
    assert.deepEqual(read('/sluice/nowhere?q=--no-such-flag+x&t=7m&at=2026..1999&z=atoms'), fresh);
    assert.equal(viewUrl(fresh), 'map');
  });

  it('says the command that shows the same', () => {
    const live = read('/map?q=--verdict+DROPPED&t=5m');
    assert.equal(
      commandOf(live, 'localhost:4245'),
      'sluice observe -f --since 5m --verdict DROPPED --server localhost:4245',
    );
    const past = read('/map?at=2026-11-24T09:07:40Z..2026-11-24T09:09:20Z');
    assert.match(commandOf(past, 's'), /--since 2026-11-24T09:07:40Z --until 2026-11-24T09:09:20Z/);
  });
});
