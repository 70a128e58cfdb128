// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeAt, rowOf, tokenAt } from '../../static/js/lib/coverage.js';
import { PlaceFinder } from '../../static/js/lib/place-finder.js';
import { mockTime, settled } from './time.mjs';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-22T12:00:00Z');
const NOW = NOON + 24 * HOUR;

/** @typedef {[number, number, import('../../static/js/lib/coverage.js').SpanState, string?]} TestSpan hours from noon */

/** @param {TestSpan[]} spans @returns {import('../../static/js/lib/api-types.js').ChannelCoverage} */
function covered(spans) {
  const time = (/** @type {number} */ hours) => new Date(NOON + hours * HOUR).toISOString();
  return {
    channel: 1,
    name: 'Gate',
    matched_by: 'job',
    recording_token: 'newest',
    events: [],
    events_truncated: false,
    spans: spans.map(([from, to, state, token]) => ({
      start_time: time(from),
      end_time: time(to),
      state,
      recording_token: token ?? null,
      source: null,
      reason: null,
      server: null,
      from_object_storage: false,
    })),
  };
}

/** @param {TestSpan[]} spans */
const row = (spans) => rowOf(covered(spans));

/** A server with a list of answers; it repeats the last one. @param {{spans: TestSpan[], busy?: boolean}[]} answers */
function server(answers) {
  let asked = 0;
  return {
    get asked() {
      return asked;
    },
    /** @returns {Promise<any>} */
    async coverage() {
      const { spans, busy = false } = answers[Math.min(asked, answers.length - 1)] ?? { spans: [] };
      asked += 1;
      return { channels: [covered(spans)], indexing: busy ? { done: 1, total: 2 } : null, event_search: true, error: null };
    },
  };
}

/** @param {ReturnType<typeof server>} api */
function finder(api) {
  const begunMs = Date.now();
  return new PlaceFinder(api, 1, { pauseMs: 1, boundMs: 300, nowMs: () => NOW + Date.now() - begunMs });
}

const { signal } = new AbortController();

mockTime();

test('a span that is not indexed must be asked for', () => {
  const one = row([
    [0, 1, 'recorded', 'R'],
    [1, 2, 'not_recorded'],
    [2, 3, 'not_asked'],
    [3, 4, 'recorded', 'R'],
    [4, 5, 'unknown', 'R'],
    [5, 6, 'not_recorded'],
  ]);
  const outcome = (/** @type {number} */ hours) => placeAt(one, NOON + hours * HOUR, NOW);
  assert.deepEqual(outcome(0.5), { outcome: 'plays', atMs: NOON + 0.5 * HOUR, away: null });
  assert.deepEqual(outcome(2.5), { outcome: 'ask', atMs: NOON + 2.5 * HOUR, away: null });
  assert.deepEqual(outcome(1.5), { outcome: 'ask', atMs: NOON + 2 * HOUR, away: null }, 'the span after a gap may be recorded');
  assert.deepEqual(outcome(4.5), { outcome: 'plays', atMs: NOON + 4.5 * HOUR, away: null });
  assert.deepEqual(outcome(9), { outcome: 'ask', atMs: NOON + 9 * HOUR, away: null }, 'a moment that was never loaded');
});

test('a gap leads to the next recorded span, or to nothing', () => {
  assert.deepEqual(
    placeAt(
      row([
        [0, 1, 'not_recorded'],
        [1, 2, 'recorded', 'R'],
      ]),
      NOON,
      NOW,
    ),
    { outcome: 'later', atMs: NOON + HOUR, away: null },
  );
  assert.deepEqual(
    placeAt(
      row([
        [0, 24, 'not_recorded'],
        [24, 25, 'not_asked'],
      ]),
      NOON,
      NOW,
    ),
    { outcome: 'nothing', atMs: NOON, away: null },
  );
  const end = row([
    [0, 23.999, 'recorded', 'R'],
    [23.999, 25, 'not_asked'],
  ]);
  assert.deepEqual(
    placeAt(end, NOW - 1000, NOW),
    { outcome: 'plays', atMs: NOW - 1000, away: null },
    'the last minutes are tried, not asked for',
  );
});

test('a place is requested until the recorder is indexed there', async () => {
  const api = server([
    { spans: [[-1, 24, 'not_asked']], busy: true },
    { spans: [[-1, 24, 'not_asked']], busy: true },
    { spans: [[-1, 24, 'recorded', 'old']] },
  ]);
  const found = await settled(finder(api).find(row([]), NOON, signal));
  assert.deepEqual(found, { outcome: 'plays', atMs: NOON, recordingToken: 'old', away: null });
  assert.equal(api.asked, 3);
});

test('a recorder that is slow or not indexed leaves a place unknown', async () => {
  const stopped = server([{ spans: [[-1, 24, 'not_asked']] }]);
  assert.deepEqual(await settled(finder(stopped).find(row([]), NOON, signal)), {
    outcome: 'unknown',
    atMs: NOON,
    recordingToken: 'newest',
    away: null,
  });
  assert.equal(stopped.asked, 1);
  const slow = server([{ spans: [[-1, 24, 'not_asked']], busy: true }]);
  assert.equal((await settled(finder(slow).find(row([]), NOON, signal))).outcome, 'unknown');
  assert.ok(slow.asked > 3);
});

test('the search goes on after a gap', async () => {
  const api = server([
    {
      spans: [
        [-1, 2, 'not_recorded'],
        [2, 24, 'recorded', 'R2'],
      ],
    },
  ]);
  const found = await settled(
    finder(api).find(
      row([
        [0, 1, 'not_recorded'],
        [1, 2, 'not_asked'],
      ]),
      NOON,
      signal,
    ),
  );
  assert.deepEqual(found, { outcome: 'later', atMs: NOON + 2 * HOUR, recordingToken: 'R2', away: null });
});

test('an aborted search sends no further request', async () => {
  const api = server([{ spans: [[-1, 24, 'not_asked']], busy: true }]);
  const aborter = new AbortController();
  const found = finder(api).find(row([]), NOON, aborter.signal);
  aborter.abort();
  await settled(found);
  assert.equal(api.asked, 1);
});

test('an unknown moment plays from the recording of that time', () => {
  const held = [
    { recording_token: 'old', channel: 1, source_name: '', earliest: '2026-11-01T00:00:00Z', latest: '2026-11-10T00:00:00Z' },
    { recording_token: 'other', channel: 2, source_name: '', earliest: '2026-11-01T00:00:00Z', latest: null },
    { recording_token: 'newest', channel: 1, source_name: '', earliest: '2026-11-10T00:00:00Z', latest: null },
  ].map((one) => ({ ...one, matched_by: /** @type {const} */ ('job'), source: /** @type {const} */ ('device'), tracks: [] }));
  const one = row([[0, 1, 'recorded', 'R']]);
  assert.equal(tokenAt(one, Date.parse('2026-11-05T00:00:00Z'), held), 'old');
  assert.equal(tokenAt(one, Date.parse('2026-11-21T00:00:00Z'), held), 'newest');
  assert.equal(tokenAt(one, Date.parse('2026-10-21T00:00:00Z'), held), 'newest');
  assert.equal(tokenAt(one, NOON + HOUR / 2, held), 'R');
});
