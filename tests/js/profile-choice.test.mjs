// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProfileChoice } from '../../static/js/lib/profile-choice.js';
import { videoOf } from './video.mjs';

/** @typedef {import('../../static/js/lib/api.js').Channel} Channel */

const BUSY = { code: 'camera_busy', detail: '' };

/** @param {{mainCodec?: string, roles?: ('main'|'sub')[]}} [parts] @returns {Channel} */
function channel({ mainCodec = 'h264', roles = ['main', 'sub'] } = {}) {
  return {
    channel: 1,
    name: 'Door',
    video_source_token: 'v',
    hidden: false,
    position: 1,
    problem: null,
    profiles: roles.map((role) => ({
      profile_token: role,
      name: '',
      role,
      video: videoOf(role === 'main' ? mainCodec : 'h264'),
      audio: null,
    })),
  };
}

/** @param {Channel} [one] @param {import('../../static/js/lib/viewer-state.js').Quality} [quality] */
function chosen(one = channel(), quality = 'main') {
  const choice = new ProfileChoice(['h264']);
  const request = { cameraId: 1, channel: one, quality, convert: false };
  choice.choose(request);
  return { choice, request };
}

test('the wanted quality is chosen', () => {
  assert.equal(chosen().choice.chosenProfile?.quality, 'main');
  assert.equal(chosen(channel(), 'sub').choice.chosenProfile?.quality, 'sub');
  assert.equal(new ProfileChoice(['h264']).choose({ cameraId: 1, channel: null, quality: null, convert: false }), null);
});

test('the sub stream can be used if it is decodable and not playing', () => {
  assert.equal(chosen().choice.canUseSub, true);
  assert.equal(chosen(channel(), 'sub').choice.canUseSub, false);
  assert.equal(chosen(channel({ roles: ['main'] })).choice.canUseSub, false);
});

test('a learned codec replaces the profile, or converts it on request', () => {
  const { choice, request } = chosen();
  choice.learnCodec(1, 'main', 'hevc');
  const found = choice.choose(request);
  assert.deepEqual([found?.quality, found?.isFallback, choice.accept], ['sub', true, ['h264']]);
  assert.equal(choice.choose({ ...request, convert: true })?.converting, true);
  choice.forgetCodecs(1);
  assert.equal(choice.choose(request)?.isFallback, false);
});

test('a learned codec counts for its own camera only', () => {
  const { choice, request } = chosen();
  choice.learnCodec(2, 'main', 'hevc');
  assert.equal(choice.choose(request)?.quality, 'main');
  assert.equal(choice.choose({ ...request, cameraId: 2 })?.quality, 'sub');
});

test('the sub stream replaces a refused main stream until it is tried again', () => {
  const { choice, request } = chosen();
  assert.equal(choice.fallBackToSub(BUSY), true);
  assert.deepEqual([choice.choose(request)?.quality, choice.refusal], ['sub', BUSY]);
  choice.forgetRefusal();
  assert.equal(choice.choose(request)?.quality, 'main');
});

test('the main stream stays if the sub stream cannot help', () => {
  assert.equal(chosen(channel(), 'sub').choice.fallBackToSub(BUSY), false);
  assert.equal(chosen().choice.fallBackToSub({ code: 'camera_auth_failed', detail: '' }), false);
  assert.equal(chosen().choice.fallBackToSub(null), false);
  assert.equal(chosen(channel({ roles: ['main'] })).choice.fallBackToSub(BUSY), false);
});

test('a rung never leads to a better quality than the wanted one', () => {
  const choice = new ProfileChoice(['h264']);
  const request = { cameraId: 1, channel: channel(), quality: null, convert: false };
  assert.equal(choice.choose({ ...request, rung: 'main' })?.quality, 'main');
  assert.equal(choice.choose({ ...request, rung: 'sub' })?.quality, 'sub');
  assert.equal(choice.choose({ ...request, rung: 'keys' })?.quality, 'sub');
  assert.equal(choice.choose({ ...request, quality: 'sub', rung: 'main' })?.quality, 'sub');
  assert.equal(choice.choose({ ...request, channel: channel({ roles: ['main'] }), rung: 'keys' })?.quality, 'main');
});

test('the fallback of an undecodable main stream is shown at every rung', () => {
  const choice = new ProfileChoice(['h264']);
  const found = choice.choose({ cameraId: 1, channel: channel({ mainCodec: 'hevc' }), quality: null, convert: false, rung: 'sub' });
  assert.deepEqual([found?.quality, found?.isFallback], ['sub', true]);
});

test('an undecodable or refused main stream is no rung', () => {
  const choice = new ProfileChoice(['h264']);
  const request = { cameraId: 1, channel: channel(), quality: null, convert: false };
  const names = () => choice.rungsAt(request, Infinity).map(({ name }) => name);
  assert.deepEqual(names().slice(0, 2), ['main', 'sub']);
  assert.equal(choice.rungsAt({ ...request, channel: channel({ mainCodec: 'hevc' }) }, Infinity)[0]?.name, 'sub');
  assert.deepEqual(choice.rungsAt({ ...request, channel: null }, Infinity), []);
  choice.choose(request);
  choice.fallBackToSub(BUSY);
  assert.equal(names()[0], 'sub');
});

test('a pinned quality that the channel does not have is none', () => {
  const choice = new ProfileChoice(['h264']);
  /** @param {Parameters<typeof channel>[0]} parts @param {import('../../static/js/lib/quality-ladder.js').RungName|null} pinned */
  const pinAt = (parts, pinned) => choice.pinAt({ cameraId: 1, channel: channel(parts) }, pinned);
  assert.deepEqual([pinAt({}, 'main'), pinAt({}, 'sub'), pinAt({}, 'keys'), pinAt({}, null)], ['main', 'sub', 'keys', null]);
  assert.deepEqual([pinAt({ roles: ['main'] }, 'sub'), pinAt({ roles: ['main'] }, 'main')], [null, 'main']);
  assert.equal(pinAt({ mainCodec: 'hevc' }, 'main'), null);
  choice.learnCodec(1, 'sub', 'hevc');
  assert.equal(pinAt({}, 'sub'), null);
});

test('a server that is busy for a moment does not rule out the main stream', () => {
  for (const code of ['busy', 'join_limit']) {
    const { choice } = chosen();
    assert.equal(choice.fallBackToSub({ code, detail: '' }), false);
    assert.equal(choice.refusal, null);
  }
});
