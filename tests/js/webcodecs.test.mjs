// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeQueue } from '../../static/js/lib/decode-queue.js';
import { EngineChoice, engineFact } from '../../static/js/lib/engine-choice.js';
import { avcTrackOf, samplesOf } from '../../static/js/lib/fragment-samples.js';
import { GroupOfFrames } from '../../static/js/lib/group-of-frames.js';
import { mostReordered } from '../../static/js/lib/h264-reordering.js';
import { ShownClock, ShownFrames } from '../../static/js/lib/shown-frames.js';
import { box } from './boxes.mjs';
import { fragmentOf, initOf, nal, sps } from './h264.mjs';

// ── Parameter sets ─────────────────────────────────────────────────────────────────────────────────────────────────

test('the SPS says how many frames may be reordered', () => {
  for (const profile of [77, 100]) {
    assert.equal(mostReordered(sps({ profile, reordered: 0 })), 0);
    assert.equal(mostReordered(sps({ profile, reordered: 2 })), 2);
    assert.equal(mostReordered(sps({ profile, reordered: 2, hasTiming: false })), 2);
  }
});

test('an SPS without bitstream_restriction does not say it', () => {
  assert.equal(mostReordered(sps()), null);
  assert.equal(mostReordered(new Uint8Array([0x67, 77])), null);
  assert.equal(mostReordered(sps({ reordered: 2 }).subarray(0, 12)), null);
});

test('Baseline and picture order count type 2 have no reordering', () => {
  assert.equal(mostReordered(sps({ profile: 66 })), 0);
  assert.equal(mostReordered(sps({ orderKind: 2 })), 0);
});

// ── Samples ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('the H.264 track of an init section is found', () => {
  const set = sps({ profile: 100 });
  const track = avcTrackOf(initOf(set));
  assert.equal(track?.codec, 'avc1.64001e');
  assert.deepEqual(track?.sps, set);
  assert.deepEqual([track?.trackId, track?.timescale, track?.lengthBytes], [1, 90_000, 4]);
  assert.equal(avcTrackOf(new Uint8Array(box('ftyp', 0))), null);
});

/** @param {number[]} bytes */
const samplesIn = (bytes) => samplesOf(new Uint8Array(bytes), /** @type {any} */ (avcTrackOf(initOf())));

test('each fragment of a message gives its sample, in order', () => {
  const bytes = [...fragmentOf({ timeS: 2, isKey: true, data: [...nal(6), ...nal(5)] }), ...fragmentOf({ timeS: 2.04, offset: 900 })];
  const samples = samplesIn(bytes) ?? [];
  assert.deepEqual(
    samples.map(({ timeUs, isKey, isIdr, data }) => [timeUs, isKey, isIdr, data.length]),
    [
      [2_000_000, true, true, 18],
      [2_050_000, false, false, 9],
    ],
  );
});

test('a key frame without an IDR slice is told apart', () => {
  assert.equal(samplesIn(fragmentOf({ isKey: true, data: nal(1) }))?.[0]?.isIdr, false);
});

test('fragments of another track give no samples', () => {
  assert.deepEqual(samplesIn(fragmentOf({ trackId: 2 })), []);
});

test('damaged fragments give null', () => {
  const whole = fragmentOf({ isKey: true });
  assert.equal(samplesIn(whole.slice(0, -2)), null);
  assert.equal(samplesIn(whole.slice(0, 60)), null);
  assert.equal(samplesIn(fragmentOf({ data: [0, 0, 0, 90, 5, 1] })), null);
  assert.equal(samplesIn(fragmentOf({ data: [0, 0] })), null);
});

test('fragments damaged at any place throw nothing', () => {
  const whole = [...fragmentOf({ isKey: true }), ...fragmentOf({ timeS: 0.04 })];
  for (let end = 0; end < whole.length; end += 1) samplesIn(whole.slice(0, end));
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    samplesIn(whole.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
  }
});

test('a last box that is too short for its fields is damage', () => {
  const short = [
    box('moof', box('traf', box('tfdt', 0, 0, 0, 0), box('tfhd', 0, 0, 0, 0))),
    box('moof', box('traf', box('tfhd', [0, 0, 0, 0, 0, 0, 0, 1]), box('tfdt', [0, 0, 0, 0, 0, 0, 0, 1]), box('trun', 0, 0))),
  ];
  for (const bytes of short) assert.equal(samplesIn(bytes), null);
});

// ── Queue ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A decoder's queue, and a clock for both. */
class Fed {
  queue = new DecodeQueue();
  nowMs = 0;
  frame = 0;

  /** @param {{isKey?: boolean, queued?: number, afterMs?: number, timeUs?: number}} [what] */
  feed({ isKey = false, queued = 0, afterMs = 40, timeUs } = {}) {
    this.nowMs += afterMs;
    this.frame += 1;
    return this.queue.next({ isKey, timeUs: timeUs ?? this.frame * 40_000 }, queued, this.nowMs);
  }

