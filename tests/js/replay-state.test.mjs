// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplayState } from '../../static/js/lib/replay-state.js';

const START = Date.parse('2026-11-22T02:00:00Z');
const PLACE = { cameraId: 1, recordingToken: 'R1', atMs: START };
const PROBLEM = { code: 'camera_busy', detail: '' };
const FACTS = {
  nowMs: 0,
  problem: null,
  isBusy: false,
  isPending: false,
  isStopped: false,
  isAtEnd: false,
  waitsForRecording: false,
};

/** @param {ReplayState} state @param {Partial<import('../../static/js/lib/replay-state.js').Facts>} [more] */
function phase(state, more = {}) {
  state.update({ ...FACTS, ...more });
  return state.phase;
}

/** @param {{exact?: boolean, isPaused?: boolean}} [how] */
function opened({ exact = false, isPaused = false } = {}) {
  const state = new ReplayState();
  state.go(PLACE, { nowMs: 0, isPaused, isLoaded: false, exact });
  state.loaded(START, 0);
  return state;
}

/** A state that has shown the frames of the first second. */
function playing() {
  const state = opened();
  state.observe({ nowMs: 0, timeS: 0, frameMs: START });
  state.observe({ nowMs: 1000, timeS: 1, frameMs: START + 1000 });
  return state;
}

test('the phase goes from idle over loading to playing', () => {
  const state = new ReplayState();
  assert.equal(phase(state), 'idle');
  state.go(PLACE, { nowMs: 0, isPaused: false, isLoaded: false, exact: false });
  assert.equal(phase(state), 'loading');
  state.loaded(START, 0);
  assert.equal(phase(state), 'loading');
  state.observe({ nowMs: 100, timeS: 0, frameMs: START });
  assert.equal(phase(state, { nowMs: 100 }), 'playing');
  assert.equal(phase(state, { nowMs: 100, isPending: true }), 'loading');
  state.close(200);
  assert.deepEqual([phase(state), state.atMs], ['idle', null]);
});

test('a picture that does not move has stalled or caught up', () => {
  const state = playing();
  assert.equal(phase(state, { nowMs: 2000 }), 'playing');
  assert.equal(phase(state, { nowMs: 4000 }), 'stalled');
  assert.equal(phase(state, { nowMs: 2000, waitsForRecording: true }), 'caught-up');
});

test('a player that has caught up plays at 1x until another speed', () => {
  const state = playing();
  state.speed = 4;
  assert.equal(state.rate(false), 4);
  assert.equal(state.rate(true), 1);
  phase(state, { nowMs: 2000, waitsForRecording: true });
  assert.equal(state.rate(false), 1);
  state.speed = 2;
  assert.equal(state.rate(false), 2);
  state.speed = 3;
  assert.equal(state.speed, 1);
});

test('loaded media plays on before a problem is shown', () => {
  const state = playing();
  assert.equal(phase(state, { nowMs: 1500, problem: PROBLEM }), 'playing');
  assert.equal(phase(state, { nowMs: 1800, problem: PROBLEM }), 'problem');
});

test('a broken player is active again once the picture moves', () => {
  const state = playing();
  state.break(PROBLEM);
  assert.deepEqual([phase(state, { nowMs: 1100 }), state.problem], ['broken', PROBLEM]);
  assert.equal(phase(state, { nowMs: 1100, isBusy: true }), 'playing');
  state.observe({ nowMs: 1200, timeS: 1.2, frameMs: START + 1200 });
  assert.deepEqual([phase(state, { nowMs: 1200 }), state.problem], ['playing', null]);
});

test('an exact frame is awaited for a limited time', () => {
  const state = opened({ exact: true });
  assert.deepEqual([state.exactMs, state.request?.atMs], [START, START]);
  state.observe({ nowMs: 100, timeS: 0, frameMs: START - 2000 });
  assert.equal(phase(state, { nowMs: 100 }), 'loading');
  assert.equal(state.isExactOverdue(8000), false);
  assert.equal(state.isExactOverdue(8100), true);
});

