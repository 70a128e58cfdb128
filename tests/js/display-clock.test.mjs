// @ts-check
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { localStamp, snapshotFileName } from '../../static/js/lib/format.js';
import { daysOf, rowOf } from '../../static/js/lib/coverage.js';
import { dayOf, inputValue, rangeOf, wallOfInput } from '../../static/js/lib/ranges.js';
import { LOCAL_CLOCK, deviceClock, utcName } from '../../static/js/lib/display-clock.js';
import { ticksOf } from '../../static/js/lib/timeline-scale.js';

const HOUR = 3_600_000;
const at = (/** @type {string} */ text) => Date.parse(text);
const labels = (/** @type {string} */ from, /** @type {string} */ to, most = 20) =>
  ticksOf({ startMs: at(from), endMs: at(to) }, most).map((tick) => tick.label);
const utc = (/** @type {number[]} */ moments) => moments.map((ms) => new Date(ms).toISOString().slice(11, 16));

process.env.TZ = 'Europe/Berlin';
afterEach(() => (process.env.TZ = 'Europe/Berlin'));

test('only times of a repeated hour have their zone', () => {
  assert.equal(LOCAL_CLOCK.stamp(at('2026-10-25T00:30:00Z')), '2026-10-25 02:30:00 CEST');
  assert.equal(LOCAL_CLOCK.stamp(at('2026-10-25T01:30:00Z')), '2026-10-25 02:30:00 CET');
  assert.equal(LOCAL_CLOCK.stamp(at('2026-10-25T02:00:00Z')), '2026-10-25 03:00:00');
  assert.equal(localStamp(new Date(at('2026-10-24T23:59:59Z'))), '2026-10-25 01:59:59');
  assert.equal(snapshotFileName(['Gate'], new Date(at('2026-10-25T01:30:00Z'))), 'Gate 2026-10-25 02-30-00 CET.jpg');
  process.env.TZ = 'America/New_York';
  assert.equal(LOCAL_CLOCK.stamp(at('2026-11-01T05:30:00Z')), '2026-11-01 01:30:00 EDT');
  assert.equal(LOCAL_CLOCK.stamp(at('2026-11-01T06:30:00Z')), '2026-11-01 01:30:00 EST');
  process.env.TZ = 'America/Santiago'; // no short name in any English
  assert.match(LOCAL_CLOCK.stamp(at('2026-04-05T02:30:00Z')), /^2026-04-04 23:30:00 UTC−3$/);
});

test('the axis shows a repeated hour twice and a skipped hour never', () => {
  assert.deepEqual(labels('2026-10-24T22:00:00Z', '2026-10-25T03:00:00Z', 6), [
    'Sun 25',
    '01:00',
    '02:00 CEST',
    '02:00 CET',
    '03:00',
    '04:00',
  ]);
  assert.deepEqual(labels('2026-10-25T00:25:00Z', '2026-10-25T01:35:00Z', 8), [
    '02:30 CEST',
    '02:40 CEST',
    '02:50 CEST',
    '02:00 CET',
    '02:10 CET',
    '02:20 CET',
    '02:30 CET',
  ]);
  assert.deepEqual(labels('2026-03-28T23:00:00Z', '2026-03-29T02:00:00Z', 4), ['Sun 29', '01:00', '03:00', '04:00']);
  assert.deepEqual(labels('2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', 6), [
    '01:30',
    '01:40',
    '01:50',
    '03:00',
    '03:10',
    '03:20',
    '03:30',
  ]);
});

test('a day that begins at one o’clock has its name there', () => {
  process.env.TZ = 'America/Santiago';
  const found = ticksOf({ startMs: at('2026-09-06T02:00:00Z'), endMs: at('2026-09-06T06:00:00Z') }, 5);
  assert.deepEqual(
    found.map((tick) => tick.label),
    ['22:00', '23:00', 'Sun 6 01:00', '02:00', '03:00'],
  );
  const day = dayOf(Date.UTC(2026, 8, 6));
  assert.equal((day.endMs - day.startMs) / HOUR, 23);
});

test('a typed time is one moment, two, or none', () => {
  const typed = (/** @type {string} */ text) => wallOfInput(text) ?? 0;
  assert.deepEqual(utc(LOCAL_CLOCK.momentsOf(typed('2026-10-25T02:30:00'))), ['00:30', '01:30']);
  assert.deepEqual(utc(LOCAL_CLOCK.momentsOf(typed('2026-10-25T03:00:00'))), ['02:00']);
  assert.deepEqual(utc(LOCAL_CLOCK.momentsOf(typed('2026-10-25T01:59:59'))), ['23:59']);
  assert.deepEqual(LOCAL_CLOCK.momentsOf(typed('2026-03-29T02:30:00')), []);
  assert.equal(LOCAL_CLOCK.stamp(LOCAL_CLOCK.momentOf(typed('2026-03-29T02:30:00'))), '2026-03-29 03:30:00');
});

test('the recorder’s clock includes its zone and its error', () => {
  const clock = deviceClock(8 * 3600 + 600);
  assert.equal(clock.stamp(at('2026-11-22T12:00:00Z')), '2026-11-22 20:10:00');
  assert.equal(inputValue(at('2026-11-22T12:00:00Z'), clock), '2026-11-22T20:10:00');
  assert.equal(clock.momentOf(wallOfInput('2026-11-22T20:10:00') ?? 0), at('2026-11-22T12:00:00Z'));
  assert.equal(clock.stamp(at('2026-10-25T00:30:00Z')), '2026-10-25 08:40:00', 'the repeated hour of the browser does not matter');
  assert.equal(snapshotFileName(['Gate'], new Date(at('2026-11-22T12:00:00Z')), clock), 'Gate 2026-11-22 20-10-00.jpg');
  assert.deepEqual(
    [0, 3600, -12_600, 20_700].map((s) => utcName(s * 1000)),
    ['UTC', 'UTC+1', 'UTC−3:30', 'UTC+5:45'],
  );
});

test('ranges and the calendar use the days of the recorder’s clock', () => {
  const clock = deviceClock(8 * 3600);
  const now = at('2026-11-22T17:00:00Z'); // the 23rd, where the recorder is
  assert.equal(rangeOf('today', now, clock).startMs, at('2026-11-22T16:00:00Z'));
  const row = rowOf({
    channel: 1,
    name: '',
    matched_by: 'job',
    recording_token: 'R',
    events: [],
    events_truncated: false,
    spans: [
      {
        start_time: '2026-11-22T15:00:00Z',
        end_time: '2026-11-22T16:00:00Z',
        state: 'recorded',
        recording_token: 'R',
        source: 'device',
        reason: null,
        server: null,
        from_object_storage: false,
      },
    ],
  });
  assert.deepEqual([...daysOf([row], clock).keys()], ['2026-11-22']);
  assert.deepEqual([...daysOf([row], deviceClock(9 * 3600)).keys()], ['2026-11-23']);
});
