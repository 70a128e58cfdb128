// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/http.js';
import { areaBetween, movedArea, resizedArea } from '../../static/js/lib/blur-areas.js';
import { bodyOf, sizedBodyOf } from '../../static/js/lib/exports-api.js';
import { Estimating, estimateText } from '../../static/js/lib/estimating.js';
import {
  LONGEST_MS,
  RangeMarks,
  channelProblem,
  draggedTo,
  frameOf,
  isStuck,
  lastSeconds,
  rangeAround,
  rangeProblem,
} from '../../static/js/lib/range-marks.js';

/** @typedef {import('../../static/js/lib/coverage.js').Row} Row */

const NOW_MS = Date.parse('2026-11-29T12:00:00Z');

/** @param {Partial<Row>} [more] @returns {Row} */
function row(more = {}) {
  const recorded = { state: /** @type {const} */ ('recorded'), recordingToken: 'R1', source: null, reason: null, server: null };
  const spans = [{ startMs: NOW_MS - 3_600_000, endMs: NOW_MS, ...recorded }];
  return { channel: 1, name: 'Gate', recordingToken: 'R1', spans, events: [], completeUntilMs: null, ...more };
}

test('marks keep their exact times, and tell of each change once', () => {
  const marks = new RangeMarks();
  let changes = 0;
  marks.addEventListener('marks', () => (changes += 1));
  marks.set('in', 1000.25);
  assert.deepEqual([marks.startMs, marks.endMs, marks.span, marks.isEmpty], [1000.25, null, null, false]);
  marks.set('out', 2000.5);
  assert.deepEqual(marks.span, { startMs: 1000.25, endMs: 2000.5 });
  marks.set('out', 2000.5);
  assert.equal(changes, 2);
  marks.clear();
  assert.equal(marks.isEmpty, true);
});

test('a mark beyond the other one removes that', () => {
  const marks = new RangeMarks();
  marks.setSpan({ startMs: 1000, endMs: 2000 });
  marks.set('in', 2000);
  assert.deepEqual([marks.startMs, marks.endMs], [2000, null]);
  marks.setSpan({ startMs: 1000, endMs: 2000 });
  marks.set('out', 500);
  assert.deepEqual([marks.startMs, marks.endMs], [null, 500]);
});

test('a typed time keeps the other mark, also before the typing ends', () => {
  const marks = new RangeMarks();
  marks.setSpan({ startMs: 10_000, endMs: 20_000 });
  marks.type('out', 1000);
  assert.deepEqual([marks.startMs, marks.endMs, marks.span], [10_000, 1000, null]);
  assert.match(rangeProblem(marks, NOW_MS), /later/);
  marks.type('out', 11_000);
  assert.deepEqual(marks.span, { startMs: 10_000, endMs: 11_000 });
  marks.type('in', 12_000);
  assert.deepEqual([marks.startMs, marks.endMs], [12_000, 11_000]);
});

test('a range must be whole, positive, past, and no longer than a day', () => {
  /** @param {number|null} startMs @param {number|null} endMs */
  const problem = (startMs, endMs) => rangeProblem({ startMs, endMs }, NOW_MS);
  assert.match(problem(null, null), /a start and an end/);
  assert.match(problem(null, 5), /the start/);
  assert.match(problem(5, null), /the end/);
  assert.match(problem(5, 5), /later/);
  assert.match(problem(NOW_MS - LONGEST_MS - 1, NOW_MS), /24 hours/);
  assert.match(problem(NOW_MS - 1000, NOW_MS + 1), /future/);
  assert.equal(problem(NOW_MS - LONGEST_MS, NOW_MS), '');
});

test('a row without a channel number names the reason', () => {
  assert.equal(channelProblem(row()), '');
  assert.match(channelProblem(row({ channel: null })), /no channel number/);
  assert.match(channelProblem(null), /Choose a channel/);
});

test('a dragged mark stops at the other mark and at the present', () => {
  const marked = { startMs: 1000, endMs: 2000 };
  assert.equal(draggedTo('in', 1500, marked, NOW_MS), 1500);
  assert.equal(draggedTo('in', 2500, marked, NOW_MS), 1999);
  assert.equal(draggedTo('out', 500, marked, NOW_MS), 1001);
  assert.equal(draggedTo('out', NOW_MS + 5, marked, NOW_MS), NOW_MS);
  assert.equal(draggedTo('in', 5000, { startMs: 1000, endMs: null }, NOW_MS), 5000);
});

