// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  daysOf,
  dayKey,
  adjacentEvent,
  hasServerSpans,
  linesOf,
  placeAt,
  rowOf,
  spanAt,
  spanText,
  tokenAt,
} from '../../static/js/lib/coverage.js';
import { dayOf, inputValue, rangeOf, wallOfInput, weeksOf } from '../../static/js/lib/ranges.js';
import { LOCAL_CLOCK, deviceClock } from '../../static/js/lib/display-clock.js';
import { readRecordingsState, writeRecordingsState } from '../../static/js/lib/recordings-state.js';
import {
  LONGEST_MS,
  SHORTEST_MS,
  fractionOf,
  keptInSight,
  pannedBy,
  ticksOf,
  timeAt,
  zoomedAround,
} from '../../static/js/lib/timeline-scale.js';

process.env.TZ = 'Europe/Berlin';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-11-22T12:00:00Z');
const VIEW = { startMs: NOW - DAY, endMs: NOW };

/** @param {string} text */
const at = (text) => Date.parse(text);

test('zooming keeps the time under the pointer', () => {
  for (const factor of [1.3, 4, 0.5]) {
    const zoomed = zoomedAround(VIEW, factor, 0.25, NOW + 40 * DAY);
    assert.ok(Math.abs(timeAt(zoomed, 0.25) - timeAt(VIEW, 0.25)) < 1);
    assert.ok(Math.abs((zoomed.endMs - zoomed.startMs) * factor - DAY) < 1);
  }
});

test('zooming is limited to a month and to ten seconds', () => {
  const out = zoomedAround(VIEW, 1e-6, 0.5, NOW);
  assert.equal(out.endMs - out.startMs, LONGEST_MS);
  const near = zoomedAround(VIEW, 1e9, 0.5, NOW);
  assert.equal(near.endMs - near.startMs, SHORTEST_MS);
});

test('panning does not go into the future', () => {
  const late = pannedBy(VIEW, 5, NOW);
  assert.ok(late.endMs <= NOW + DAY * 0.05 + 1);
  assert.equal(late.endMs - late.startMs, DAY);
  assert.equal(pannedBy(VIEW, -1, NOW).endMs, NOW - DAY);
});

test('the window moves only if the time is outside', () => {
  assert.equal(keptInSight(VIEW, NOW - HOUR, NOW), VIEW);
  const moved = keptInSight(VIEW, NOW - 3 * DAY, NOW);
  assert.ok(Math.abs(fractionOf(moved, NOW - 3 * DAY) - 0.5) < 1e-6);
});

test('ticks are at round local times', () => {
  const ticks = ticksOf(VIEW, 10);
  assert.deepEqual(
    ticks.map((tick) => tick.label),
    ['15:00', '18:00', '21:00', 'Sun 22', '03:00', '06:00', '09:00', '12:00'],
  );
  assert.ok(ticks[3]?.isMajor);
});

