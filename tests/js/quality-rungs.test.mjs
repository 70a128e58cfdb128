// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rungsOf, showsMainAt, smallSourceOf } from '../../static/js/lib/quality-rungs.js';

/** @typedef {import('../../static/js/lib/api.js').Channel} Channel */

const DECODES = ['h264'];
const WIDE = { decodes: DECODES, widthPx: 1920 };

/** @param {('main'|'sub')[]} roles @param {Partial<Record<'main'|'sub', string>>} [codecs] @param {number|null} [kbps] @returns {Channel} */
function channel(roles, codecs = {}, kbps = null) {
  const streams = { main: { width: 1920, height: 1080 }, sub: { width: 640, height: 360 } };
  return {
    channel: 1,
    name: '',
    video_source_token: 'v',
    hidden: false,
    position: 1,
    problem: null,
    profiles: roles.map((role) => ({
      profile_token: role,
      name: '',
      role,
      video: { codec: codecs[role] ?? 'h264', ...streams[role], fps: 25, bitrate_kbps: kbps, gop: 50 },
      audio: null,
    })),
  };
}

/** @param {Channel} one @param {typeof WIDE} how */
const names = (one, how = WIDE) => rungsOf(one, how).map(({ name }) => name);

test('a channel offers its streams, their key frames and stills', () => {
  assert.deepEqual(names(channel(['main', 'sub'])), ['main', 'sub', 'phone', 'keys', 'stills']);
  assert.deepEqual(names(channel(['main'])), ['main', 'keys', 'stills'], 'a large main stream has no small video');
});

test('a small tile uses no main stream', () => {
  const one = channel(['main', 'sub']);
  assert.deepEqual(names(one, { ...WIDE, widthPx: 490 }), ['sub', 'phone', 'keys', 'stills']);
  assert.deepEqual(names(one, { ...WIDE, widthPx: 500 }), ['main', 'sub', 'phone', 'keys', 'stills']);
  assert.deepEqual(names(channel(['main']), { ...WIDE, widthPx: 100 }), ['main', 'keys', 'stills']);
});

test('a stream that this browser does not decode is no rung', () => {
  assert.deepEqual(names(channel(['main', 'sub'], { main: 'h265' })), ['sub', 'phone', 'keys', 'stills']);
  assert.deepEqual(names(channel(['main'], { main: 'h265' })), []);
});

test('the rates are those of the device, and its key frames a share of them', () => {
  const rates = rungsOf(channel(['main', 'sub'], {}, 1000), WIDE).map(({ kbps }) => kbps);
  assert.deepEqual(rates, [1000, 1000, 190, 110, 20]);
  assert.deepEqual(
    rungsOf(channel(['main', 'sub']), WIDE).map(({ kbps }) => kbps),
    [null, null, 190, null, null],
  );
});

test('a measured rate replaces the declared one', () => {
  const how = { ...WIDE, measured: { quality: /** @type {const} */ ('sub'), kbps: 200 } };
  assert.deepEqual(
    rungsOf(channel(['main', 'sub'], {}, 1000), how).map(({ kbps }) => kbps),
    [1000, 200, 120, 22, 7],
  );
});

test('small video is made of the sub stream, or of a small main stream', () => {
  /** @param {'main'|'sub'} role @param {object} video */
  const source = (role, video) => {
    const one = channel([role]);
    for (const profile of one.profiles) profile.video = /** @type {any} */ ({ codec: 'h264', width: 1280, height: 720, ...video });
    return smallSourceOf(one)?.role ?? null;
  };
  assert.equal(smallSourceOf(channel(['main', 'sub']))?.role, 'sub');
  assert.deepEqual([source('main', {}), source('main', { codec: 'hevc', width: 640, height: 360 })], ['main', null]);
  assert.deepEqual([source('sub', { width: 1920, height: 1080 }), source('sub', { width: null, height: null })], [null, 'sub']);
  assert.deepEqual([source('sub', { codec: 'hevc' }), source('sub', { codec: 'hevc', width: 640, height: 360 })], [null, 'sub']);
  assert.deepEqual([source('sub', { bitrate_kbps: 400 }), source('sub', { bitrate_kbps: 401 })], [null, 'sub'], 'it would save little');
  assert.equal(source('sub', { codec: 'mjpeg' }), null);
});

test('main looks better in a tile that is wider than the sub stream', () => {
  const both = channel(['main', 'sub']);
  assert.deepEqual([showsMainAt(both, Infinity), showsMainAt(both, 10)], [true, false]);
});