test('a key has moved a mark only once another frame has it', () => {
  assert.equal(isStuck(1000, 1040, 1000), true, 'the frame of 1000 lasts longer than the step');
  assert.equal(isStuck(1000, 1040, 1100), false);
  assert.equal(isStuck(1100, 1060, 1100), true);
  assert.equal(isStuck(1100, 1060, 1000), false);
  assert.equal(isStuck(1040, 1040, 1000), false, 'a drag has ended inside a frame');
});

test('the frame of a mark is the first one of the range, or the last one', () => {
  assert.equal(frameOf('in', 1000), 1000);
  assert.ok(frameOf('out', 1100) < 1100);
});

test('the last seconds end at the playhead', () => {
  assert.deepEqual(lastSeconds(NOW_MS, 30), { startMs: NOW_MS - 30_000, endMs: NOW_MS });
});

test('the range of an event has a little time around it', () => {
  const at = NOW_MS - 600_000;
  const topic = 'tns1:VideoSource/MotionAlarm';
  const events = [
    { atMs: at, topic, isOn: true },
    { atMs: at + 9000, topic, isOn: false },
  ];
  const found = { kind: 'event', span: { startMs: at - 2000, endMs: at + 11_000 } };
  assert.deepEqual(rangeAround(row({ events }), at + 4000, NOW_MS), found);
  assert.deepEqual(rangeAround(row({ events }), at - 2000, NOW_MS), found, 'a step to an event leads to a moment before it');
  assert.equal(rangeAround(row({ events }), at + 60_000, NOW_MS)?.kind, 'recording');
});

test('without an event the range is the recorded span, a day at most', () => {
  const whole = { kind: 'recording', span: { startMs: NOW_MS - 3_600_000, endMs: NOW_MS } };
  assert.deepEqual(rangeAround(row(), NOW_MS - 1000, NOW_MS), whole);
  const startMs = NOW_MS - 5 * LONGEST_MS;
  const long = row({
    spans: [{ startMs, endMs: NOW_MS, state: 'recorded', recordingToken: 'R1', source: null, reason: null, server: null }],
  });
  const at = startMs + LONGEST_MS;
  assert.deepEqual(rangeAround(long, at, NOW_MS)?.span, { startMs: at, endMs: at + LONGEST_MS });
  const late = rangeAround(long, NOW_MS - 1000, NOW_MS)?.span;
  assert.deepEqual(late, { startMs: NOW_MS - LONGEST_MS, endMs: NOW_MS });
  assert.equal(rangeAround(row({ spans: [] }), NOW_MS - 1000, NOW_MS), null);
});

test('an estimate tells size, length and a lack of space', () => {
  const estimate = { seconds: 131, bytes: 66_000_000, about: true, free_bytes: 1e12 };
  assert.equal(estimateText(estimate, 131.4), 'about 66 MB');
  assert.equal(estimateText(estimate, 180), 'about 66 MB, only 2 min 11 s are recorded');
  const scarce = { ...estimate, about: false, free_bytes: 1e6 };
  assert.equal(estimateText(scarce, 131), '66 MB, too little disk space is free: 1.0 MB');
  assert.equal(estimateText({ ...estimate, seconds: 0 }, 131), 'Nothing is recorded in this range.');
});

/** Answers estimates when the test lets it. */
class SlowApi {
  /** @type {{sized: unknown, answer: (bytes: number) => void, fail: (error: Error) => void, signal: AbortSignal|undefined}[]} */
  asked = [];

  /** @param {unknown} sized @param {AbortSignal} [signal] @returns {Promise<import('../../static/js/lib/exports-api.js').Estimate>} */
  estimate(sized, signal) {
    return new Promise((resolve, reject) => {
      const answer = (/** @type {number} */ bytes) => resolve({ seconds: 1, bytes, about: false, free_bytes: 1e12 });
      this.asked.push({ sized, answer, fail: reject, signal });
    });
  }
}

const RANGE = { cameraId: 1, channel: 1, startMs: 0, endMs: 1000 };

