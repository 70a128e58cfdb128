// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DisplayClock } from '../../static/js/lib/display-clock.js';
import { SearchArea, cornersOf, isRectangle, squared } from '../../static/js/lib/search-area.js';
import { lengthOf, presetRange, rangeError, readSearchState, searchAddress } from '../../static/js/lib/search-range.js';
import * as text from '../../static/js/lib/search-text.js';
import { bodyOf } from '../../static/js/lib/searches-api.js';

const HOUR = 3_600_000;
const SQUARE = cornersOf({ x: 0.2, y: 0.2, width: 0.4, height: 0.4 });
/** Two hours ahead of UTC. */
const CLOCK = new DisplayClock(
  () => 2 * HOUR,
  () => 'CEST',
);

/** @param {Partial<import('../../static/js/lib/searches-api.js').Search>} more @returns {import('../../static/js/lib/searches-api.js').Search} */
function search(more = {}) {
  return {
    id: 7,
    camera_id: 1,
    channel: 2,
    start_time: '2026-11-22T10:00:00Z',
    end_time: '2026-11-22T12:00:00Z',
    points: SQUARE.map(({ x, y }) => [x, y]),
    kind: 'moved',
    source: null,
    state: 'running',
    waits_for: null,
    progress: 0.25,
    recorded_s: 7200,
    key_frames: 0,
    bytes: 0,
    estimate: null,
    problem: null,
    is_small: false,
    results: [],
    by: 'anna',
    created_at: '2026-11-22T12:00:00Z',
    ended_at: null,
    ...more,
  };
}

/** @param {string} time @param {number} score @param {number} [seconds] */
function result(time, score, seconds = 32) {
  const start = `2026-11-22T${time}Z`;
  return {
    start_time: start,
    end_time: new Date(Date.parse(start) + 1000 * seconds).toISOString(),
    score,
    picture_time: start,
    picture_url: '/picture',
    before_picture_url: null,
    play_url: '/recordings/1',
  };
}

// ── The area ───────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a box stays a box when a corner is moved: the corner across stays', () => {
  for (const [index, to, expected] of /** @type {const} */ ([
    [0, { x: 0.1, y: 0.3 }, { x: 0.1, y: 0.3, width: 0.5, height: 0.3 }],
    [1, { x: 0.9, y: 0.1 }, { x: 0.2, y: 0.1, width: 0.7, height: 0.5 }],
    [2, { x: 0.5, y: 0.5 }, { x: 0.2, y: 0.2, width: 0.3, height: 0.3 }],
    [3, { x: 0.1, y: 0.9 }, { x: 0.1, y: 0.2, width: 0.5, height: 0.7 }],
  ])) {
    const area = new SearchArea();
    area.load(SQUARE);
    area.change(1, { points: SQUARE.with(index, to) });
    const { x = 0, y = 0, width = 0, height = 0 } = area.box ?? {};
    assert.deepEqual([x, y, width, height].map(rounded), Object.values(expected).map(rounded), `corner ${index}`);
    assert.deepEqual(area.points?.[index], to, 'the corner keeps its number, and the focus with it');
    assert.ok(area.points && isRectangle(area.points));
  }
});

test('a corner dragged past the opposite one leaves a box with a size', () => {
  const past = squared(SQUARE.with(0, { x: 0.8, y: 0.9 }));
  assert.ok(past && isRectangle(past));
  assert.deepEqual(past[2], SQUARE[2]);
  const onto = squared(SQUARE.with(0, { x: 0.6, y: 0.6 }));
  assert.ok(onto && isRectangle(onto));
  assert.equal(rounded(Math.abs((onto[0]?.x ?? 0) - 0.6)), 0.02);
  assert.equal(rounded(Math.abs((onto[0]?.y ?? 0) - 0.6)), 0.02);
});