test('without an exact frame the place moves to the first one', () => {
  const state = new ReplayState();
  state.go(PLACE, { nowMs: 0, isPaused: false, isLoaded: false, exact: false });
  state.loaded(START - 1500, 0);
  assert.equal(state.atMs, START - 1500);
});

test('a place that is loaded is shown immediately', () => {
  const state = playing();
  state.go({ ...PLACE, atMs: START + 500 }, { nowMs: 1100, isPaused: true, isLoaded: true, exact: true });
  assert.deepEqual([state.atMs, state.exactMs, phase(state, { nowMs: 1100 })], [START + 500, null, 'paused']);
});

test('a jump of the time between two frames is a gap, a seek is none', () => {
  const state = playing();
  const gap = state.observe({ nowMs: 1200, timeS: 1.2, frameMs: START + 600_000 });
  assert.deepEqual(gap.gap, { fromMs: START + 1000, toMs: START + 600_000 });
  assert.equal(state.observe({ nowMs: 1400, timeS: 30, frameMs: START + 900_000 }).gap, null);
  assert.equal(state.observe({ nowMs: 1600, timeS: 29, frameMs: START }).gap, null);
});

test('a frame is first, new or unmoved', () => {
  const state = opened();
  const look = (/** @type {number} */ timeS) => {
    const { isFirst, isNew, hasMoved } = state.observe({ nowMs: 0, timeS, frameMs: START + timeS * 1000 });
    return [isFirst, isNew, hasMoved];
  };
  assert.deepEqual(
    [look(0), look(0), look(0.2)],
    [
      [true, true, true],
      [false, false, false],
      [false, true, true],
    ],
  );
});

test('the Play button does what fits the state', () => {
  const facts = { hasProblem: false, isStopped: false };
  assert.equal(new ReplayState().playAction(facts), 'choose');
  const state = playing();
  phase(state, { nowMs: 1100 });
  assert.equal(state.playAction(facts), 'pause');
  assert.equal(state.playAction({ ...facts, isStopped: true }), 'play');
  assert.equal(state.playAction({ ...facts, hasProblem: true }), 'retry');
  state.suspend(null);
  phase(state);
  assert.equal(state.playAction(facts), 'wake');
  const loading = opened();
  phase(loading);
  assert.equal(loading.playAction({ ...facts, isStopped: true }), 'pause');
  loading.setPaused(true, 0);
  assert.equal(loading.playAction({ ...facts, isStopped: true }), 'play');
});

test('a recording that has ended can be extended, or left by a step', () => {
  const state = playing();
  assert.equal(phase(state, { isAtEnd: true }), 'ended');
  state.end();
  assert.equal(phase(state), 'ended');
  assert.equal(state.playAction({ hasProblem: false, isStopped: true }), 'extend');
  state.suspend(null);
  assert.equal(phase(state), 'ended');
  state.isSuspended = false;
  state.leaveEnd();
  assert.equal(phase(state, { nowMs: 1100 }), 'playing');
});

test('owed steps are counted up to a limit, until the player plays', () => {
  const state = playing();
  for (const direction of /** @type {(1|-1)[]} */ ([-1, -1, 1, -1])) state.oweStep(direction);
  assert.equal(state.owedSteps, -2);
  for (let press = 0; press < 99; press += 1) state.oweStep(-1);
  assert.equal(state.owedSteps, -10);
  state.setPaused(false, 0);
  assert.equal(state.owedSteps, 0);
  state.oweStep(1);
  state.go(PLACE, { nowMs: 0, isPaused: true, isLoaded: false, exact: true });
  assert.equal(state.owedSteps, 0);
});

test('a suspended player keeps its frame and counts as paused', () => {
  const state = playing();
  state.suspend(START + 1040);
  assert.deepEqual([phase(state, { nowMs: 1100 }), state.atMs, state.isSuspended], ['paused', START + 1040, true]);
  state.go(PLACE, { nowMs: 2000, isPaused: false, isLoaded: false, exact: true });
  assert.equal(state.isSuspended, false);
});
