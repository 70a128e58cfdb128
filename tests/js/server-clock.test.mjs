// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock } from '../../static/js/lib/server-clock.js';

/** Return the Date header of a server whose clock is `offset` ahead. @param {number} ourMs @param {number} offset */
const headerAt = (ourMs, offset) => new Date(Math.floor((ourMs + offset) / 1000) * 1000).toUTCString();

test('equal clocks have the offset zero in spite of whole seconds', () => {
  const clock = new ServerClock();
  for (let at = 1_000_000; at < 1_010_000; at += 370) clock.observe(headerAt(at, 0), at - 5, at + 5);
  assert.equal(clock.offsetMs, 0);
  assert.equal(clock.nowMs(5000), 5000);
});

test('an offset is found within the width of one response', () => {
  const clock = new ServerClock();
  for (let at = 1_000_000; at < 1_030_000; at += 370) clock.observe(headerAt(at, 42_345), at - 20, at + 20);
  assert.ok(Math.abs(clock.offsetMs - 42_345) < 60, `${clock.offsetMs}`);
});

test('a clock that was set is measured again', () => {
  const clock = new ServerClock();
  for (let at = 1_000_000; at < 1_010_000; at += 370) clock.observe(headerAt(at, 60_000), at, at);
  for (let at = 2_000_000; at < 2_020_000; at += 370) clock.observe(headerAt(at, -3000), at, at);
  assert.ok(Math.abs(clock.offsetMs + 3000) < 60, `${clock.offsetMs}`);
});

test('a response without a date changes nothing', () => {
  const clock = new ServerClock();
  clock.observe(null, 0, 10);
  clock.observe('yesterday', 0, 10);
  assert.equal(clock.offsetMs, 0);
});
