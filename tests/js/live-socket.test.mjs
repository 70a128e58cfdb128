// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { backoffMs } from '../../static/js/lib/backoff.js';
import { LiveSocket, RECONNECT } from '../../static/js/lib/live-socket.js';
import { SocketClock } from '../../static/js/lib/socket-clock.js';
import { SocketSession } from '../../static/js/lib/socket-session.js';
import { mockTime } from './time.mjs';
import { Wire, asked, start } from './wire.mjs';

const REQUEST = { cameraId: 1, profileToken: 'a' };

function socket(more = {}) {
  return new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5, ...more });
}

function latest() {
  const wire = Wire.made.at(-1);
  assert.ok(wire);
  return wire;
}

/** Return a session whose socket has just opened. */
function begun() {
  const link = socket();
  const session = new SocketSession(link, { plays: (codecs) => codecs.startsWith('avc1'), random: () => 0.5 });
  /** @type {string[]} */
  const heard = [];
  /** @type {any[]} */
  const sunk = [];
  session.addEventListener('open', () => {
    heard.push('open');
    const run = session.view.startNumber;
    session.sink = {
      init: (codecs, _data, isReordered) => sunk.push([run, 'init', codecs, isReordered]),
      append: () => sunk.push([run, 'pictures']),
      takeBack: () => true,
    };
  });
  session.addEventListener('unplayable', (event) => heard.push(/** @type {CustomEvent} */ (event).detail.reason));
  session.play(REQUEST);
  latest().open();
  return { link, session, heard, sunk };
}

mockTime();
beforeEach(() => (Wire.made = []));

test('the delay before a reconnect is short and limited', () => {
  assert.ok(backoffMs(0, RECONNECT, () => 1) < 61);
  for (let attempt = 0; attempt < 40; attempt += 1) assert.ok(backoffMs(attempt, RECONNECT, () => 1) < 2401);
});

test('media goes to the sink until the watch is left', () => {
  const { session, sunk } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id);
  assert.deepEqual(
    sunk.map(([, what]) => what),
    ['init', 'pictures'],
  );
  session.stop();
  latest().receiveBinary(2, id);
  assert.equal(sunk.length, 2);
  assert.deepEqual(latest().sent.at(-1), { type: 'leave', id });
});

test('the sink is told that the server has seen B-frames', () => {
  const { sunk } = begun();
  const [{ id }] = asked(latest());
  for (const reordered of [undefined, true]) {
    latest().receive({ type: 'init', id, codecs: 'avc1.42', codec: 'h264', width: 1, height: 1, sound: null, reordered });
    latest().receiveBinary(1, id);
  }
  assert.deepEqual(
    sunk.map(([, , , isReordered]) => isReordered),
    [false, true],
  );
});

test('a reconnect requests the same watches again', () => {
  const { session, heard } = begun();
  start(latest(), asked(latest())[0].id);
  session.playerPlays();
  latest().break();
  session.playerStalls(3);
  assert.equal(session.view.phase, 'offline');
  mock.timers.tick(100);
  assert.equal(Wire.made.length, 2);
  latest().open();
  start(latest(), asked(latest())[0].id);
  assert.deepEqual(heard, ['open', 'open']);
});

test('the old quality plays until media of the new one arrives', () => {
  const { session, sunk } = begun();
  const wire = latest();
  const [first] = asked(wire);
  start(wire, first.id);
  session.playerPlays();
  session.play({ ...REQUEST, profileToken: 'b' });
  const second = asked(wire).at(-1);
  assert.equal(second.profile_token, 'b');
  wire.receiveBinary(2, first.id);
  assert.equal(sunk.at(-1)[0], sunk[0][0], 'media of the previous run');
  assert.equal(session.view.phase, 'playing');
  session.playerPlays(); // the old picture still moves
  assert.notEqual(wire.sent.at(-1).type, 'leave', 'the old watch is left too early');
  start(wire, second.id);
  session.playerPlays();
  assert.deepEqual(wire.sent.at(-1), { type: 'leave', id: first.id });
});

