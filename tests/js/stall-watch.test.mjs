// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from '../../static/js/lib/stall-watch.js';

/** A watch whose picture moves: it has seen the frames 1 and 2 in the first second. */
function moving() {
  const watch = new StallWatch();
  watch.begin(0);
  const sample = { nowMs: 0, timeS: 0, frames: /** @type {number|null} */ (1), isReady: true, isStopped: false, isHidden: false };
  watch.look(sample);
  const seen = watch.look({ ...sample, nowMs: 1000, timeS: 1, frames: 2 });
  return { watch, seen, sample: { ...sample, nowMs: 1000, timeS: 1, frames: /** @type {number|null} */ (2) } };
}

/**
 * Look every 250 ms after `fromMs`, as the player does. Return the last look.
 *
 * @param {StallWatch} watch @param {import('../../static/js/lib/stall-watch.js').Sample} sample @param {number} fromMs @param {number} toMs
 */
function lookUntil(watch, sample, fromMs, toMs) {
  for (let nowMs = fromMs + 250; nowMs < toMs; nowMs += 250) watch.look({ ...sample, nowMs });
  return watch.look({ ...sample, nowMs: toMs });
}

test('a picture moves with its second frame', () => {
  const { watch, seen, sample } = moving();
  assert.deepEqual(seen, { moves: true, isFirst: true, stalledS: 0, step: 'none' });
  assert.equal(watch.isMoving, true);
  assert.equal(watch.look({ ...sample, nowMs: 2000, frames: 3 }).isFirst, false);
});

test('the time decides if the browser does not count frames', () => {
  for (const more of [{ frames: null }, { isHidden: true }]) {
    const { watch, sample } = moving();
    watch.look({ ...sample, ...more });
    assert.equal(watch.look({ ...sample, ...more, nowMs: 2000 }).moves, false);
    assert.equal(watch.look({ ...sample, ...more, nowMs: 3000, timeS: 1.5 }).moves, true);
  }
});

test('a video without a frame, or paused by the browser, does not move', () => {
  for (const more of [{ isReady: false }, { isStopped: true }]) {
    const { watch, sample } = moving();
    assert.equal(watch.look({ ...sample, ...more, nowMs: 2000, frames: 3 }).moves, false);
  }
});

test('each step of help is taken once per stall', () => {
  const { watch, sample } = moving();
  /** @type {[number, string][]} */
  const steps = [];
  for (let nowMs = 1000; nowMs <= 60_000; nowMs += 250) {
    const { step, stalledS } = watch.look({ ...sample, nowMs });
    if (step !== 'none') steps.push([stalledS, step]);
    if (step === 'reload') watch.beginReload();
  }
  assert.deepEqual(steps, [
    [4, 'edge'],
    [9, 'reload'],
    [21, 'restart'],
    [33, 'restart'],
    [45, 'restart'],
    [57, 'restart'],
  ]);
  watch.look({ ...sample, nowMs: 61_000, frames: 9 });
  assert.equal(lookUntil(watch, { ...sample, frames: 9 }, 61_000, 65_000).step, 'edge');
});

test('a sleep and a clock that is set are no stall', () => {
  for (const jumpMs of [6000, 3_600_000, -3_600_000]) {
    const { watch, sample } = moving();
    const after = watch.look({ ...sample, nowMs: 1250 + jumpMs });
    assert.equal(after.step, 'none', `${jumpMs}`);
    assert.ok(after.stalledS <= 2.25, `${after.stalledS}`);
    /** @type {string[]} */
    const steps = [];
    for (let nowMs = 1500; nowMs <= 5500; nowMs += 250) steps.push(watch.look({ ...sample, nowMs: nowMs + jumpMs }).step);
    assert.ok(steps.includes('edge'), 'a stall after it is noticed');
  }
});

test('frames that a help shows again are no movement', () => {
  const { watch, sample } = moving();
  assert.equal(lookUntil(watch, sample, 1000, 5000).step, 'edge');
  assert.deepEqual(watch.look({ ...sample, nowMs: 5250, timeS: 0.8, frames: 5 }), {
    moves: false,
    isFirst: false,
    stalledS: 4.25,
    step: 'none',
  });
  assert.equal(watch.look({ ...sample, nowMs: 5500, timeS: 1, frames: 6 }).moves, false);
  assert.equal(watch.look({ ...sample, nowMs: 5750, timeS: 1.04, frames: 7 }).moves, true, 'a new frame');
});

test('a picture that goes on after a help at an earlier time moves', () => {
  const { watch, sample } = moving();
  assert.equal(lookUntil(watch, sample, 1000, 5000).step, 'edge');
  assert.equal(watch.look({ ...sample, nowMs: 6500, timeS: 0.3, frames: 30 }).moves, false);
  assert.equal(watch.look({ ...sample, nowMs: 7000, timeS: 0.8, frames: 42 }).moves, true);
});

test('a picture that stands for two seconds no longer counts as moving', () => {
  const { watch, sample } = moving();
  lookUntil(watch, sample, 1000, 2900);
  assert.equal(watch.isMoving, true);
  watch.look({ ...sample, nowMs: 3100 });
  assert.equal(watch.isMoving, false);
});

test('an excused wait is no stall', () => {
  const { watch, sample } = moving();
  watch.excuse(50_000);
  assert.deepEqual(lookUntil(watch, sample, 50_000, 51_000).stalledS, 1);
});

test('a page that looks less often waits longer for its frames', () => {
  const { watch, sample } = moving();
  const stalled = [4000, 6000, 8000].map((nowMs) => {
    watch.look({ ...sample, nowMs: nowMs - 1000 });
    return watch.look({ ...sample, nowMs }).stalledS;
  });
  assert.deepEqual(stalled, [1, 2, 3]);
});

test('a hidden page, which looks once a second, waits no longer', () => {
  const { watch, sample } = moving();
  for (let nowMs = 2000; nowMs < 5000; nowMs += 1000) watch.look({ ...sample, isHidden: true, nowMs });
  assert.equal(watch.look({ ...sample, isHidden: true, nowMs: 5000 }).stalledS, 4);
});

test('there is no help before the first frame', () => {
  const watch = new StallWatch();
  watch.begin(0);
  const sample = { nowMs: 0, timeS: 0, frames: 0, isReady: false, isStopped: false, isHidden: false };
  const seen = lookUntil(watch, sample, 0, 30_000);
  assert.deepEqual([seen.stalledS, seen.step], [30, 'none']);
});