test('the numbers of a box keep it inside the picture', () => {
  const area = new SearchArea();
  area.load(SQUARE);
  area.setBox({ x: 0.9 });
  assert.equal(rounded(area.box?.x ?? 0), 0.6);
  area.setBox({ width: 2 });
  assert.deepEqual([area.box?.x, area.box?.width].map(Number).map(rounded), [0, 1]);
  area.setBox({ height: 0 });
  assert.equal(rounded(area.box?.height ?? 0), 0.02);
  let told = 0;
  area.addEventListener('change', () => (told += 1));
  area.setBox({ height: 0.02 });
  assert.equal(told, 0, 'an equal box is no change');
});

test('an added point makes a box an outline, which can become a box again', () => {
  const area = new SearchArea();
  area.load(SQUARE);
  area.change(1, { points: SQUARE.toSpliced(1, 0, { x: 0.4, y: 0.1 }) });
  assert.equal(area.isBox, false);
  area.change(1, { points: area.points?.with(0, { x: 0.05, y: 0.3 }) });
  assert.equal(area.points?.length, 5);
  area.isBox = true;
  assert.deepEqual(Object.values(area.box ?? {}).map(rounded), [0.05, 0.1, 0.55, 0.5]);
});

test('a new shape replaces the old one, and a removed one is gone', () => {
  const area = new SearchArea();
  assert.equal(area.chosen, null);
  area.add('watch');
  assert.ok(area.points && isRectangle(area.points));
  area.add('watch', SQUARE);
  assert.equal(area.zones.length, 1);
  area.choose(null);
  assert.equal(area.chosenId, area.zones[0]?.id, 'the only shape stays chosen');
  area.remove();
  assert.deepEqual([area.points, area.box, area.zones.length], [null, null, 0]);
  area.load([...SQUARE.slice(0, 2), { x: 0.5, y: 0.9 }]);
  assert.equal(area.isBox, false, 'the shape of an earlier search');
});

// ── The range ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('ranges for a click follow the shown clock and end now at the latest', () => {
  const now = Date.parse('2026-11-22T01:30:00Z'); // 03:30 on the clock
  const iso = (/** @type {import('../../static/js/lib/search-range.js').Preset} */ preset, at = now) => {
    const { startMs, endMs } = presetRange(preset, at, CLOCK);
    return [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16));
  };
  assert.deepEqual(iso('hour'), ['2026-11-22T00:30', '2026-11-22T01:30']);
  assert.deepEqual(iso('today'), ['2026-11-21T22:00', '2026-11-22T01:30']);
  assert.deepEqual(iso('yesterday'), ['2026-11-20T22:00', '2026-11-21T22:00']);
  assert.deepEqual(iso('night'), ['2026-11-21T18:00', '2026-11-22T01:30'], 'the night is not over');
  assert.deepEqual(iso('night', now + 12 * HOUR), ['2026-11-21T18:00', '2026-11-22T04:00']);
  assert.deepEqual(iso('day'), ['2026-11-21T01:30', '2026-11-22T01:30']);
});

test('a wrong range is named before the server is asked', () => {
  const now = 100 * 24 * HOUR;
  assert.equal(rangeError(now - HOUR, now, now), '');
  assert.match(rangeError(null, now, now), /Choose/);
  assert.match(rangeError(now, now - HOUR, now), /before the begin/);
  assert.match(rangeError(now + HOUR, now + 2 * HOUR, now), /future/);
  assert.match(rangeError(now - 32 * 24 * HOUR, now, now), /at most 31 days/);
  assert.equal(rangeError(now - 31 * 24 * HOUR, now + HOUR, now), '', 'the future part does not count');
});

