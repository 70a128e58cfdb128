// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../../static/js/lib/backoff.js';

const attempts = [0, 1, 2, 3, 4, 5, 60, 2000];

test('the delay doubles up to its limit', () => {
  const delays = attempts.map((attempt) => backoffMs(attempt, { startMs: 1000, maxMs: 10_000 }));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000, 10_000]);
});

test('the delay before the first retry can differ', () => {
  const delays = attempts.map((attempt) => backoffMs(attempt, { firstMs: 0, startMs: 400, maxMs: 8000 }));
  assert.deepEqual(delays, [0, 400, 800, 1600, 3200, 6400, 8000, 8000]);
});

test('the jitter varies each delay by its share', () => {
  const backoff = { startMs: 1000, maxMs: 1000, jitter: 0.2 };
  const delays = [0, 0.5, 1].map((value) => backoffMs(0, backoff, () => value));
  assert.deepEqual(delays, [800, 1000, 1200]);
});
