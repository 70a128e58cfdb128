// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleLimits } from '../../static/js/lib/idle-limits.js';

/** @param {Partial<{isPaused: boolean, isHidden: boolean, isAudible: boolean}>} facts @param {number} lengthMs */
function isExceededAfter(facts, lengthMs) {
  const limits = new IdleLimits();
  const all = { isPaused: false, isHidden: false, isAudible: false, ...facts };
  assert.equal(limits.isExceeded({ nowMs: 1000, ...all }), false);
  assert.equal(limits.isExceeded({ nowMs: 1000 + lengthMs - 1, ...all }), false);
  return limits.isExceeded({ nowMs: 1000 + lengthMs, ...all });
}

const HOURS_MS = 9 * 3_600_000;

test('a player that is visible or heard is never idle', () => {
  assert.equal(isExceededAfter({}, HOURS_MS), false);
  assert.equal(isExceededAfter({ isHidden: true, isAudible: true }, HOURS_MS), false);
});

test('a paused player is idle after five minutes, a hidden one after one', () => {
  assert.equal(isExceededAfter({ isPaused: true }, 300_000), true);
  assert.equal(isExceededAfter({ isPaused: true, isHidden: true, isAudible: true }, 60_000), true);
  assert.equal(isExceededAfter({ isHidden: true }, 60_000), true);
});

test('a return in time restarts the limits', () => {
  const limits = new IdleLimits();
  const facts = { isPaused: true, isHidden: false, isAudible: false };
  limits.isExceeded({ nowMs: 0, ...facts });
  limits.isExceeded({ nowMs: 299_000, ...facts, isPaused: false });
  assert.equal(limits.isExceeded({ nowMs: 301_000, ...facts }), false);
  limits.restart();
  assert.equal(limits.isExceeded({ nowMs: 700_000, ...facts }), false);
});
