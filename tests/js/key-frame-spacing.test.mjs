// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyFrameSpacing } from '../../static/js/lib/key-frame-spacing.js';
import { limitText, rungText } from '../../static/js/lib/quality-text.js';
import { StallWatch } from '../../static/js/lib/stall-watch.js';
import { tileBadge } from '../../static/js/lib/tile-facts.js';

test('the spacing is measured, and a gap of the stream does not count', () => {
  const spacing = new KeyFrameSpacing();
  assert.equal(spacing.seconds, 2);
  spacing.note(100);
  spacing.note(104);
  assert.equal(spacing.seconds, 4);
  spacing.note(900);
  spacing.note(1);
  assert.equal(spacing.seconds, 4);
  spacing.note(2);
  assert.equal(spacing.seconds, 1);
});

test('a spacing that varies a little is one spacing', () => {
  const spacing = new KeyFrameSpacing();
  const seen = new Set();
  let atS = 0;
  for (const eachS of [1.5, 1.4, 1.6, 1.45, 1.7, 1.3, 4, 1.5, 1.55, 1.4]) {
    spacing.note((atS += eachS));
    if (atS > 3) seen.add(rungText('keys', spacing.seconds));
  }
  assert.equal(seen.size, 1, String([...seen]));
});

test('pictures that come seconds apart are no stall, and their end is one', () => {
  const watch = new StallWatch();
  watch.begin(0);
  let frames = 0;
  /** @param {number} nowMs */
  const look = (nowMs) => watch.look({ nowMs, timeS: frames, frames, isReady: true, isStopped: false, isHidden: false, spacingS: 4 });
  for (let nowMs = 0; nowMs <= 20_000; nowMs += 250) {
    frames = Math.floor(nowMs / 4000);
    const { stalledS, step } = look(nowMs);
    assert.deepEqual([stalledS, step], [0, 'none']);
  }
  assert.equal(watch.isMoving, true);
  for (let nowMs = 20_250; nowMs < 27_000; nowMs += 250) look(nowMs);
  assert.equal(look(27_000).stalledS, 3);
  assert.equal(watch.isMoving, false);
  for (let nowMs = 27_250; nowMs < 28_000; nowMs += 250) look(nowMs);
  assert.equal(look(28_000).step, 'edge');
});

test('the texts say how many pictures come', () => {
  assert.equal(rungText('keys', 2.04), '1 picture / 2 s');
  assert.equal(rungText('keys', 0.4), '1 picture / 1 s');
  assert.equal(rungText('keys', 2, true), '1 picture / 2 s, no sound');
  assert.equal(limitText({ rung: 'keys', why: 'link', kbps: null }, 2, true), '1 picture / 2 s, no sound: the link is slow');
  assert.equal(limitText({ rung: 'phone', why: 'link', kbps: 350 }), 'Small video: the link carries 350 kbit/s');
  assert.equal(limitText({ rung: 'phone', why: 'link', kbps: null }, 0, true), 'Small video, no sound: the link is slow');
  assert.equal(limitText({ rung: 'keys', why: 'link', kbps: 310 }, 2), '1 picture / 2 s: the link carries 310 kbit/s');
  assert.equal(limitText({ rung: 'sub', why: 'link', kbps: null }), 'Sub: the link is slow');
  assert.equal(limitText({ rung: 'keys', why: 'busy', kbps: null }, 2), '1 picture / 2 s: this device is busy');
});

test('a picture between two key frames is not late', () => {
  const view = /** @type {any} */ ({ phase: 'playing', transport: 'socket' });
  const about = { behindS: 3.1, stalledS: 0, isActive: true, isPaused: false };
  assert.equal(tileBadge(view, about).tone, 'late');
  assert.equal(tileBadge(view, { ...about, spacingS: 2 }).tone, 'live');
});
