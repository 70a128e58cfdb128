// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplayRest } from '../../static/js/lib/replay-rest.js';

/** @param {Partial<{stands: boolean, isHidden: boolean, isHeard: boolean}>} facts @param {number} lengthMs */
function isDueAfter(facts, lengthMs) {
  const rest = new ReplayRest();
  const all = { stands: false, isHidden: false, isHeard: false, ...facts };
  assert.equal(rest.isDue({ nowMs: 1000, ...all }), false);
  assert.equal(rest.isDue({ nowMs: 1000 + lengthMs - 1, ...all }), false);
  return rest.isDue({ nowMs: 1000 + lengthMs, ...all });
}

const HOURS_MS = 9 * 3_600_000;

test('what plays in sight is never let go, and neither is what is heard out of sight', () => {
  assert.equal(isDueAfter({}, HOURS_MS), false);
  assert.equal(isDueAfter({ isHidden: true, isHeard: true }, HOURS_MS), false);
});

test('what stands is let go after five minutes, out of sight after one', () => {
  assert.equal(isDueAfter({ stands: true }, 300_000), true);
  assert.equal(isDueAfter({ stands: true, isHidden: true, isHeard: true }, 60_000), true);
  assert.equal(isDueAfter({ isHidden: true }, 60_000), true);
});

test('whoever comes back in time begins anew', () => {
  const rest = new ReplayRest();
  const facts = { stands: true, isHidden: false, isHeard: false };
  rest.isDue({ nowMs: 0, ...facts });
  rest.isDue({ nowMs: 299_000, ...facts, stands: false });
  assert.equal(rest.isDue({ nowMs: 301_000, ...facts }), false);
  rest.begin();
  assert.equal(rest.isDue({ nowMs: 700_000, ...facts }), false);
});