test('only the newest range is estimated, after a pause in the changes', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const api = new SlowApi();
  const estimating = new Estimating(api);
  /** @type {string[]} */
  const texts = [];
  estimating.addEventListener('estimate', (event) => texts.push(/** @type {CustomEvent<string>} */ (event).detail));
  for (const endMs of [1000, 2000, 3000]) {
    estimating.show({ ranges: [{ ...RANGE, endMs }] });
    context.mock.timers.tick(400);
  }
  assert.equal(api.asked.length, 0, 'the range still changes');
  context.mock.timers.tick(100);
  assert.equal(api.asked.length, 1);
  estimating.show({ ranges: [{ ...RANGE, endMs: 4000 }] });
  assert.equal(api.asked[0]?.signal?.aborted, true);
  api.asked[0]?.answer(5000);
  context.mock.timers.tick(500);
  api.asked[1]?.answer(9000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(texts.at(-1), '9 kB, only 1 s are recorded');
  assert.ok(!texts.some((text) => text.startsWith('5 kB')));
});

test('an estimate that failed is asked again for the same range', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const api = new SlowApi();
  const estimating = new Estimating(api);
  /** @type {string[]} */
  const texts = [];
  estimating.addEventListener('estimate', (event) => texts.push(/** @type {CustomEvent<string>} */ (event).detail));
  estimating.show({ ranges: [RANGE] });
  context.mock.timers.tick(500);
  api.asked[0]?.fail(new ApiError('camera_unreachable', 'The recorder does not answer.'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(texts.at(-1), 'The size is not known: The recorder does not answer.');
  estimating.show({ ranges: [RANGE] });
  context.mock.timers.tick(500);
  assert.equal(api.asked.length, 2);
});

test('an export is requested as the user has chosen it', () => {
  const copy = { hasTime: false, isSmall: false, blurred: [] };
  const draft = { ranges: [{ ...RANGE, startMs: 0.6 }], format: 'mp4', name: '', notes: '', hasSubtitles: false, copy };
  assert.deepEqual(bodyOf(draft), {
    ranges: [{ camera_id: 1, channel: 1, start_time: '1970-01-01T00:00:00.001Z', end_time: '1970-01-01T00:00:01.000Z' }],
    format: 'mp4',
    notes: '',
    subtitles: false,
  });
  const area = { x: 0.1, y: 0.1, width: 0.2, height: 0.2 };
  const wanted = bodyOf({ ...draft, name: 'Gate', copy: { hasTime: true, isSmall: true, blurred: [area] } });
  assert.equal(wanted.name, 'Gate');
  assert.deepEqual(wanted.copies, [{ burn_time: true, height: 720, blur: [area] }]);
});

test('an estimate depends on the format and the working copy, too', () => {
  const copy = { hasTime: false, isSmall: false, hasBlur: false };
  const plain = sizedBodyOf({ ranges: [RANGE] });
  assert.deepEqual(Object.keys(plain), ['ranges']);
  assert.deepEqual(sizedBodyOf({ ranges: [RANGE], format: 'h264', copy }), { ...plain, format: 'h264' });
  const small = sizedBodyOf({ ranges: [RANGE], format: 'mp4', copy: { ...copy, isSmall: true } });
  assert.deepEqual(small.copies, [{ burn_time: true, height: 720 }]);
  const blurred = sizedBodyOf({ ranges: [RANGE], format: 'mp4', copy: { ...copy, hasBlur: true } });
  assert.deepEqual(blurred.copies, [{ burn_time: true, height: null }]);
});

test('a blurred area stays inside the picture', () => {
  assert.deepEqual(areaBetween({ x: 0.8, y: 0.2 }, { x: 1.4, y: -0.5 }), { x: 0.8, y: 0, width: 0.2, height: 0.2 });
  assert.equal(areaBetween({ x: 0.5, y: 0.5 }, { x: 0.501, y: 0.9 }), null);
  const area = { x: 0.7, y: 0.7, width: 0.2, height: 0.2 };
  assert.deepEqual(movedArea(area, { x: 0.5, y: -0.9 }), { ...area, x: 0.8, y: 0 });
  assert.deepEqual(resizedArea(area, { x: 0.5, y: -0.9 }), { ...area, width: 0.3, height: 0.005 });
});
