// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigitKeys, actionOf } from '../../static/js/lib/keys.js';
import { isComplete, messageOf, shortMessageOf } from '../../static/js/lib/messages.js';
import { retryDelayS } from '../../static/js/lib/recovery.js';
import { badgeOf, damageOf, streamFacts } from '../../static/js/lib/stream-facts.js';
import { phaseOf } from '../../static/js/lib/stream-phase.js';
import { qualityChoice, readViewerState, writeViewerState } from '../../static/js/lib/viewer-state.js';
import { MAX_SCALE, WHOLE, clamped, panned, zoomedAt } from '../../static/js/lib/zoom.js';

const FACTS = { wanted: true, ended: false, offline: false, queued: false, problem: null, stream: null, shown: false, stalledS: 0 };

/** @param {Partial<import('../../static/js/lib/api.js').Stream>} more */
function stream(more) {
  return /** @type {import('../../static/js/lib/api.js').Stream} */ ({
    stream_id: 'camera1_a',
    camera_id: 1,
    profile_token: 'a',
    status: 'running',
    error: null,
    started_at: null,
    uptime_s: 1,
    viewers: 1,
    restarts: 0,
    video: null,
    audio: null,
    transcoding: false,
    bitrate_kbps: null,
    last_segment_age_s: null,
    playlist_url: '/p',
    waiting_for: null,
    source_codec: null,
    ...more,
  });
}

test('the state is read from the address and written to it', () => {
  const state = readViewerState('?channel=3&quality=sub&view=grid&convert=1&way=hls');
  assert.deepEqual(state, { channel: 3, quality: 'sub', view: 'grid', convert: true, transport: 'hls' });
  assert.deepEqual(readViewerState(writeViewerState(state)), state);
  assert.equal(writeViewerState({ channel: null, quality: null, view: 'single', convert: false, transport: null }), '');
});

test('the link or the user chooses the quality', () => {
  for (const quality of /** @type {const} */ (['auto', 'main', 'sub', 'saver'])) {
    assert.equal(readViewerState(`?quality=${quality}`).quality, quality);
    assert.equal(qualityChoice(quality), quality);
  }
  for (const text of ['best', '', null, undefined]) assert.equal(qualityChoice(text), null);
});

test('invalid values of the address are ignored', () => {
  for (const search of ['?channel=-1', '?channel=1e3', '?channel=<b>', '?quality=best', '?channel=99999']) {
    assert.deepEqual(readViewerState(search), { channel: null, quality: null, view: 'single', convert: false, transport: null });
  }
});

test('each wait has its own phase', () => {
  assert.equal(phaseOf({ ...FACTS, wanted: false }), 'idle');
  assert.equal(phaseOf(FACTS), 'connecting');
  assert.equal(phaseOf({ ...FACTS, stream: stream({ status: 'starting', waiting_for: 'video' }) }), 'video');
  assert.equal(phaseOf({ ...FACTS, stream: stream({ status: 'starting', waiting_for: 'key_frame' }) }), 'key_frame');
  assert.equal(phaseOf({ ...FACTS, stream: stream({ status: 'starting', waiting_for: 'buffering' }) }), 'buffering');
  assert.equal(phaseOf({ ...FACTS, stream: stream({}) }), 'buffering');
  assert.equal(phaseOf({ ...FACTS, stream: stream({}), shown: true }), 'playing');
});

test('a picture that stands still is never shown as live', () => {
  assert.equal(phaseOf({ ...FACTS, stream: stream({}), shown: true, stalledS: 3 }), 'stalled');
  assert.equal(phaseOf({ ...FACTS, stream: stream({ status: 'reconnecting' }), shown: true, stalledS: 3 }), 'reconnecting');
  assert.equal(phaseOf({ ...FACTS, offline: true, stream: stream({}), shown: true, stalledS: 3 }), 'offline');
  assert.equal(badgeOf('stalled', { paused: false, behindS: 9, stalledS: 3, shown: true }).tone, 'stalled');
  assert.equal(badgeOf('playing', { paused: false, behindS: 40, stalledS: 0, shown: true }).tone, 'late');
  assert.equal(badgeOf('playing', { paused: true, behindS: 4, stalledS: 0, shown: true }).text, 'PAUSED −4.0 s');
  assert.deepEqual(badgeOf('playing', { paused: false, behindS: 2, stalledS: 0, shown: true }), { text: 'LIVE', tone: 'live' });
});

test('a moving picture stays in phase playing without the server', () => {
  assert.equal(phaseOf({ ...FACTS, offline: true, stream: stream({}), shown: true, stalledS: 0.4 }), 'playing');
});

test('failures and ends have their own phases', () => {
  assert.equal(phaseOf({ ...FACTS, problem: { code: 'camera_busy', detail: '' }, shown: true }), 'failed');
  assert.equal(phaseOf({ ...FACTS, wanted: false, ended: true }), 'ended');
});