test('the address of the page has the channel and the range, or the search', () => {
  const fromMs = Date.parse('2026-11-22T10:00:00Z');
  const address = searchAddress('/search', { cameraId: 3, channel: 2, fromMs, toMs: fromMs + HOUR });
  assert.equal(address, '/search?camera=3&channel=2&from=2026-11-22T10:00:00Z&to=2026-11-22T11:00:00Z');
  const state = readSearchState(address.slice('/search'.length));
  assert.deepEqual(state, { cameraId: 3, channel: 2, fromMs, toMs: fromMs + HOUR, atMs: null, searchId: null });
  assert.equal(searchAddress('/search', {}), '/search');
  assert.equal(readSearchState(searchAddress('/search', { searchId: 12 }).slice('/search'.length)).searchId, 12);
  const wrong = readSearchState('?camera=x&channel=-1&from=2026-11-22T11:00:00Z&to=2026-11-22T10:00:00Z&search=<b>');
  assert.deepEqual(wrong, { cameraId: null, channel: null, fromMs: null, toMs: null, atMs: null, searchId: null });
});

test('overlapping recordings count once', () => {
  const spans = [
    { startMs: 10, endMs: 20 },
    { startMs: 0, endMs: 12 },
    { startMs: 15, endMs: 18 },
    { startMs: 30, endMs: 31 },
  ];
  assert.equal(lengthOf(spans), 21);
});

// ── Words ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a state says what goes on, and for what a search waits', () => {
  assert.match(text.stateWords(search({ state: 'estimating' })).title, /Reads the known recordings/);
  assert.match(text.stateWords(search({ state: 'estimating', waits_for: 'turn' })).text, /Another search runs/);
  const busy = search({ waits_for: 'recorder', problem: { code: 'replay_limit', detail: 'taken' } });
  assert.match(text.stateWords(busy).text, /users come first/);
  const away = search({ waits_for: 'recorder', problem: { code: 'camera_unreachable', detail: 'x' } });
  assert.match(text.stateWords(away).text, /does not answer.*goes on when the recorder answers/);
  assert.equal(text.stateWords(search({ results: [result('10:30:00', 1)] })).text, '1 movement so far.');
});

test('the cost of the rest is told before the user decides', () => {
  const waiting = search({ state: 'waiting', estimate: { key_frames: 5400, bytes: 1_500_000_000, seconds: 372 } });
  const { title, text: words } = text.stateWords(waiting);
  assert.equal(title, 'The quick search is done');
  assert.equal(words, 'Nothing found so far. To look at the rest takes about 6 min: 5400 pictures, 1.5 GB from the recorder.');
  const own = search({ estimate: { key_frames: 1, bytes: 0, seconds: 0.2 } });
  assert.equal(text.estimateText(own), 'To look at the rest takes about 1 s: 1 picture, nothing from the recorder.');
});

test('an empty result tells how much was looked at', () => {
  const whole = text.stateWords(search({ state: 'done', progress: 1 }));
  assert.deepEqual([whole.title, whole.tone], ['Nothing moved here', '']);
  assert.match(whole.text, /looked at all 2 h that are recorded/);
  const part = search({ state: 'done', progress: 0.34, kind: 'changed', problem: { code: 'not_listed', detail: 'x' } });
  const words = text.stateWords(part);
  assert.equal(words.title, 'Nothing changed for good here');
  assert.match(words.text, /34 % of the 2 h .* was back before the end .* has not listed all/);
  const compared = text.lookedText(search({ kind: 'changed', progress: 1 }));
  assert.equal(compared, 'The server compared pictures from the begin to the end of the 2 h that are recorded.');
  const none = search({ state: 'done', recorded_s: 0, progress: 0, problem: { code: 'nothing_recorded', detail: 'x' } });
  assert.equal(text.stateWords(none).title, 'Nothing is recorded in this range');
});

