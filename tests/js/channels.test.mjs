// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptOf, asSeen, choosePlayback, inOrder, movedBy, neighbour, tileProfileOf, visibleChannels } from '../../static/js/lib/channels.js';

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
  return { profile_token: role, name: role, role, video: codec ? { codec } : null, audio: null };
}

const HEVC_MAIN = channel(1, { profiles: [profile('main', 'hevc'), profile('sub', 'h264')] });
const wish = { quality: null, convert: false, decodes: ['h264'] };

test('the main stream is what one gets without asking', () => {
  assert.equal(choosePlayback(channel(1), wish)?.profile.profile_token, 'main');
});

test('an H.265 main gives way to the sub stream on a player without H.265, and says so', () => {
  const chosen = choosePlayback(HEVC_MAIN, { ...wish, quality: 'main' });
  assert.equal(chosen?.quality, 'sub');
  assert.equal(chosen?.gaveWay, true);
  assert.equal(chosen?.converting, false);
});

test('an H.265 main is played as it is where the player decodes it', () => {
  const chosen = choosePlayback(HEVC_MAIN, { ...wish, decodes: ['h264', 'hevc'] });
  assert.equal(chosen?.quality, 'main');
  assert.equal(chosen?.gaveWay, false);
});

test('an H.265 main is converted when that is what was asked for', () => {
  const chosen = choosePlayback(HEVC_MAIN, { ...wish, quality: 'main', convert: true });
  assert.deepEqual([chosen?.quality, chosen?.gaveWay, chosen?.converting], ['main', false, true]);
});

test('without a sub stream there is only the main to convert', () => {
  const chosen = choosePlayback(channel(1, { profiles: [profile('main', 'hevc')] }), wish);
  assert.deepEqual([chosen?.quality, chosen?.converting], ['main', true]);
});

test('what a stream turned out to be counts, whatever the device says of it', () => {
  const seen = new Map([['main', 'hevc']]);
  const chosen = choosePlayback(asSeen(channel(1), seen), { ...wish, quality: 'main' });
  assert.deepEqual([chosen?.quality, chosen?.gaveWay], ['sub', true]);
  const silent = channel(1, { profiles: [profile('main', null)] });
  assert.equal(choosePlayback(asSeen(silent, seen), wish)?.converting, true);
  assert.equal(asSeen(channel(1), new Map([['x', 'hevc']])).profiles[0]?.video?.codec, 'h264');
});

test('a kind of H.265 that this player does not decode is not asked for as it is', () => {
  const decodes = ['h264', 'hevc'];
  const seen = new Map([['main', 'hevc']]);
  const chosen = choosePlayback(asSeen(HEVC_MAIN, seen), { quality: 'main', convert: true, decodes });
  assert.ok(chosen?.converting);
  assert.deepEqual(acceptOf(chosen, decodes), ['h264']);
  const plain = choosePlayback(HEVC_MAIN, { quality: 'main', convert: false, decodes });
  assert.ok(plain);
  assert.deepEqual(acceptOf(plain, decodes), decodes);
});

test('a wish for a sub stream that does not exist is answered with the main', () => {
  assert.equal(choosePlayback(channel(1, { profiles: [profile('main', null)] }), { ...wish, quality: 'sub' })?.quality, 'main');
});

test('a channel without media profiles has nothing to play', () => {
  assert.equal(choosePlayback(channel(1, { profiles: [] }), wish), null);
});

test('a profile that is neither main nor sub is better than nothing', () => {
  const chosen = choosePlayback(channel(1, { profiles: [profile('other', 'h264')] }), wish);
  assert.equal(chosen?.profile.profile_token, 'other');
  assert.equal(chosen?.quality, null);
});

test('tiles show the cheaper stream', () => {
  assert.equal(tileProfileOf(channel(1))?.role, 'sub');
});

test('hidden channels are left out and the order is the one the user made', () => {
  const channels = [channel(1, { position: 2 }), channel(2, { hidden: true }), channel(3, { position: 0 })];
  assert.deepEqual(visibleChannels(channels).map((item) => item.channel), [3, 1]);
  assert.deepEqual(inOrder(channels).map((item) => item.channel), [3, 1, 2]);
});

test('the neighbour goes round the end and past hidden channels', () => {
  const channels = [channel(1), channel(2, { hidden: true }), channel(3)];
  assert.equal(neighbour(channels, 1, 1), 3);
  assert.equal(neighbour(channels, 3, 1), 1);
  assert.equal(neighbour(channels, 1, -1), 3);
  assert.equal(neighbour([], 1, 1), null);
});

test('a channel moves by one place and not past the ends', () => {
  assert.deepEqual(movedBy([1, 2, 3], 2, -1), [2, 1, 3]);
  assert.deepEqual(movedBy([1, 2, 3], 2, 1), [1, 3, 2]);
  assert.equal(movedBy([1, 2, 3], 1, -1), null);
  assert.equal(movedBy([1, 2, 3], 3, 1), null);
});