test('a suspended session gets no media until it resumes', () => {
  const { session, sunk } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id);
  session.playerPlays();
  session.suspend();
  assert.deepEqual(latest().sent.at(-1), { type: 'leave', id });
  assert.deepEqual([session.isSuspended, session.isWanted, session.view.phase], [true, true, 'playing']);
  session.setAudio(true);
  session.wake();
  session.restartForPlayer();
  mock.timers.tick(60_000);
  latest().break();
  mock.timers.tick(2500);
  assert.equal(Wire.made.length, 1, 'no reconnect without a watch');
  session.resume();
  latest().open();
  assert.equal(session.isSuspended, false);
  assert.equal(asked(latest()).at(-1).sound, true);
  start(latest(), asked(latest()).at(-1).id);
  assert.equal(sunk.at(-1)[1], 'pictures');
});

test('a broken player requests fresh media from the next key frame', () => {
  const { session } = begun();
  start(latest(), asked(latest())[0].id);
  session.restartForPlayer();
  mock.timers.tick(10);
  assert.equal(asked(latest()).at(-1).fresh, true);
});

test('a picture that stands does not delay the media that is to replace it', () => {
  const { session } = begun();
  start(latest(), asked(latest())[0].id);
  session.playerPlays();
  session.rewatch();
  const { id } = asked(latest()).at(-1);
  session.playerStalls(9);
  session.restartForPlayer();
  mock.timers.tick(5000);
  assert.equal(asked(latest()).at(-1).id, id, 'the watch goes on');
});

test('a broken player leaves its stream after it watches the stream anew', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id);
  session.playerPlays();
  session.restartForPlayer();
  mock.timers.tick(10);
  const [watch, leave] = latest().sent.slice(-2);
  assert.deepEqual([watch.type, leave], ['watch', { type: 'leave', id }], 'without a viewer, the server ends the session');
});

test('a stream that was still waiting is left before another one begins', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  session.play({ ...REQUEST, profileToken: 'b' });
  const [leave, watch] = latest().sent.slice(-2);
  assert.deepEqual([leave, watch.type], [{ type: 'leave', id }, 'watch'], 'its place may be the last one');
});

test('another engine gets the stream while the old picture stays', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  session.rewatch();
  assert.equal(asked(latest()).length, 1, 'the first one still waits for media');
  start(latest(), id);
  session.playerPlays();
  session.rewatch();
  assert.equal(asked(latest()).at(-1).fresh, false);
  assert.equal(session.view.phase, 'playing');
  assert.ok(!latest().sent.some(({ type }) => type === 'leave'));
  start(latest(), asked(latest()).at(-1).id);
  session.playerPlays();
  assert.deepEqual(latest().sent.at(-1), { type: 'leave', id });
});

test('another engine gets the stream after a failure of the camera', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id);
  session.playerPlays();
  const running = { status: 'running', error: null, bitrate_kbps: 500, waiting_for: null };
  latest().receive({ type: 'state', id, stream: { ...running, status: 'failed', error: { code: 'unreachable', detail: 'Away.' } } });
  session.rewatch();
  assert.equal(asked(latest()).length, 1);
  latest().receive({ type: 'state', id, stream: running });
  assert.equal(asked(latest()).length, 2);
  latest().receive({ type: 'state', id: asked(latest())[1].id, stream: running });
  assert.equal(asked(latest()).length, 2, 'once is enough');
});

test('a next stream whose engine fails leaves the picture on screen', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id);
  session.playerPlays();
  session.play({ ...REQUEST, profileToken: 'b' });
  const next = asked(latest())[1].id;
  start(latest(), next);
  mock.timers.tick(7000);
  session.rewatch();
  mock.timers.tick(7000);
  const left = () => latest().sent.flatMap((message) => (message.type === 'leave' ? [message.id] : []));
  assert.deepEqual([left(), session.view.phase], [[next], 'playing']);
  start(latest(), asked(latest())[2].id);
  session.playerPlays();
  assert.deepEqual(left(), [next, id]);
});

/** @param {Wire} wire @param {string} [codecs] */
function startWithAudio(wire, codecs = 'avc1.42,mp4a.40.2') {
  const { id } = asked(wire).at(-1);
  const sound = { codec: 'aac', sample_rate: 16_000, channels: 1 };
  wire.receive({ type: 'init', id, codecs, codec: 'h264', width: 1, height: 1, sound, has_sound: true });
  wire.receiveBinary(1, id);
}

