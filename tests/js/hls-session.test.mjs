// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { HlsSession } from '../../static/js/lib/hls-session.js';
import { Server } from './stream-server.mjs';
import { mockTime, pass } from './time.mjs';

/** @typedef {import('../../static/js/lib/api.js').Stream} Stream */

const SOURCE = { cameraId: 1, profileToken: 'a', accept: ['h264'] };
const GONE = new ApiError('server_unreachable', 'gone');

mockTime();

/** @param {Partial<Server>} [answers] */
function begin(answers = {}) {
  const server = Object.assign(new Server(), answers);
  const session = new HlsSession(server, { random: () => 0.5 });
  let opened = 0;
  session.addEventListener('open', () => (opened += 1));
  session.play(SOURCE);
  return { server, session, opened: () => opened };
}

test('the phase names the present wait until the picture moves', async () => {
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
  session.playerPlays();
  assert.equal(session.view.phase, 'playing');
});

test('the playlist’s address has the viewer id', async () => {
  const { session } = begin({ onStart: { status: 'running' }, onStatus: { status: 'running' } });
  await pass(600);
  assert.equal(session.view.playlistUrl, '/p?viewer=v1');
});

test('stop removes this viewer only', async () => {
  const { server, session } = begin();
  await pass();
  session.stop();
  assert.deepEqual(server.stops, [{ streamId: 'camera1_a', viewerId: 'v1', keepalive: false }]);
  assert.equal(session.view.phase, 'idle');
  await pass(5000);
  assert.equal(server.starts, 1);
});

test('a stop during a start removes the viewer that joins late', async () => {
  const { server, session } = begin();
  session.stop();
  await pass();
  assert.deepEqual(
    server.stops.map((stop) => stop.viewerId),
    ['v1'],
  );
  assert.equal(session.view.phase, 'idle');
});

test('leave sends a request that outlives the page', async () => {
  const { server, session } = begin();
  await pass();
  session.leave();
  assert.equal(server.stops[0]?.keepalive, true);
});

test('a session that a server restart has lost is started again', async () => {
  const { server, session, opened } = begin({ onStart: { status: 'running', waiting_for: null } });
  await pass();
  session.playerPlays();
  server.onStatus = new ApiError('not_found', 'no', { status: 404 });
  await pass(2600);
  assert.ok(server.starts >= 2);
  assert.ok(opened() >= 2);
  assert.ok(session.isWanted);
});

test('an unreachable server is tried again until it answers', async () => {
  const { server, session } = begin({ onStart: GONE });
  await pass();
  assert.equal(session.view.phase, 'offline');
  server.onStart = {};
  await pass(2000);
  assert.equal(server.starts, 2);
  assert.equal(session.view.phase, 'connecting');
});

test('a wrong password is not tried again', async () => {
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

test('an unreachable device is tried again with growing delays', async () => {
  const { server, session } = begin({ onStart: { status: 'failed', error: { code: 'camera_unreachable', detail: '' } } });
  await pass(100);
  assert.equal(session.view.phase, 'failed');
  assert.ok((session.view.retryAtMs ?? 0) > Date.now());
  await pass(10_000);
  assert.equal(server.starts, 3);
});

test('a limit is tried again after the server’s delay, and has its users', async () => {
  const limit = new ApiError('stream_limit', 'full', { status: 429, retryAfterS: 40, usedBy: ['camera2_b'] });
  const { server, session } = begin({ onStart: limit });
  await pass();
  assert.deepEqual(session.view.usedBy, ['camera2_b']);
  await pass(38_000);
  assert.equal(server.starts, 1);
  await pass(3000);
  assert.equal(server.starts, 2);
});

test('a stream that another user stopped is not started again', async () => {
  const { server, session } = begin();
  await pass();
  server.onStatus = { status: 'stopped' };
  await pass(600);
  assert.equal(session.view.phase, 'ended');
  await pass(60_000);
  assert.equal(server.starts, 1);
});

test('a stream that ended during a sleep is started again after it', async () => {
  const { server, session } = begin({ onStatus: { status: 'running' } });
  await pass();
  session.playerPlays();
  await pass(300);
  server.onStatus = { status: 'stopped' };
  session.wake();
  await pass();
  assert.equal(server.starts, 2);
});

test('a picture that stands still makes the phase stalled', async () => {
  const { session } = begin({ onStatus: { status: 'running' } });
  await pass(400);
  session.playerPlays();
  session.playerStalls(3);
  await pass();
  assert.equal(session.view.phase, 'stalled');
  session.playerPlays();
  assert.equal(session.view.phase, 'playing');
});

test('a player that breaks repeatedly restarts with growing delays', async () => {
  const { server, session } = begin({ onStatus: { status: 'running' } });
  await pass();
  session.restartForPlayer();
  await pass();
  assert.equal(server.starts, 2);
  session.restartForPlayer();
  await pass(1000);
  assert.equal(server.starts, 2);
  await pass(3000);
  assert.equal(server.starts, 3);
  session.playerPlays();
  session.restartForPlayer();
  await pass();
  assert.equal(server.starts, 4);
});

test('the player loads again after a short loss of the network', async () => {
  const { server, session, opened } = begin({ onStatus: { status: 'running' } });
  await pass(300);
  session.playerPlays();
  session.playerStalls(3);
  server.onStatus = GONE;
  await pass(1000);
  assert.equal(session.view.phase, 'offline');
  server.onStatus = { status: 'running' };
  await pass(2000);
  assert.equal(opened(), 2);
  assert.equal(server.starts, 1);
});

test('another channel removes the viewer of the previous one', async () => {
  const { server, session } = begin();
  await pass();
  session.play({ ...SOURCE, profileToken: 'b' });
  await pass();
  assert.deepEqual(
    server.stops.map((stop) => stop.viewerId),
    ['v1'],
  );
  assert.equal(server.starts, 2);
});