test('a failed or ended search gives its reason, and keeps its results', () => {
  const failed = search({ state: 'failed', problem: { code: 'camera_auth_failed', detail: 'x' }, results: [result('10:30:00', 1)] });
  assert.match(text.stateWords(failed).text, /Wrong user name or password\..*1 movement\./);
  const ended = search({ state: 'cancelled', problem: { code: 'nobody_looks', detail: 'x' } });
  assert.match(text.stateWords(ended).text, /no page looked at it for a minute/);
  const other = search({ state: 'failed', problem: { code: 'odd', detail: 'The server’s own words.' } });
  assert.equal(text.stateWords(other).text, 'The server’s own words.');
  assert.ok(text.needsPackages(search({ problem: { code: 'vision_missing', detail: 'x' } })));
});

test('results are ordered by strength or by time', () => {
  const [a, b, c] = [result('10:00:00', 0.2), result('11:00:00', 0.9), result('11:30:00', 0.2)];
  const times = (/** @type {'strength'|'time'} */ order) => text.inOrder([a, b, c], order).map((one) => one.start_time.slice(11, 16));
  assert.deepEqual(times('strength'), ['11:00', '11:30', '10:00']);
  assert.deepEqual(times('time'), ['11:30', '11:00', '10:00']);
});

test('a result has its time, length and strength', () => {
  assert.equal(text.resultTime(result('10:00:00', 1), true, CLOCK), '12:00:00 to 12:00:32');
  assert.equal(text.resultTime(result('10:00:00', 1, 0), true, CLOCK), '12:00:00');
  assert.equal(text.resultTime(result('21:59:50', 1), false, CLOCK), '2026-11-22 23:59:50 to 2026-11-23 00:00:22');
  assert.equal(text.resultFacts(result('10:00:00', 0.9), 'moved', 0.9), '32 s, strong');
  assert.equal(text.resultFacts(result('10:00:00', 0.1, 0), 'moved', 0.1), 'weak');
  assert.equal(text.resultFacts(result('10:00:00', 0.5, 8), 'changed', 0.5), 'within 8 s, medium');
  assert.equal(text.rangeText(search(), CLOCK), '2026-11-22 12:00 to 14:00');
  assert.ok(text.isOneDay(search(), CLOCK));
  assert.ok(!text.isOneDay(search({ end_time: '2026-11-22T22:30:00Z' }), CLOCK));
});

test('costs, short states and recorded parts are words', () => {
  assert.equal(text.costText(search({ key_frames: 214, bytes: 12_000_000 })), '214 pictures, 12 MB from the recorder');
  assert.equal(text.costText(search()), '');
  assert.equal(text.shortState(search({ state: 'waiting' })), 'waits for your decision');
  assert.equal(text.shortState(search({ state: 'cancelled' })), 'ended early, no result');
  assert.equal(text.shortState(search({ state: 'done', results: [result('10:00:00', 1)] })), '1 result');
  assert.equal(text.recordedText(0, HOUR), 'Nothing is recorded in this range.');
  assert.equal(text.recordedText(HOUR - 1000, HOUR), 'All of this range is recorded.');
  assert.equal(text.recordedText(HOUR / 2, HOUR), '30 min of this range are recorded.');
});

test('results are strong or weak beside the strongest, however small', () => {
  const [far, farther] = [result('10:00:00', 0.04), result('11:00:00', 0.01)];
  const strengthOf = text.strengthIn([far, farther]);
  assert.deepEqual([far, farther].map(strengthOf), [1, 0.25]);
  assert.equal(text.strengthIn([result('10:00:00', 0)])(result('10:00:00', 0)), 0);
});

test('a question becomes the request of the API', () => {
  const startMs = Date.parse('2026-11-22T10:00:00Z');
  const body = bodyOf({ cameraId: 1, channel: 2, startMs, endMs: startMs + HOUR, points: SQUARE, kind: 'moved', source: null });
  assert.deepEqual(body.points[2], [0.6, 0.6]);
  assert.deepEqual([body.camera_id, body.start_time, body.source], [1, '2026-11-22T10:00:00.000Z', null]);
});

/** @param {number} value */
function rounded(value) {
  return Math.round(value * 1000) / 1000;
}
