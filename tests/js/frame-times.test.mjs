// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameEndMs, seekTimeIn, frameTimesOf, videoTrackOf } from '../../static/js/lib/frame-times.js';
import { box, letters, u32, zeros } from './boxes.mjs';

/** @param {number} id @param {string} kind @param {number} timescale */
function trak(id, kind, timescale) {
  const handler = box('hdlr', zeros(8), letters(kind), zeros(12));
  return box('trak', box('tkhd', zeros(12), u32(id)), box('mdia', box('mdhd', zeros(12), u32(timescale)), handler));
}

const INIT = new Uint8Array([
  ...box('ftyp', zeros(8)),
  ...box('moov', trak(1, 'soun', 8000), trak(2, 'vide', 1000), box('mvex', box('trex', u32(0, 2, 1, 40)))),
]);
const TRACK = { id: 2, timescale: 1000, duration: 40 };

/** @param {number[]} head of the track fragment @param {number[]} run */
const segment = (head, run) =>
  new Uint8Array([
    ...box(
      'moof',
      box('traf', box('tfhd', u32(0x020000, 1)), box('tfdt', u32(0, 7))),
      box('traf', head, box('tfdt', u32(0x01000000, 0, 2000)), run),
    ),
    ...box('mdat', zeros(16)),
  ]);

test('the video track of an init section is found', () => {
  assert.deepEqual(videoTrackOf(INIT), TRACK);
  assert.equal(videoTrackOf(new Uint8Array(box('ftyp', zeros(8)))), null);
});

test('frame times are read from the durations of samples', () => {
  const run = box('trun', u32(0x701, 3, 0), u32(200, 9, 0), u32(40, 9, 0), u32(40, 9, 0));
  assert.deepEqual(frameTimesOf(segment(box('tfhd', u32(0x020000, 2)), run), TRACK), [2, 2.2, 2.24]);
});

test('frame times use default durations, and are sorted', () => {
  const run = box('trun', u32(0x01000a00, 3), u32(9, 0), u32(9, 80), u32(9, -40));
  assert.deepEqual(frameTimesOf(segment(box('tfhd', u32(0x020008, 2, 100)), run), TRACK), [2, 2.16, 2.18]);
  assert.deepEqual(frameTimesOf(segment(box('tfhd', u32(0x020000, 2)), run), TRACK), [2, 2.04, 2.12]);
});

test('truncated or other data has no frame times', () => {
  const run = box('trun', u32(0x100, 1), u32(40));
  const good = segment(box('tfhd', u32(0x020000, 2)), run);
  assert.deepEqual(frameTimesOf(good.subarray(0, 40), TRACK), []);
  assert.deepEqual(frameTimesOf(INIT, TRACK), []);
  assert.deepEqual(frameTimesOf(new Uint8Array(5), TRACK), []);
});

test('a step leads to the middle of the next or previous frame', () => {
  const times = [0, 0.2, 0.4, 0.44, 0.48];
  assert.equal(seekTimeIn(times, 0.25, 1)?.toFixed(3), '0.420');
  assert.equal(seekTimeIn(times, 0.2, -1)?.toFixed(3), '0.100');
  assert.equal(seekTimeIn(times, 0.43, -1)?.toFixed(3), '0.300');
  assert.equal(seekTimeIn(times, 0.45, 1)?.toFixed(3), '0.481');
  assert.equal(seekTimeIn(times, 0.1, -1), null);
  assert.equal(seekTimeIn(times, 0.5, 1), null);
  assert.equal(seekTimeIn(times, -1, 1), null);
});

test('a frame ends where the next one begins, unless that follows a gap', () => {
  assert.equal(frameEndMs(1000, 1100), 1100);
  for (const nextMs of [null, 61_000, 900]) {
    const endMs = frameEndMs(1000, nextMs);
    assert.ok(1000 < endMs && endMs < 1020, `${endMs} lies inside the frame`);
  }
});