  get giveUp() {
    return this.queue.giveUp(this.nowMs);
  }
}

test('decoding begins with a key frame', () => {
  const fed = new Fed();
  assert.deepEqual([fed.feed(), fed.feed({ isKey: true }), fed.feed(), fed.feed({ isKey: true })], ['skip', 'begin', 'decode', 'decode']);
});

test('the burst at the start is decoded whole', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  for (let queued = 1; queued < 100; queued += 1) assert.equal(fed.feed({ queued, afterMs: 1 }), 'decode');
  for (let queued = 100; queued > 3; queued -= 4) assert.equal(fed.feed({ queued }), 'decode');
});

test('a network that was blocked for a moment drops nothing', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  fed.feed();
  for (const queued of [1, 2, 3, 4, 5, 6, 5, 4, 3]) assert.equal(fed.feed({ queued }), 'decode');
});

test('a queue that stays long is dropped up to the next key frame', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  fed.feed({ afterMs: 600 });
  const steps = Array.from({ length: 20 }, () => fed.feed({ queued: 4 }));
  assert.deepEqual([steps[0], steps[12], steps[14], steps.at(-1)], ['decode', 'decode', 'skip', 'skip']);
  assert.equal(fed.feed({ isKey: true, queued: 0 }), 'begin');
  assert.equal(fed.feed(), 'decode');
  assert.equal(fed.giveUp, null);
});

test('a key frame replaces a queue that is too long', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  for (let queued = 1; queued < 30; queued += 1) fed.feed({ queued, afterMs: 1 });
  assert.equal(fed.feed({ isKey: true, queued: 30, afterMs: 1 }), 'begin');
});

test('several groups of frames after a sleep count as one loss', () => {
  const fed = new Fed();
  for (let group = 0; group < 8; group += 1) {
    fed.feed({ isKey: true, queued: group && 20, afterMs: 1 });
    for (let queued = 1; queued < 20; queued += 1) fed.feed({ queued, afterMs: 1 });
  }
  assert.equal(fed.giveUp, null);
});

test('a decoder that is late again and again is given up', () => {
  const fed = new Fed();
  for (let loss = 0; loss < 4; loss += 1) {
    assert.equal(fed.giveUp, null);
    fed.feed({ isKey: true, queued: 0, afterMs: 2000 });
    fed.feed({ afterMs: 600 });
    for (let frame = 0; frame < 20; frame += 1) fed.feed({ queued: 4 });
  }
  assert.equal(fed.giveUp, 'slow');
});

test('the third failure of a decoder in a minute is the last one', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  for (const expected of [null, null, 'error']) {
    fed.queue.failed(fed.nowMs);
    assert.equal(fed.giveUp, expected);
    assert.equal(fed.feed(), 'skip');
    assert.equal(fed.feed({ isKey: true }), 'begin');
  }
});

test('failures that lie far apart are no reason to give up', () => {
  const fed = new Fed();
  for (let hour = 0; hour < 5; hour += 1) {
    fed.nowMs += 3_600_000;
    fed.queue.failed(fed.nowMs);
    assert.equal(fed.giveUp, null);
  }
});

test('a key frame that does not come is a reason to give up', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  fed.queue.awaitKey();
  fed.feed();
  fed.feed({ afterMs: 3900 });
  assert.equal(fed.giveUp, null);
  fed.feed({ afterMs: 200 });
  assert.equal(fed.giveUp, 'no_key');
});

test('frames in another order are found, unlike a clock that is set back', () => {
  const fed = new Fed();
  fed.feed({ isKey: true });
  for (const timeUs of [100, 60, 80, 90, 110].map((ms) => ms * 1000)) fed.feed({ timeUs });
  assert.equal(fed.giveUp, null);
  for (const timeUs of [300, 260, 280, 400, 360].map((ms) => ms * 1000)) fed.feed({ timeUs });
  assert.equal(fed.giveUp, 'reordered');
});

test('frames that are decoded again after a hidden tab are no B-frames', () => {
  const fed = new Fed();
  for (let change = 0; change < 6; change += 1) {
    fed.queue.awaitKey();
    fed.queue.excuse();
    for (let frame = 0; frame < 8; frame += 1) fed.feed({ isKey: frame === 0, timeUs: (frame + change) * 200_000 });
    assert.equal(fed.giveUp, null);
  }
});

// ── Shown frames ───────────────────────────────────────────────────────────────────────────────────────────────────

test('live, every decoded frame is shown', () => {
  const shown = new ShownFrames();
  for (let frame = 0; frame < 10; frame += 1) {
    shown.decoding(frame);
    assert.ok(shown.isShown(frame, frame * 40));
  }
});

test('of a burst the first, some and the last frames are shown', () => {
  const shown = new ShownFrames();
  for (let frame = 0; frame < 40; frame += 1) shown.decoding(frame);
  const seen = Array.from({ length: 40 }, (_, frame) => frame).filter((frame) => shown.isShown(frame, frame * 10));
  assert.deepEqual(seen, [0, 15, 30, 36, 37, 38, 39]);
});

