// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleLimits } from '../../static/js/lib/idle-limits.js';

/** @param {Partial<{stands: boolean, isHidden: boolean, isAudible: boolean}>} facts @param {number} lengthMs */
function isDueAfter(facts, lengthMs) {
  const rest = new IdleLimits();
  const all = { stands: false, isHidden: false, isAudible: false, ...facts };
  assert.equal(rest.isDue({ nowMs: 1000, ...all }), false);
  assert.equal(rest.isDue({ nowMs: 1000 + lengthMs - 1, ...all }), false);
  return rest.isDue({ nowMs: 1000 + lengthMs, ...all });
}

const HOURS_MS = 9 * 3_600_000;

test('a player that is visible or heard never rests', () => {
  assert.equal(isDueAfter({}, HOURS_MS), false);
  assert.equal(isDueAfter({ isHidden: true, isAudible: true }, HOURS_MS), false);
});

test('a paused player rests after five minutes, a hidden one after one', () => {
  assert.equal(isDueAfter({ stands: true }, 300_000), true);
  assert.equal(isDueAfter({ stands: true, isHidden: true, isAudible: true }, 60_000), true);
  assert.equal(isDueAfter({ isHidden: true }, 60_000), true);
});

test('a return in time restarts the limits', () => {
  const rest = new IdleLimits();
  const facts = { stands: true, isHidden: false, isAudible: false };
  rest.isDue({ nowMs: 0, ...facts });
  rest.isDue({ nowMs: 299_000, ...facts, stands: false });
  assert.equal(rest.isDue({ nowMs: 301_000, ...facts }), false);
  rest.begin();
  assert.equal(rest.isDue({ nowMs: 700_000, ...facts }), false);
});