test('audio that breaks the player costs the audio, never the picture', () => {
  const { session } = begun();
  session.setAudio(true);
  startWithAudio(latest());
  session.restartForPlayer({ isMedia: true });
  assert.deepEqual([asked(latest()).at(-1).sound, session.view.isAudioRefused], [false, true]);
  start(latest(), asked(latest()).at(-1).id);
  session.restartForPlayer({ isMedia: true });
  mock.timers.tick(10);
  assert.equal(asked(latest()).at(-1).sound, false, 'the next start leaves it out, too');
  session.setAudio(false);
  session.setAudio(true);
  assert.deepEqual([asked(latest()).at(-1).sound, session.view.isAudioRefused], [true, false], 'the user has asked for another try');
});

test('a stall is no reason to leave the audio out', () => {
  const { session } = begun();
  session.setAudio(true);
  startWithAudio(latest());
  session.restartForPlayer();
  mock.timers.tick(10);
  assert.equal(asked(latest()).at(-1).sound, true);
});

test('audio of a codec that this browser does not play is left out', () => {
  const { session, heard } = begun();
  session.setAudio(true);
  startWithAudio(latest(), 'hvc1.1,mp4a.40.2');
  assert.deepEqual([asked(latest()).at(-1).sound, session.view.isAudioRefused, heard], [false, true, []]);
});

test('a codec that cannot be played makes the session unplayable', () => {
  const { heard } = begun();
  const [{ id }] = asked(latest());
  start(latest(), id, 'hvc1.1');
  assert.deepEqual(heard, ['codec']);
});

test('a stream that goes over HLS only makes the session unplayable', () => {
  const { heard } = begun();
  const [{ id }] = asked(latest());
  latest().receive({ type: 'state', id, stream: { status: 'starting', waiting_for: 'connecting', source_codec: null } });
  assert.deepEqual(heard, []);
  latest().receive({ type: 'state', id, stream: { status: 'starting', waiting_for: 'hls', source_codec: 'mjpeg' } });
  assert.deepEqual(heard, ['codec']);
});

test('a silent camera does not make the session unplayable', () => {
  const { heard } = begun();
  const [{ id }] = asked(latest());
  for (let count = 0; count < 30; count += 1) {
    latest().receive({ type: 'state', id, stream: { status: 'stalled', waiting_for: 'connecting', bitrate_kbps: null } });
    latest().receive({ type: 'state', id, stream: { status: 'stalled', waiting_for: 'buffering', bitrate_kbps: 0 } });
    latest().receive({ type: 'state', id, stream: { status: 'reconnecting', waiting_for: 'key_frame', bitrate_kbps: 900 } });
    mock.timers.tick(2000);
  }
  start(latest(), id);
  assert.deepEqual(heard, ['open']);
});

test('media without a key frame makes the session unplayable later', () => {
  const { heard } = begun();
  const [{ id }] = asked(latest());
  const flows = () => latest().receive({ type: 'state', id, stream: { status: 'starting', waiting_for: 'buffering', bitrate_kbps: 900 } });
  flows();
  mock.timers.tick(3_600_000); // the machine slept
  for (let count = 0; count < 3; count += 1) {
    flows();
    mock.timers.tick(2000);
  }
  assert.deepEqual(heard, []);
  for (let count = 0; count < 2; count += 1) {
    flows();
    mock.timers.tick(2000);
  }
  assert.deepEqual(heard, ['no_key_frame']);
});

test('a try waits for the next key frame, however far away it is', () => {
  const { session, heard } = begun();
  start(latest(), asked(latest())[0].id);
  session.tryBetter({ ...REQUEST, profileToken: 'main' });
  const { id, fresh } = /** @type {any} */ (asked(latest()).at(-1));
  assert.equal(fresh, true);
  for (let count = 0; count < 20; count += 1) {
    latest().receive({ type: 'state', id, stream: { status: 'running', waiting_for: null, bitrate_kbps: 4000 } });
    mock.timers.tick(2000);
  }
  assert.deepEqual(heard, ['open']);
});

test('a socket that fails three times makes the session unplayable', () => {
  const link = socket();
  const session = new SocketSession(link, { plays: () => true });
  let reason = '';
  session.addEventListener('unplayable', (event) => (reason = /** @type {CustomEvent} */ (event).detail.reason));
  session.play(REQUEST);
  for (let count = 0; count < 3; count += 1) {
    assert.equal(reason, '');
    latest().break();
    mock.timers.tick(2500);
  }
  assert.equal(reason, 'socket');
});