test('a sample without a frame does not make later frames old', () => {
  const shown = new ShownFrames();
  for (let frame = 0; frame < 10; frame += 1) {
    shown.decoding(frame);
    if (frame % 2) assert.ok(shown.isShown(frame, frame));
  }
});

test('a shown frame has the time at which it arrived at the server', () => {
  const clock = new ShownClock();
  const how = { isMoving: true, reportMs: 150 };
  clock.stamp(2, 10_000);
  assert.equal(clock.dateMs(0, how), null);
  clock.shown(2_400_000, 50_000);
  clock.stamp(9, null);
  assert.equal(clock.dateMs(50_000, how), 10_400);
  assert.equal(clock.dateMs(50_100, how), 10_500);
  assert.equal(clock.dateMs(58_000, how), 10_550);
  assert.equal(clock.dateMs(58_000, { ...how, isMoving: false }), 10_400);
});

test('a rest keeps the samples since the last key frame', () => {
  const group = new GroupOfFrames();
  /** @param {boolean} isKey @param {number} [bytes] */
  const sample = (isKey, bytes = 10) => ({ isKey, isIdr: isKey, timeUs: 0, data: new Uint8Array(bytes) });
  group.add(sample(false));
  assert.deepEqual(group.samples, []);
  for (const isKey of [true, false, true, false, false]) group.add(sample(isKey));
  assert.deepEqual(
    group.samples.map(({ isKey }) => isKey),
    [true, false, false],
  );
  group.add(sample(true));
  group.add(sample(false, 9_000_000));
  group.add(sample(false));
  assert.deepEqual(group.samples, []);
});

// ── Engine ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const BROWSER = { isSecure: true, hasDecoder: true, hasFullScreen: true };
const STREAM = { wanted: /** @type {const} */ ('webcodecs'), codecs: 'avc1.64001F', reordered: /** @type {number|null} */ (null) };

test('H.264 without audio and without reordering is played with WebCodecs', () => {
  for (const reordered of [0, null]) {
    assert.deepEqual(new EngineChoice(BROWSER).choose({ ...STREAM, reordered }, 0), { engine: 'webcodecs', reason: null });
  }
});

test('MediaSource plays the rest, and the reason is known', () => {
  /** @param {Partial<typeof BROWSER>} browser @param {object} [stream] */
  const reason = (browser, stream) => new EngineChoice({ ...BROWSER, ...browser }).choose({ ...STREAM, ...stream }, 0).reason;
  assert.equal(reason({ isSecure: false }), 'insecure');
  assert.equal(reason({ hasDecoder: false }), 'no_decoder');
  assert.equal(reason({ hasFullScreen: false }), 'full_screen');
  assert.equal(reason({}, { wanted: 'setting' }), 'setting');
  assert.equal(reason({}, { wanted: 'switch' }), 'switch');
  assert.equal(reason({}, { codecs: 'avc1.64001F,flac' }), 'audio');
  assert.equal(reason({}, { codecs: 'hvc1.1.6.L120.90' }), 'codec');
  assert.equal(reason({}, { reordered: 2 }), 'reordered');
  assert.equal(reason({}, { isReordered: true }), 'reordered');
});

test('the engine is expected before the codecs are known', () => {
  const choice = new EngineChoice(BROWSER);
  assert.equal(choice.expected({ wanted: 'webcodecs', isAudible: false }, 0).engine, 'webcodecs');
  assert.equal(choice.expected({ wanted: 'webcodecs', isAudible: true }, 0).engine, 'mse');
  assert.equal(choice.expected({ wanted: 'switch', isAudible: false }, 0).engine, 'mse');
});

test('after each failure MediaSource plays for a longer time', () => {
  const choice = new EngineChoice(BROWSER);
  let nowMs = 0;
  for (const pauseMs of [60_000, 120_000, 240_000]) {
    choice.failed('slow', nowMs);
    assert.deepEqual(choice.choose(STREAM, nowMs + pauseMs - 1), { engine: 'mse', reason: 'slow' });
    nowMs += pauseMs;
    assert.equal(choice.choose(STREAM, nowMs).engine, 'webcodecs');
  }
});

test('another channel is tried after a failure, but not by a slow browser', () => {
  const choice = new EngineChoice(BROWSER);
  choice.failed('error', 0);
  choice.forgetStream();
  assert.equal(choice.choose(STREAM, 1).engine, 'webcodecs');
  choice.failed('slow', 0);
  choice.forgetStream();
  assert.equal(choice.choose(STREAM, 1).engine, 'mse');
  choice.forget();
  assert.equal(choice.choose(STREAM, 1).engine, 'webcodecs');
});

test('the page says which engine shows the picture', () => {
  assert.equal(engineFact({ engine: 'webcodecs', reason: null }), 'On');
  assert.equal(engineFact({ engine: 'mse', reason: 'audio' }), 'MediaSource shows the picture, a little later: sound is on');
  assert.equal(engineFact(null), '–');
});