test('facts of a stream are texts, and dashes if unknown', () => {
  assert.equal(streamFacts(null, { behindS: null }).resolution, '–');
  const facts = streamFacts(
    stream({ video: { codec: 'h264', width: 1920, height: 1080, fps: 25 }, transcoding: true, source_codec: 'hevc', viewers: 3 }),
    { behindS: 2.04 },
  );
  assert.equal(facts.resolution, '1920 × 1080, 25 fps');
  assert.equal(facts.codec, 'H.265 → H.264 (converted)');
  const small = stream({ video: { codec: 'h264', width: 480, height: 270, fps: 10 }, transcoding: true, source_codec: 'h264' });
  assert.equal(streamFacts(small, { behindS: null }).codec, 'H.264 (made smaller)');
  assert.equal(facts.audio, 'None');
  assert.equal(facts.behind, '2.0 s');
  assert.equal(facts.viewers, '3');
});

test('the facts say why there is no sound', () => {
  const audio = { codec: 'opus', sample_rate: 48_000, channels: 1 };
  const facts = { behindS: null };
  assert.equal(streamFacts(stream({ audio }), facts).audio, 'Opus');
  assert.equal(streamFacts(stream({ audio_left_out: 'the device sends none' }), facts).audio, 'Left out: the device sends none');
  assert.equal(streamFacts(stream({ audio }), { ...facts, isAudioRefused: true }).audio, 'Left out: this browser cannot decode it');
});

test('a refused password is never tried again by itself', () => {
  assert.equal(retryDelayS('camera_auth_failed', 0), null);
  assert.equal(retryDelayS('not_found', 0), null);
});

test('other failures are tried again with growing delays', () => {
  const delays = [0, 1, 2, 3, 4, 9].map((attempt) => retryDelayS('camera_unreachable', attempt, () => 0.5) ?? 0);
  assert.deepEqual(delays, [3, 6, 12, 24, 30, 30]);
  assert.ok((retryDelayS('server_unreachable', 0, () => 0) ?? 0) >= 0.8);
  assert.equal(retryDelayS('storage_full', 5), 20);
});

test('all keys of the help have actions, keys of the browser do not', () => {
  for (const key of [' ', 'k', 'F', 'm', 's', '?', 'Escape', 'ArrowLeft', 'ArrowRight', 'q', 'l', 'g', '+', '-', 'z']) {
    assert.ok(actionOf({ key }), key);
  }
  assert.equal(actionOf({ key: 's', ctrlKey: true }), null);
  assert.equal(actionOf({ key: 'constructor' }), null);
});

test('two digits are one channel number if it exists', () => {
  const sixteen = Array.from({ length: 16 }, (_, index) => index + 1);
  const keys = new DigitKeys();
  assert.equal(keys.feed('3', sixteen), 3);
  assert.equal(keys.feed('1', sixteen), null);
  assert.equal(keys.feed('2', sixteen), 12);
  assert.equal(keys.feed('1', sixteen), null);
  assert.equal(keys.due(sixteen), 1);
  assert.equal(keys.feed('9', [1, 2]), null);
  assert.equal(keys.feed('1', [1, 2]), 1);
});

test('each code has its own message, and unknown codes have one', () => {
  for (const code of ['camera_unreachable', 'camera_auth_failed', 'camera_no_signal', 'camera_busy', 'stream_limit', 'ffmpeg_missing']) {
    assert.notEqual(messageOf(code).title, messageOf('no_such_code').title);
  }
  assert.ok(messageOf('constructor').title);
  assert.equal(shortMessageOf('camera_no_signal'), 'No signal');
  assert.ok(isComplete('camera_busy'));
  assert.ok(!isComplete('camera_auth_failed'), 'the device may refuse more than the password: its detail says what');
});

test('zooming keeps the point under the pointer', () => {
  const at = { x: 0.25, y: -0.1 };
  const view = zoomedAt(WHOLE, 2, at);
  // A point p of the picture appears at p * scale + shift.
  const under = { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
  assert.ok(Math.abs(under.x - at.x) < 1e-9 && Math.abs(under.y - at.y) < 1e-9);
});

test('zoom never shows an empty edge and is limited', () => {
  assert.deepEqual(panned(zoomedAt(WHOLE, 2, { x: 0, y: 0 }), 9, -9), { scale: 2, x: 0.5, y: -0.5 });
  assert.equal(zoomedAt(WHOLE, 1000, { x: 0, y: 0 }).scale, MAX_SCALE);
  assert.deepEqual(clamped({ scale: 0.2, x: 3, y: 3 }), { scale: 1, x: 0, y: 0 });
});

test('damaged pictures are counted, and named while they come', () => {
  const stream = (/** @type {object} */ fields) => /** @type {any} */ ({ frames_dropped: 0, damage: null, ...fields });
  assert.deepEqual(damageOf(null), { notice: '', count: '' });
  assert.deepEqual(damageOf(stream({})), { notice: '', count: '' });
  assert.deepEqual(damageOf(stream({ frames_dropped: 3 })), { notice: '', count: '3 frames' });
  assert.deepEqual(damageOf(stream({ frames_dropped: 1, damage: 'packets were lost' })), {
    notice: 'The picture is damaged: packets were lost. 1 frame left out since the stream started.',
    count: '1 frame',
  });
});
