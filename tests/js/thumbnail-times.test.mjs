// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOCAL_CLOCK, deviceClock } from '../../static/js/lib/display-clock.js';
import { dayOf } from '../../static/js/lib/ranges.js';
import {
  STEPS_S,
  gridStepsFor,
  placeAtPointer,
  placeIn,
  requestsFor,
  strideFor,
  timeOfDay,
  timesIn,
  usualGridStep,
} from '../../static/js/lib/thumbnail-times.js';
import {
  emptyText,
  enlargedTime,
  gapText,
  intervalText,
  takenOf,
  thumbnailLabel,
  thumbnailNote,
  thumbnailTime,
} from '../../static/js/lib/thumbnail-text.js';

process.env.TZ = 'Europe/Berlin';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.parse('2026-11-22T12:00:00Z');

/** @param {...[number, number, import('../../static/js/lib/coverage.js').SpanState]} spans @returns {import('../../static/js/lib/coverage.js').Row} */
function row(...spans) {
  return {
    channel: 1,
    name: 'Door',
    recordingToken: 'R1',
    events: [],
    completeUntilMs: null,
    spans: spans.map(([startMs, endMs, state]) => ({
      startMs,
      endMs,
      state,
      recordingToken: null,
      source: null,
      reason: null,
      server: null,
    })),
  };
}

test('a thumbnail of the strip has at least its width, and at most twice', () => {
  for (let lengthMs = 12 * MINUTE; lengthMs <= 31 * DAY; lengthMs *= 1.07) {
    const msPerPx = lengthMs / 1084;
    const { strideMs, stepS } = strideFor(msPerPx, 104);
    const widthPx = strideMs / msPerPx;
    assert.ok(widthPx >= 104 && widthPx <= 208.01, `${lengthMs} ms: ${widthPx} px`);
    assert.ok(STEPS_S.includes(stepS) && strideMs % (stepS * 1000) === 0);
  }
});

test('the strip of a day shows hours, the strip of a minute seconds', () => {
  assert.deepEqual(strideFor(DAY / 1084, 104), { strideMs: 3 * HOUR, stepS: 3600 });
  assert.deepEqual(strideFor(HOUR / 1084, 104), { strideMs: 10 * MINUTE, stepS: 600 });
  assert.deepEqual(strideFor(MINUTE / 1084, 104), { strideMs: 10 * SECOND, stepS: 10 });
  assert.deepEqual(strideFor((10 * SECOND) / 1084, 104), { strideMs: SECOND, stepS: 1 });
});

test('times do not change when the window moves', () => {
  const span = { startMs: NOON + 7 * MINUTE, endMs: NOON + 31 * MINUTE };
  assert.deepEqual(timesIn(span, 10 * MINUTE), [NOON, NOON + 10 * MINUTE, NOON + 20 * MINUTE, NOON + 30 * MINUTE]);
  assert.deepEqual(timesIn({ startMs: NOON, endMs: NOON }, MINUTE), []);
  assert.deepEqual(timesIn({ startMs: NOON, endMs: NOON - DAY }, MINUTE), []);
});

test('close times are requested together, distant ones one by one', () => {
  const close = [0, 3, 6].map((hours) => NOON + hours * HOUR);
  assert.deepEqual(requestsFor(close, 3600), [{ startMs: NOON, endMs: NOON + 7 * HOUR }]);
  assert.deepEqual(requestsFor(close.toReversed(), 3600), requestsFor(close, 3600));
  const distant = [0, 12].map((hours) => NOON + hours * HOUR);
  assert.deepEqual(requestsFor(distant, 3600), [
    { startMs: NOON, endMs: NOON + HOUR },
    { startMs: NOON + 12 * HOUR, endMs: NOON + 13 * HOUR },
  ]);
  assert.deepEqual(requestsFor([], 60), []);
});

test('the pointer gets a time a few pixels before it, in the same recording', () => {
  const all = row([NOON - 10 * DAY, NOON + DAY, 'recorded']);
  const atMs = NOON + 47 * MINUTE + 13 * SECOND + 300;
  assert.deepEqual(placeAtPointer(all, atMs, DAY / 1084), { atMs: NOON + 47 * MINUTE, stepS: 60 });
  assert.deepEqual(placeAtPointer(all, atMs, HOUR / 1084), { atMs: atMs - 3300, stepS: 10 });
  assert.deepEqual(placeAtPointer(all, atMs, MINUTE / 1084), { atMs: atMs - 300, stepS: 1 });
  const begun = row([NOON, NOON + 47.1 * MINUTE, 'not_recorded'], [NOON + 47.1 * MINUTE, NOON + HOUR, 'recorded']);
  assert.deepEqual(placeAtPointer(begun, atMs, DAY / 1084), { atMs: NOON + 47 * MINUTE + 10 * SECOND, stepS: 10 });
  assert.equal(placeAtPointer(begun, NOON + MINUTE, DAY / 1084), null);
});