test('a socket that an ended login closed is not opened again', () => {
  let ended = 0;
  const link = socket({ onLoginEnded: () => (ended += 1) });
  new SocketSession(link, { plays: () => true }).play(REQUEST);
  latest().open();
  latest().break(4401);
  mock.timers.tick(5000);
  assert.equal(ended, 1);
  assert.equal(Wire.made.length, 1);
});

test('a problem is tried again if its code allows it', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  latest().receive({ type: 'problem', id, code: 'stream_limit', detail: 'full' });
  assert.equal(session.view.phase, 'failed');
  assert.ok(session.view.retryAtMs);
  mock.timers.tick(16_000);
  assert.equal(asked(latest()).length, 2);
  latest().receive({ type: 'problem', id: asked(latest())[1].id, code: 'camera_auth_failed', detail: 'no' });
  assert.equal(session.view.retryAtMs, null);
});

test('a refusal has the users of the limit and the server’s delay', () => {
  const { session } = begun();
  /** @param {object} more */
  const refused = (more) => {
    const { id } = asked(latest()).at(-1);
    latest().receive({ type: 'problem', id, code: 'stream_limit', detail: 'full', ...more });
    return { usedBy: session.view.usedBy, inMs: (session.view.retryAtMs ?? 0) - Date.now() };
  };
  assert.deepEqual(refused({ used_by: ['camera1_a', 'camera2_b'], retry_after_s: 40 }), {
    usedBy: ['camera1_a', 'camera2_b'],
    inMs: 40_000,
  });
  mock.timers.tick(39_000);
  assert.equal(asked(latest()).length, 1);
  mock.timers.tick(1000);
  assert.equal(asked(latest()).length, 2);
  assert.deepEqual(session.view.usedBy, [], 'not during the next try');
  assert.deepEqual(refused({ used_by: 'camera1_a', retry_after_s: 'soon' }), { usedBy: [], inMs: 15_000 });
  session.retry();
  assert.deepEqual(refused({ used_by: [1, 'camera1_a', null], retry_after_s: -3 }), { usedBy: ['camera1_a'], inMs: 15_000 });
  session.retry();
  assert.deepEqual(refused({ retry_after_s: Infinity }), { usedBy: [], inMs: 15_000 });
});

test('a stream that another user stopped is not started again', () => {
  const { session } = begun();
  const [{ id }] = asked(latest());
  latest().receive({ type: 'state', id, stream: { status: 'stopped', error: null } });
  assert.equal(session.view.phase, 'ended');
  mock.timers.tick(60_000);
  assert.equal(asked(latest()).length, 1);
});

test('invalid binary messages are ignored', () => {
  const { sunk } = begun();
  const [{ id }] = asked(latest());
  latest().dispatchEvent(Object.assign(new Event('message'), { data: new ArrayBuffer(3) }));
  latest().receiveBinary(2, id);
  latest().receiveBinary(2, 999);
  assert.equal(sunk.length, 0, 'no init section came yet');
});

test('the clock keeps the measurement with the shortest round trip', () => {
  const clock = new SocketClock();
  clock.observe(1000, 51_100, 1200);
  assert.equal(clock.nowMs(2000), 52_000);
  clock.observe(2000, 52_015, 2010);
  assert.equal(clock.nowMs(3000), 53_010);
  clock.observe(3000, 53_500, 3900);
  assert.equal(clock.nowMs(4000), 54_010, 'a slow reply is ignored');
  clock.observe(4000, 90_005, 4010);
  assert.equal(clock.nowMs(5000), 91_000, 'the clock of the server was set');
});

test('a step of the computer’s clock does not change the server’s time', () => {
  const { link } = begun();
  const before = link.clock.nowMs();
  const now = Date.now;
  mock.method(performance, 'now', () => now());
  mock.method(Date, 'now', () => now() + 5000);
  assert.equal(link.clock.nowMs(), before);
});

test('the server’s time is asked again when the two own clocks part', () => {
  begun();
  const questions = () => latest().sent.filter(({ type }) => type === 'clock').length;
  mock.timers.tick(1000);
  const before = questions();
  mock.timers.tick(1000);
  assert.equal(questions(), before);
  mock.method(performance, 'now', () => Date.now() - 60_000); // it stood still while the machine slept
  mock.timers.tick(1000);
  assert.equal(questions(), before + 1);
  mock.timers.tick(1000);
  assert.equal(questions(), before + 1);
});
