// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionState } from '../../static/js/lib/session-state.js';

const PROBLEM = { code: 'stream_limit', detail: 'full' };

function failed() {
  const state = new SessionState();
  state.request = { cameraId: 1 };
  state.beginStart();
  Object.assign(state, { problem: PROBLEM, usedBy: ['camera1_a'], retryAtMs: 5, isShown: true, stalledS: 9 });
  return state;
}

test('a new start keeps the request and forgets the rest', () => {
  const state = failed();
  const { startNumber } = state;
  assert.equal(state.phase, 'failed');
  state.beginStart();
  assert.deepEqual(state.view, {
    phase: 'connecting',
    problem: null,
    usedBy: [],
    stream: null,
    playlistUrl: null,
    startNumber: startNumber + 1,
    retryAtMs: null,
    stalledS: 0,
    shown: false,
    isOffline: false,
    hasAudio: null,
    isAudioRefused: false,
  });
  assert.ok(state.isWanted);
});

test('clear forgets the request, too, and ends the start', () => {
  const state = failed();
  const { startNumber } = state;
  state.clear();
  assert.deepEqual([state.phase, state.isWanted, state.startNumber], ['idle', false, startNumber + 1]);
});

test('a solved problem leaves no users and no next try', () => {
  const state = failed();
  state.clearProblem();
  assert.deepEqual([state.problem, state.usedBy, state.retryAtMs], [null, [], null]);
});

test('the picture of the previous start counts as playing', () => {
  const state = failed();
  state.beginStart();
  state.showsPrevious = true;
  assert.deepEqual([state.phase, state.view.shown], ['playing', false]);
  state.stream = /** @type {import('../../static/js/lib/api.js').Stream} */ ({ status: 'running' });
  state.stalledS = 3;
  assert.equal(state.phase, 'stalled');
});

test('a waiting start is queued unless the previous picture plays', () => {
  const state = failed();
  state.beginStart();
  state.isQueued = true;
  assert.equal(state.phase, 'queued');
  state.showsPrevious = true;
  assert.equal(state.phase, 'playing');
  state.beginStart();
  state.showsPrevious = false;
  assert.equal(state.phase, 'connecting');
});