test('a grid never gets too long, and has a moderate count by default', () => {
  const hour = { startMs: NOON, endMs: NOON + HOUR };
  assert.deepEqual(gridStepsFor(hour), [10, 60, 600, 3600]);
  assert.equal(usualGridStep(hour), 60);
  assert.equal(usualGridStep({ startMs: NOON, endMs: NOON + DAY }), 3600);
  assert.deepEqual(gridStepsFor({ startMs: NOON, endMs: NOON + 31 * DAY }), [3600]);
});

test('a part of the time has its first recorded thumbnail', () => {
  const hours = { strideMs: 3 * HOUR, stepS: 3600 };
  const all = row([NOON - DAY, NOON + DAY, 'recorded']);
  assert.deepEqual(placeIn(all, NOON, hours), { atMs: NOON, stepS: 3600 });
  const late = row([NOON - DAY, NOON + 70 * MINUTE, 'not_recorded'], [NOON + 70 * MINUTE, NOON + DAY, 'recorded']);
  assert.deepEqual(placeIn(late, NOON, hours), { atMs: NOON + 2 * HOUR, stepS: 3600 });
  assert.equal(placeIn(late, NOON - 12 * HOUR, hours), null, 'nothing is recorded there');
});

test('short recordings of motion have thumbnails of a shorter step', () => {
  const motion = row(
    [NOON - HOUR, NOON + 7 * MINUTE, 'not_recorded'],
    [NOON + 7.1 * MINUTE, NOON + 7.4 * MINUTE, 'recorded'],
    [NOON + 7.4 * MINUTE, NOON + 12 * MINUTE, 'not_recorded'],
    [NOON + 12 * MINUTE - SECOND, NOON + 14 * MINUTE, 'recorded'],
    [NOON + 14 * MINUTE, NOON + HOUR, 'not_recorded'],
  );
  assert.deepEqual(placeIn(motion, NOON, { strideMs: HOUR, stepS: 3600 }), { atMs: NOON + 12 * MINUTE, stepS: 60 });
  assert.deepEqual(placeIn(motion, NOON, { strideMs: 10 * MINUTE, stepS: 600 }), { atMs: NOON + 7 * MINUTE + 10 * SECOND, stepS: 10 });
});

test('time that the row does not know is requested', () => {
  const minutes = { strideMs: 10 * MINUTE, stepS: 600 };
  assert.deepEqual(placeIn(row(), NOON, minutes), { atMs: NOON, stepS: 600 });
  assert.deepEqual(placeIn(row([NOON, NOON + HOUR, 'not_asked']), NOON, minutes), { atMs: NOON, stepS: 600 });
  const ended = row([NOON - DAY, NOON - HOUR, 'not_recorded']);
  assert.deepEqual(placeIn(ended, NOON, minutes), { atMs: NOON, stepS: 600 });
});

test('a day has the recorded time nearest to noon', () => {
  const day = dayOf(LOCAL_CLOCK.wallOf(NOON));
  const noonMs = day.startMs + 12 * HOUR;
  assert.deepEqual(timeOfDay(row([day.startMs - DAY, day.endMs + DAY, 'recorded']), day), { atMs: noonMs, stepS: 3600 });
  const evening = row([noonMs + 4 * HOUR + 1, noonMs + 6 * HOUR, 'recorded'], [noonMs - 9 * HOUR, noonMs - 8 * HOUR, 'recorded']);
  assert.deepEqual(timeOfDay(evening, day), { atMs: noonMs + 5 * HOUR, stepS: 3600 });
  const short = row([noonMs + 3 * MINUTE, noonMs + 9 * MINUTE, 'recorded']);
  assert.deepEqual(timeOfDay(short, day), { atMs: noonMs + 3 * MINUTE, stepS: 60 });
  assert.equal(timeOfDay(row([day.startMs, day.endMs, 'not_recorded']), day), null);
  assert.equal(timeOfDay(row([day.endMs, day.endMs + HOUR, 'recorded']), day), null);
});

