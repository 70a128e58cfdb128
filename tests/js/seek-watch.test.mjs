// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeekWatch } from '../../static/js/lib/seek-watch.js';

/** Return when seeks are repeated that would end `needsMs` after their begin. @param {number} needsMs */
function repeats(needsMs) {
  const watch = new SeekWatch(0);
  const found = [];
  for (let nowMs = 0, endsMs = needsMs; nowMs < 200_000; nowMs += 50) {
    if (watch.isStuck(nowMs < endsMs, nowMs)) {
      found.push(nowMs);
      endsMs = nowMs + needsMs;
    }
  }
  return found;
}

test('a short seek is left alone', () => {
  assert.deepEqual(repeats(1900), []);
});

test('a seek that needs many seconds comes to its end', () => {
  assert.deepEqual(repeats(7000), [2000, 6000]);
  assert.deepEqual(repeats(30_000), [2000, 6000, 14_000, 30_000]);
});

test('a seek that never ends is repeated again and again', () => {
  assert.deepEqual(repeats(Infinity).slice(0, 3), [2000, 6000, 14_000]);
  assert.ok(repeats(Infinity).length >= 6);
});

test('after a seek that ended the next one gets its first try early', () => {
  const watch = new SeekWatch(0);
  assert.ok(watch.isStuck(true, 2000));
  assert.ok(!watch.isStuck(false, 2050));
  assert.ok(watch.isStuck(true, 4050));
});