test('a day of 25 or 23 hours has its ticks at clock times', () => {
  const day = dayOf(Date.UTC(2026, 9, 25, 12));
  assert.equal(day.endMs - day.startMs, 25 * HOUR);
  const labels = ticksOf({ startMs: day.startMs, endMs: day.endMs - 1 }, 10).map((tick) => tick.label);
  assert.deepEqual(labels, ['Sun 25', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']);
  const spring = dayOf(Date.UTC(2026, 2, 29, 12));
  assert.equal(spring.endMs - spring.startMs, 23 * HOUR);
  const hours = ticksOf({ startMs: spring.startMs, endMs: spring.endMs - 1 }, 30).map((tick) => tick.label);
  assert.equal(new Set(hours).size, hours.length);
  assert.ok(!hours.includes('02:00'), 'there is no two o’clock on that day');
});

test('a month has ticks per day, ten seconds have ticks per second', () => {
  const month = ticksOf({ startMs: NOW - 30 * DAY, endMs: NOW }, 10);
  assert.ok(month.length >= 5 && month.length <= 10, String(month.length));
  const seconds = ticksOf({ startMs: NOW, endMs: NOW + 10_000 }, 12).map((tick) => tick.label);
  assert.deepEqual(seconds.slice(0, 3), ['13:00:00', '13:00:01', '13:00:02']);
});

test('ticks can use the device’s clock', () => {
  const [first] = ticksOf({ startMs: NOW, endMs: NOW + HOUR }, 3, deviceClock(8 * 3600 + 600));
  assert.equal(first?.label, '20:30');
  assert.equal(first?.atMs, NOW + 20 * 60_000);
});

/**
 * @param {[string, string, import('../../static/js/lib/coverage.js').SpanState, string?][]} spans
 * @param {string[]} [motion]
 */
function row(spans, motion = []) {
  return rowOf({
    channel: 1,
    name: 'Gate',
    matched_by: 'job',
    recording_token: 'newest',
    events_truncated: false,
    spans: spans.map(([start, end, state, token]) => ({
      start_time: start,
      end_time: end,
      state,
      recording_token: token ?? null,
      source: null,
      reason: null,
      server: null,
      from_object_storage: false,
    })),
    events: motion.map((time) => ({ time, topic: 'tns1:RuleEngine/CellMotionDetector/Motion', active: true })),
  });
}

test('the four states have different names', () => {
  const one = row([
    ['2026-11-22T00:00:00Z', '2026-11-22T01:00:00Z', 'recorded', 'R1'],
    ['2026-11-22T01:00:00Z', '2026-11-22T02:00:00Z', 'not_recorded'],
    ['2026-11-22T02:00:00Z', '2026-11-22T03:00:00Z', 'unknown', 'R2'],
    ['2026-11-22T03:00:00Z', '2026-11-22T04:00:00Z', 'not_asked'],
  ]);
  const names = [0.5, 1.5, 2.5, 3.5].map((hours) =>
    spanText(spanAt(one, at('2026-11-22T00:00:00Z') + hours * HOUR), { showsSource: false }),
  );
  assert.equal(new Set(names).size, 4);
  assert.equal(tokenAt(one, at('2026-11-22T00:30:00Z')), 'R1');
  assert.equal(tokenAt(one, at('2026-11-22T03:30:00Z')), 'newest');
  assert.equal(spanAt(one, at('2026-11-22T05:00:00Z')), null);
});

test('a span on another server has its name, and says if that is away', () => {
  const [here, there, away] = row([
    ['2026-11-22T00:00:00Z', '2026-11-22T01:00:00Z', 'recorded', 'server-1-main'],
    ['2026-11-22T01:00:00Z', '2026-11-22T02:00:00Z', 'recorded', 'server-1-main'],
    ['2026-11-22T02:00:00Z', '2026-11-22T03:00:00Z', 'away'],
  ]).spans;
  const text = (/** @type {any} */ span) => spanText(span, { showsSource: false });
  assert.equal(text(here), 'recorded');
  assert.equal(text({ ...there, server: 'north' }), 'recorded on the server north');
  assert.equal(text({ ...there, isCopy: true }), 'recorded, from object storage');
  assert.equal(text({ ...away, server: 'north' }), 'recorded on the server north, which does not answer');
});

test('playing skips the time of a server that is away, and names it', () => {
  const one = row([
    ['2026-11-22T00:00:00Z', '2026-11-22T01:00:00Z', 'away'],
    ['2026-11-22T01:00:00Z', '2026-11-22T02:00:00Z', 'recorded', 'server-1-main'],
    ['2026-11-22T02:00:00Z', '2026-11-22T03:00:00Z', 'away'],
  ]);
  for (const span of one.spans) span.server = span.state === 'away' ? 'north' : null;
  const nowMs = at('2026-11-22T03:00:00Z');
  const place = (/** @type {string} */ time) => placeAt(one, at(time), nowMs);
  assert.deepEqual(place('2026-11-22T00:30:00Z'), { outcome: 'later', atMs: at('2026-11-22T01:00:00Z'), away: 'north' });
  assert.deepEqual(place('2026-11-22T01:30:00Z'), { outcome: 'plays', atMs: at('2026-11-22T01:30:00Z'), away: null });
  assert.deepEqual(place('2026-11-22T02:30:00Z'), { outcome: 'nothing', atMs: at('2026-11-22T02:30:00Z'), away: 'north' });
  assert.deepEqual([...daysOf([{ ...one, spans: one.spans.slice(2) }]).values()], ['unknown']);
});

test('adjacentEvent finds the events that begin after and before', () => {
  const one = row([], ['2026-11-22T01:00:00Z', '2026-11-22T02:00:00Z', '2026-11-22T03:00:00Z']);
  assert.equal(adjacentEvent(one, at('2026-11-22T01:00:00Z'), 1)?.atMs, at('2026-11-22T02:00:00Z'));
  assert.equal(adjacentEvent(one, at('2026-11-22T02:00:00Z'), -1)?.atMs, at('2026-11-22T01:00:00Z'));
  assert.equal(adjacentEvent(one, at('2026-11-22T03:00:00Z'), 1), null);
});

test('days with recordings or unknown spans are marked', () => {
  const days = daysOf([
    row([['2026-11-20T22:30:00Z', '2026-11-20T23:30:00Z', 'recorded']]),
    row([['2026-11-18T10:00:00Z', '2026-11-19T10:00:00Z', 'unknown']]),
    row([['2026-11-01T10:00:00Z', '2026-11-02T10:00:00Z', 'not_recorded']]),
  ]);
  assert.deepEqual([...days].sort(), [
    ['2026-11-18', 'unknown'],
    ['2026-11-19', 'unknown'],
    ['2026-11-20', 'recorded'],
    ['2026-11-21', 'recorded'],
  ]);
});

test('a span tells its source on demand, and a gap its reason', () => {
  const span = (/** @type {object} */ change) => ({
    state: /** @type {const} */ ('recorded'),
    source: null,
    reason: null,
    server: null,
    isCopy: false,
    ...change,
  });
  const text = (/** @type {object} */ change, showsSource = true) => spanText(span(change), { showsSource });
  assert.equal(text({ source: 'server' }), 'recorded on the server');
  assert.equal(text({ source: 'device' }), 'recorded by the recorder');
  assert.equal(text({ source: 'server' }, false), 'recorded');
  assert.equal(text({ state: 'not_recorded', reason: 'disk_full' }, false), 'not recorded: the disk was full');
  assert.equal(text({ state: 'not_recorded', reason: 'unknown' }), 'not recorded');
  assert.equal(spanText(null, { showsSource: true }), 'not asked yet');
  const one = row([['2026-11-22T00:00:00Z', '2026-11-22T01:00:00Z', 'recorded', 'R1']]);
  assert.equal(hasServerSpans(one), false);
  assert.equal(hasServerSpans({ ...one, spans: one.spans.map((each) => ({ ...each, source: 'server' })) }), true);
});

test('results have one line per span', () => {
  const lines = linesOf([
    {
      recording_token: 'R',
      source: 'device',
      channel: 2,
      matched_by: 'job',
      source_name: 'Gate',
      start_time: '',
      end_time: '',
      coverage: 'unknown',
      tracks: [
        { track_token: 'v', type: 'video', codec: 'hevc' },
        { track_token: 'a', type: 'audio', codec: null },
      ],
      spans: [
        { start_time: '2026-11-22T00:00:00Z', end_time: '2026-11-22T01:00:00Z' },
        { start_time: '2026-11-22T02:00:00Z', end_time: '2026-11-22T03:00:00Z' },
      ],
    },
  ]);
  assert.equal(lines.length, 2);
  assert.deepEqual(lines[1]?.codecs, ['hevc', 'audio']);
  assert.equal(lines[1]?.isKnown, false);
  assert.equal(lines[1]?.isOnServer, false);
});

test('ranges use the local calendar', () => {
  const now = at('2026-10-26T08:00:00Z'); // the day after the clocks went back
  assert.equal(rangeOf('yesterday', now).endMs - rangeOf('yesterday', now).startMs, 25 * HOUR);
  assert.equal(rangeOf('today', now).startMs, at('2026-10-25T23:00:00Z'));
  assert.equal(rangeOf('day', now).endMs - rangeOf('day', now).startMs, DAY);
  assert.equal(dayKey(LOCAL_CLOCK.wallOf(rangeOf('week', now).startMs)), '2026-10-20');
  assert.equal(dayKey(LOCAL_CLOCK.wallOf(rangeOf('month', now).startMs)), '2026-09-27');
});

test('an input’s value is parsed to the same time', () => {
  assert.equal(inputValue(at('2026-11-22T02:13:04Z')), '2026-11-22T03:13:04');
  assert.equal(LOCAL_CLOCK.momentOf(wallOfInput('2026-11-22T03:13:04') ?? 0), at('2026-11-22T02:13:04Z'));
  assert.equal(wallOfInput(''), null);
});

test('a month has whole weeks from Monday on', () => {
  const weeks = weeksOf(Date.UTC(2026, 10, 22));
  assert.deepEqual(
    weeks[0]?.map((day) => (day === null ? null : new Date(day).getUTCDate())),
    [null, null, null, null, null, null, 1],
  );
  assert.equal(weeks.flat().filter((day) => day !== null).length, 30);
  assert.ok(weeks.every((week) => week.length === 7));
});

test('the state is read from the address and written to it', () => {
  const state = readRecordingsState('?channel=3&t=2026-11-22T02:13:00Z&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z');
  assert.deepEqual(state, {
    channel: 3,
    atMs: at('2026-11-22T02:13:00Z'),
    fromMs: at('2026-11-22T00:00:00Z'),
    toMs: at('2026-11-23T00:00:00Z'),
    marked: null,
    transport: null,
  });
  assert.deepEqual(readRecordingsState(writeRecordingsState(state)), state);
  assert.equal(readRecordingsState(writeRecordingsState({ ...state, transport: 'hls' })).transport, 'hls');
  assert.deepEqual(readRecordingsState('?channel=x&t=tomorrow&from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z'), {
    channel: null,
    atMs: null,
    fromMs: null,
    toMs: null,
    marked: null,
    transport: null,
  });
});

test('a marked range is read from the address', () => {
  const marked = { startMs: at('2026-11-22T02:13:00Z'), endMs: at('2026-11-22T02:14:00Z') };
  const address = writeRecordingsState({ channel: 3, atMs: marked.startMs, fromMs: null, toMs: null, marked });
  assert.equal(address, '?channel=3&t=2026-11-22T02:13:00Z&in=2026-11-22T02:13:00Z&out=2026-11-22T02:14:00Z');
  assert.deepEqual(readRecordingsState(address).marked, marked);
  assert.equal(readRecordingsState('?in=2026-11-22T02:14:00Z&out=2026-11-22T02:13:00Z').marked, null);
});
