// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptOf,
  asSeen,
  chooseProfile,
  inOrder,
  movedBy,
  neighbour,
  tileProfileOf,
  visibleChannels,
} from '../../static/js/lib/channels.js';
import { videoOf } from './video.mjs';

/** @param {number} number @param {Partial<import('../../static/js/lib/api.js').Channel>} [more] */
function channel(number, more = {}) {
  return /** @type {import('../../static/js/lib/api.js').Channel} */ ({
    channel: number,
    name: `Channel ${number}`,
    video_source_token: '',
    hidden: false,
    position: number,
    problem: null,
    profiles: [profile('main', 'h264'), profile('sub', 'h264')],
    ...more,
  });
}

/** @param {'main'|'sub'|'other'} role @param {string|null} codec */
function profile(role, codec) {
  return { profile_token: role, name: role, role, video: codec ? videoOf(codec) : null, audio: null };
}

const HEVC_MAIN = channel(1, { profiles: [profile('main', 'hevc'), profile('sub', 'h264')] });
const request = { quality: null, convert: false, decodes: ['h264'] };

test('the main stream is the default', () => {
  assert.equal(chooseProfile(channel(1), request)?.profile.profile_token, 'main');
});

test('the sub stream replaces an H.265 main stream that cannot be decoded', () => {
  const chosen = chooseProfile(HEVC_MAIN, { ...request, quality: 'main' });
  assert.equal(chosen?.quality, 'sub');
  assert.equal(chosen?.isFallback, true);
  assert.equal(chosen?.converting, false);
});

test('an H.265 main stream plays unchanged if the player decodes it', () => {
  const chosen = chooseProfile(HEVC_MAIN, { ...request, decodes: ['h264', 'hevc'] });
  assert.equal(chosen?.quality, 'main');
  assert.equal(chosen?.isFallback, false);
});

test('an H.265 main stream is converted on request', () => {
  const chosen = chooseProfile(HEVC_MAIN, { ...request, quality: 'main', convert: true });
  assert.deepEqual([chosen?.quality, chosen?.isFallback, chosen?.converting], ['main', false, true]);
});

test('an H.265 main stream is converted if there is no sub stream', () => {
  const chosen = chooseProfile(channel(1, { profiles: [profile('main', 'hevc')] }), request);
  assert.deepEqual([chosen?.quality, chosen?.converting], ['main', true]);
});

test('the codec that a stream really has replaces the reported one', () => {
  const seen = new Map([['main', 'hevc']]);
  const chosen = chooseProfile(asSeen(channel(1), seen), { ...request, quality: 'main' });
  assert.deepEqual([chosen?.quality, chosen?.isFallback, chosen?.refusedCodec], ['sub', true, 'hevc']);
  const silent = channel(1, { profiles: [profile('main', null)] });
  assert.equal(chooseProfile(asSeen(silent, seen), request)?.converting, true);
  assert.equal(asSeen(channel(1), new Map([['x', 'hevc']])).profiles[0]?.video?.codec, 'h264');
});

test('the codec of a converted stream is not accepted unchanged', () => {
  const decodes = ['h264', 'hevc'];
  const seen = new Map([['main', 'hevc']]);
  const chosen = chooseProfile(asSeen(HEVC_MAIN, seen), { quality: 'main', convert: true, decodes });
  assert.ok(chosen?.converting);
  assert.deepEqual(acceptOf(chosen, decodes), ['h264']);
  const plain = chooseProfile(HEVC_MAIN, { quality: 'main', convert: false, decodes });
  assert.ok(plain);
  assert.deepEqual(acceptOf(plain, decodes), decodes);
});

test('the main stream replaces a missing sub stream', () => {
  assert.equal(chooseProfile(channel(1, { profiles: [profile('main', null)] }), { ...request, quality: 'sub' })?.quality, 'main');
});

test('a channel without media profiles has no profile to play', () => {
  assert.equal(chooseProfile(channel(1, { profiles: [] }), request), null);
});

test('a profile of another role plays if there is no main or sub', () => {
  const chosen = chooseProfile(channel(1, { profiles: [profile('other', 'h264')] }), request);
  assert.equal(chosen?.profile.profile_token, 'other');
  assert.equal(chosen?.quality, null);
});

test('a tile shows the smaller stream', () => {
  assert.equal(tileProfileOf(channel(1))?.role, 'sub');
});

test('visible channels are in the user’s order, without hidden ones', () => {
  const channels = [channel(1, { position: 2 }), channel(2, { hidden: true }), channel(3, { position: 0 })];
  assert.deepEqual(
    visibleChannels(channels).map((item) => item.channel),
    [3, 1],
  );
  assert.deepEqual(
    inOrder(channels).map((item) => item.channel),
    [3, 1, 2],
  );
});

test('the neighbour wraps around the end and skips hidden channels', () => {
  const channels = [channel(1), channel(2, { hidden: true }), channel(3)];
  assert.equal(neighbour(channels, 1, 1), 3);
  assert.equal(neighbour(channels, 3, 1), 1);
  assert.equal(neighbour(channels, 1, -1), 3);
  assert.equal(neighbour([], 1, 1), null);
});

test('a channel moves by one place, but not past the ends', () => {
  assert.deepEqual(movedBy([1, 2, 3], 2, -1), [2, 1, 3]);
  assert.deepEqual(movedBy([1, 2, 3], 2, 1), [1, 3, 2]);
  assert.equal(movedBy([1, 2, 3], 1, -1), null);
  assert.equal(movedBy([1, 2, 3], 3, 1), null);
});
