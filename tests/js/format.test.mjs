// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, bitrate, clockNote, codecName, duration, frameRate, resolution, snapshotFileName } from '../../static/js/lib/format.js';

const MOMENT = new Date(2026, 10, 23, 9, 5, 7);

test('a snapshot’s file name has camera, channel and local time', () => {
  assert.equal(snapshotFileName(['Garage', 'Gate'], MOMENT), 'Garage Gate 2026-11-23 09-05-07.jpg');
});

test('a device’s text cannot break a file name', () => {
  const name = snapshotFileName(['../../etc/passwd', 'a\u0000b<c>:"|?*\u202eexe', '...'], MOMENT);
  assert.equal(name, 'etc passwd a b c exe 2026-11-23 09-05-07.jpg');
});

test('long names are cut', () => {
  assert.ok(snapshotFileName(['x'.repeat(500)], MOMENT).length < 90);
});

test('bit rates, codecs, sizes and durations are formatted', () => {
  assert.equal(bitrate(4096), '4.1 Mbit/s');
  assert.equal(bitrate(512.4), '512 kbit/s');
  assert.equal(bitrate(null), '');
  assert.equal(codecName('hevc'), 'H.265');
  assert.equal(codecName('vp9'), 'VP9');
  assert.equal(codecName(null), '');
  assert.equal(resolution({ width: 1920, height: 1080 }), '1920 × 1080');
  assert.equal(resolution({ width: 1920, height: null }), '');
  assert.equal(frameRate(25), '25 fps');
  assert.equal(frameRate(14.985), '15 fps');
  assert.equal(duration(2.44), '2.4 s');
  assert.equal(duration(48.2), '48 s');
  assert.equal(duration(200), '3 min');
  assert.equal(duration(7300), '2 h');
  assert.equal(duration(86400 * 3), '3 days');
  assert.equal(ago(0, 3000), 'just now');
  assert.equal(ago(0, 120_000), '2 min ago');
});

test('a clock note appears only for a wrong clock', () => {
  assert.equal(clockNote(null), '');
  assert.equal(clockNote(1.2), '');
  assert.equal(clockNote(-3720), 'Clock 62 min behind');
});