test('an empty time names the server that does not answer', () => {
  const clock = deviceClock(0);
  const known = row([NOON, NOON + HOUR, 'not_recorded'], [NOON + HOUR, NOON + 2 * HOUR, 'away']);
  for (const span of known.spans) span.server = span.state === 'away' ? 'north' : null;
  const away = 'recorded on the server north, which does not answer';
  assert.equal(emptyText(known, NOON, NOON + HOUR), 'not recorded');
  assert.equal(emptyText(known, NOON + HOUR / 2, NOON + HOUR + SECOND), away);
  assert.equal(emptyText(null, NOON, NOON + HOUR), 'not recorded');
  const time = { atMs: NOON + HOUR, isConfirmed: true };
  assert.equal(thumbnailLabel(clock, time, 'not_recorded', away), `22 November, 13:00:00, ${away}`);
  assert.equal(thumbnailLabel(clock, time, 'missing', away), '22 November, 13:00:00, no picture, play');
  assert.equal(gapText(clock, known, NOON, NOON + HOUR), 'Not recorded from 12:00:00 to 13:00:00');
  assert.equal(gapText(clock, known, NOON, NOON + 2 * HOUR), `From 12:00:00 to 14:00:00 ${away}`);
});

test('labels tell day, time and state', () => {
  const clock = deviceClock(0);
  const time = { atMs: NOON + 65 * SECOND, isConfirmed: true };
  assert.equal(thumbnailLabel(clock, time, 'ready'), '22 November, 12:01:05, play');
  assert.equal(thumbnailLabel(clock, { ...time, isConfirmed: false }, 'ready'), '22 November, about 12:01:05, play');
  assert.equal(thumbnailLabel(clock, time, 'not_recorded'), '22 November, 12:01:05, not recorded');
  assert.equal(thumbnailTime(clock, time, 10 * SECOND), '12:01:05');
  assert.equal(thumbnailTime(clock, time, HOUR), '12:01');
  assert.equal(thumbnailTime(clock, { ...time, isConfirmed: false }, HOUR), '≈12:01');
  assert.equal(thumbnailTime(clock, time, DAY), 'Sun 22');
  assert.equal(enlargedTime(clock, { ...time, isConfirmed: false }), 'about 12:01:05');
  assert.deepEqual(
    [1, 10, 60, 600, 3600, 10_800, 86_400, 172_800].map((seconds) => intervalText(seconds * 1000)),
    ['every second', 'every 10 s', 'every minute', 'every 10 min', 'every hour', 'every 3 h', 'every day', 'every 2 days'],
  );
});

test('a time that no recorder confirms is called so', () => {
  const ready = { atMs: NOON, takenMs: NOON - SECOND, state: /** @type {const} */ ('ready'), url: '/p' };
  assert.deepEqual(takenOf(ready, NOON), { atMs: NOON - SECOND, isConfirmed: true });
  assert.deepEqual(takenOf({ ...ready, takenMs: null }, NOON), { atMs: NOON, isConfirmed: false });
  assert.deepEqual(takenOf(null, NOON), { atMs: NOON, isConfirmed: true });
});

test('a note tells why there are no pictures', () => {
  const calm = { row: row(), problem: null, isHeld: false, isLinkThin: false };
  assert.equal(thumbnailNote({ ...calm, states: ['ready', 'missing', 'not_recorded'] }), '');
  assert.equal(thumbnailNote({ ...calm, states: ['pending', 'missing'] }), '');
  assert.match(thumbnailNote({ ...calm, states: ['missing', 'not_recorded'] }), /recorder gave no pictures/);
  assert.equal(thumbnailNote({ ...calm, states: ['not_recorded'] }), 'Nothing was recorded in this time.');
  const away = row([NOON, NOON + SECOND, 'away']);
  assert.equal(thumbnailNote({ ...calm, row: away, states: ['not_recorded'] }), 'No server that answers has recorded this time.');
  assert.match(thumbnailNote({ ...calm, states: ['waiting'], isHeld: true, isLinkThin: true }), /pictures wait/);
  assert.equal(thumbnailNote({ ...calm, states: ['waiting'], isHeld: true }), '');
  const problem = { code: 'camera_unreachable', detail: 'No answer within 5 s.' };
  assert.equal(thumbnailNote({ ...calm, states: ['waiting'], problem }), 'No pictures: the device does not answer. No answer within 5 s.');
  assert.match(thumbnailNote({ ...calm, row: { ...row(), channel: null }, states: [] }), /no channel/);
  assert.equal(thumbnailNote({ ...calm, row: null, states: [] }), '');
});
