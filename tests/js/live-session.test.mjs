// @ts-check
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { LiveSession } from '../../static/js/lib/live-session.js';
import { Server } from './stream-server.mjs';

/** @typedef {import('../../static/js/lib/api.js').Stream} Stream */

const SOURCE = { cameraId: 1, profileToken: 'a', accept: ['h264'] };
const GONE = new ApiError('server_unreachable', 'gone');

/** Let promises settle and advance the mocked clock. @param {number} [ms] */
async function pass(ms = 0) {
  for (let spent = 0; spent <= ms; spent += 50) {
    mock.timers.tick(spent === 0 ? 0 : 50);
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  }
}

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
afterEach(() => mock.timers.reset());

/** @param {Partial<Server>} [answers] */
function begin(answers = {}) {
  const server = Object.assign(new Server(), answers);
  const session = new LiveSession(server, { random: () => 0.5 });
  let opened = 0;
  session.addEventListener('open', () => (opened += 1));
  session.play(SOURCE);
  return { server, session, opened: () => opened };
}

test('it says what is being waited for until the picture moves', async () => {
  const { server, session, opened } = begin();
  assert.equal(session.view.phase, 'connecting');
  await pass();
  assert.equal(opened(), 0);
  server.onStatus = { waiting_for: 'key_frame' };
  await pass(600);
  assert.equal(opened(), 0);
  server.onStatus = { waiting_for: 'buffering' };
  assert.equal(session.view.phase, 'key_frame');
  await pass(600);
  assert.equal(opened(), 1);
  server.onStatus = { status: 'running', waiting_for: null };
  await pass(600);
  assert.equal(session.view.phase, 'buffering');
  session.playerShows();
  assert.equal(session.view.phase, 'playing');
});

test('the playlist is fetched in this viewer\'s name', async () => {
  const { session } = begin({ onStart: { status: 'running' }, onStatus: { status: 'running' } });
  await pass(600);
  assert.equal(session.view.playlistUrl, '/p?viewer=v1');
});

test('stopping gives up the place of this viewer only', async () => {
  const { server, session } = begin();
  await pass();
  session.stop();
  assert.deepEqual(server.stops, [{ streamId: 'camera1_a', viewerId: 'v1', keepalive: false }]);
  assert.equal(session.view.phase, 'idle');
  await pass(5000);
  assert.equal(server.starts, 1);
});

test('a stop while the start is under way gives the late place back', async () => {
  const { server, session } = begin();
  session.stop();
  await pass();
  assert.deepEqual(server.stops.map((stop) => stop.viewerId), ['v1']);
  assert.equal(session.view.phase, 'idle');
});

test('leaving the page uses a request that outlives it', async () => {
  const { server, session } = begin();
  await pass();
  session.leave();
  assert.equal(server.stops[0]?.keepalive, true);
});

test('a session that is unknown after a restart of the server is started again', async () => {
  const { server, session, opened } = begin({ onStart: { status: 'running', waiting_for: null } });
  await pass();
  session.playerShows();
  server.onStatus = new ApiError('not_found', 'no', { status: 404 });
  await pass(2600);
  assert.ok(server.starts >= 2);
  assert.ok(opened() >= 2);
  assert.ok(session.isWanted);
});

test('a server that is away is waited for, and the picture comes back', async () => {
  const { server, session } = begin({ onStart: GONE });
  await pass();
  assert.equal(session.view.phase, 'offline');
  server.onStart = {};
  await pass(2000);
  assert.equal(server.starts, 2);
  assert.equal(session.view.phase, 'connecting');
});

test('a wrong password is said once and not tried again', async () => {
  const { server, session } = begin();
  await pass();
  server.onStatus = { status: 'failed', error: { code: 'camera_auth_failed', detail: 'no' } };
  await pass(600);
  assert.equal(session.view.phase, 'failed');
  assert.equal(session.view.problem?.code, 'camera_auth_failed');
  assert.equal(session.view.retryAtMs, null);
  await pass(120_000);
  assert.equal(server.starts, 1);
});

test('a device that is away is tried again with growing pauses', async () => {
  const { server, session } = begin({ onStart: { status: 'failed', error: { code: 'camera_unreachable', detail: '' } } });
  await pass(100);
  assert.equal(session.view.phase, 'failed');
  assert.ok((session.view.retryAtMs ?? 0) > Date.now());
  await pass(10_000);
  assert.equal(server.starts, 3);
});

test('a limit is tried again no sooner than the server says, and names who uses it', async () => {
  const limit = new ApiError('stream_limit', 'full', { status: 429, retryAfterS: 40, usedBy: ['camera2_b'] });
  const { server, session } = begin({ onStart: limit });
  await pass();
  assert.deepEqual(session.view.usedBy, ['camera2_b']);
  await pass(38_000);
  assert.equal(server.starts, 1);
  await pass(3000);
  assert.equal(server.starts, 2);
});

test('a stream that somebody stopped for all is not fought for', async () => {
  const { server, session } = begin();
  await pass();
  server.onStatus = { status: 'stopped' };
  await pass(600);
  assert.equal(session.view.phase, 'ended');
  await pass(60_000);
  assert.equal(server.starts, 1);
});

test('a stream that ended while the machine slept is started again on waking', async () => {
  const { server, session } = begin({ onStatus: { status: 'running' } });
  await pass();
  session.playerShows();
  await pass(300);
  server.onStatus = { status: 'stopped' };
  session.wake();
  await pass();
  assert.equal(server.starts, 2);
});

test('a picture that stands is shown as such and recovers', async () => {
  const { session } = begin({ onStatus: { status: 'running' } });
  await pass(400);
  session.playerShows();
  session.playerStands(3);
  await pass();
  assert.equal(session.view.phase, 'stalled');
  session.playerShows();
  assert.equal(session.view.phase, 'playing');
});

test('a player that breaks again and again is started ever more slowly', async () => {
  const { server, session } = begin({ onStatus: { status: 'running' } });
  await pass();
  session.playerBroke();
  await pass();
  assert.equal(server.starts, 2);
  session.playerBroke();
  await pass(1000);
  assert.equal(server.starts, 2);
  await pass(3000);
  assert.equal(server.starts, 3);
  session.playerShows();
  session.playerBroke();
  await pass();
  assert.equal(server.starts, 4);
});

test('a network that was gone for a moment has the player load anew', async () => {
  const { server, session, opened } = begin({ onStatus: { status: 'running' } });
  await pass(300);
  session.playerShows();
  session.playerStands(3);
  server.onStatus = GONE;
  await pass(1000);
  assert.equal(session.view.phase, 'offline');
  server.onStatus = { status: 'running' };
  await pass(2000);
  assert.equal(opened(), 2);
  assert.equal(server.starts, 1);
});

test('another channel gives up the place of the one before', async () => {
  const { server, session } = begin();
  await pass();
  session.play({ ...SOURCE, profileToken: 'b' });
  await pass();
  assert.deepEqual(server.stops.map((stop) => stop.viewerId), ['v1']);
  assert.equal(server.starts, 2);
});
