import assert from 'node:assert/strict';
import test from 'node:test';

import { DisplayClock } from '../../static/js/lib/display-clock.js';
import { piecesText, wordPieces } from '../../static/js/lib/event-words.js';

const UTC = new DisplayClock(
  () => 0,
  () => 'UTC',
);

test('the user reads what a search has understood and left out', () => {
  /** @type {import('../../static/js/lib/event-types.js').UnderstoodWords} */
  const understood = {
    ...{ kinds: ['person'], labels: [], colours: ['red'], zones: ['Gate'], camera_ids: [1, 9], channels: [{ camera_id: 1, channel: 2 }] },
    ...{ start_time: '2026-11-21T00:00:00Z', end_time: '2026-11-22T00:00:00Z', times_of_day: [['18:00', '20:00']] },
  };
  const cameras = [/** @type {any} */ ({ id: 1, name: '', host: '10.0.0.5' })];
  const pieces = wordPieces({ understood, not_understood: ['sneaky'] }, cameras, UTC);
  const expected = ['Person', 'Red', 'Zone: Gate', '10.0.0.5', 'Camera 9', '10.0.0.5, channel 2'];
  assert.deepEqual(
    pieces.map(({ text, isUnderstood }) => (isUnderstood ? text : `-${text}`)),
    [...expected, '2026-11-21', '18:00 to 20:00', '-sneaky'],
  );
  assert.match(piecesText(pieces), /^Searching for Person, Red, .*\. Not understood, and left out: sneaky\.$/);
});

test('a search for days shows days, and for hours their times', () => {
  const none = { kinds: [], labels: [], colours: [], zones: [], camera_ids: [], channels: [], times_of_day: [] };
  const spans = [
    ['2026-11-20T00:00:00Z', '2026-11-23T00:00:00Z', '2026-11-20 to 2026-11-22'],
    ['2026-11-21T10:00:00Z', '2026-11-22T00:00:00Z', '2026-11-21 10:00 to 2026-11-22 00:00'],
    ['2026-11-21T00:00:00Z', null, 'since 2026-11-21 00:00'],
  ];
  for (const [start, end, text] of spans) {
    const understood = { ...none, start_time: start ?? null, end_time: end ?? null };
    assert.deepEqual(wordPieces({ understood }, [], UTC), [{ text, isUnderstood: true }]);
  }
});

test('a search without an answer of the server has no pieces', () => {
  assert.deepEqual(wordPieces({}, []), []);
  assert.equal(piecesText([]), '');
});
