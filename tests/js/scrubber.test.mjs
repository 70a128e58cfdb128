// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scrubber } from '../../static/js/lib/scrubber.js';

function scrubbed() {
  /** @type {number[]} */
  const went = [];
  const clock = { nowMs: 0 };
  return {
    went,
    clock,
    scrubber: new Scrubber(
      (/** @type {number} */ place) => went.push(place),
      () => clock.nowMs,
    ),
  };
}

test('a drag seeks to the newest place after each shown frame', () => {
  const { went, scrubber } = scrubbed();
  for (let place = 1; place <= 5; place += 1) scrubber.to(place);
  assert.deepEqual(went, [1]);
  scrubber.shown();
  assert.deepEqual(went, [1, 5]);
  scrubber.shown();
  scrubber.to(6);
  assert.deepEqual(went, [1, 5, 6]);
});

test('a missing frame delays a drag by two seconds at most', () => {
  const { went, clock, scrubber } = scrubbed();
  scrubber.to(1);
  clock.nowMs = 1900;
  scrubber.to(2);
  assert.deepEqual(went, [1]);
  clock.nowMs = 2100;
  scrubber.to(3);
  assert.deepEqual(went, [1, 3]);
});

test('no seek follows the end of a drag', () => {
  const { went, scrubber } = scrubbed();
  scrubber.to(1);
  scrubber.to(2);
  scrubber.end();
  scrubber.shown();
  assert.deepEqual(went, [1]);
});
