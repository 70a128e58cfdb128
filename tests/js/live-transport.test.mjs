// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { HlsSession } from '../../static/js/lib/hls-session.js';
import { LiveSocket } from '../../static/js/lib/live-socket.js';
import { LiveTransport } from '../../static/js/lib/live-transport.js';
import { Refusals } from '../../static/js/lib/refusals.js';
import { SocketSession } from '../../static/js/lib/socket-session.js';
import { Server } from './stream-server.mjs';
import { mockTime, pass } from './time.mjs';
import { Wire } from './wire.mjs';

const REQUEST = { cameraId: 1, profileToken: 'a', accept: ['h264'] };

function begun() {
  const server = Object.assign(new Server(), { onStart: { status: 'running' }, onStatus: { status: 'running' } });
  const socket = new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5 });
  const socketSession = new SocketSession(socket, { plays: (codecs) => codecs.startsWith('avc1'), random: () => 0.5 });
  const transport = new LiveTransport({ socketSession, hlsSession: new HlsSession(server, { random: () => 0.5 }) });
  /** @type {string[]} */
  const opened = [];
  transport.addEventListener('open', () => {
    opened.push(transport.view.transport);
    transport.sink = { init: () => {}, append: () => {}, takeBack: () => true };
  });
  transport.play(REQUEST);
  return { server, transport, opened };
}

function latest() {
  const wire = Wire.made.at(-1);
  assert.ok(wire);
  return wire;
}

const watched = () => latest().sent.filter((message) => message.type === 'watch');

/** Send the init section of the latest watch. @param {string} [codecs] @param {string} [codec] */
function start(codecs = 'avc1.42', codec = 'h264') {
  const { id } = watched().at(-1);
  latest().receive({ type: 'init', id, codecs, codec, width: 1, height: 1, sound: null, has_sound: true });
  latest().receiveBinary(1, id);
}

/** Report running media without a key frame, until the session gives up. */
async function withoutKeyFrame() {
  const { id } = watched().at(-1);
  for (let count = 0; count < 8; count += 1) {
    latest().receive({ type: 'state', id, stream: { status: 'running', waiting_for: null, bitrate_kbps: 900 } });
    await pass(2000);
  }
}

mockTime();
beforeEach(() => (Wire.made = []));

test('the socket is tried again while HLS plays, and takes over', async () => {
  const { server, transport, opened } = begun();
  latest().open();
  await withoutKeyFrame();
  assert.equal(transport.view.transport, 'hls');
  assert.equal(watched().length, 1);
  await pass(60_000);
  assert.equal(watched().length, 2);
  assert.equal(transport.view.transport, 'hls', 'HLS plays on');
  assert.equal(server.stops.length, 0);
  start();
  await pass();
  assert.equal(transport.view.transport, 'socket');
  assert.equal(transport.view.transportReason, '');
  assert.equal(server.stops.length, 1);
  assert.deepEqual(opened, ['hls', 'socket']);
});

test('a failed try leaves HLS alone, and the next one comes later', async () => {
  const { server, transport, opened } = begun();
  latest().open();
  await withoutKeyFrame();
  await pass(70_000);
  assert.equal(watched().length, 2);
  assert.equal(latest().sent.findLast(({ type }) => type !== 'clock').type, 'leave', 'the try is left');
  await pass(100_000);
  assert.equal(watched().length, 2);
  await pass(30_000);
  assert.equal(watched().length, 3);
  assert.deepEqual([transport.view.transport, opened, server.starts, server.stops.length], ['hls', ['hls'], 1, 0]);
});

test('a camera that comes back is tried over the socket immediately', async () => {
  const { server, transport } = begun();
  latest().open();
  start('hvc1.1');
  await pass(3_600_000, 2000);
  assert.equal(watched().length, 1, 'time does not change the codecs of this browser');
  server.onStatus = { status: 'reconnecting' };
  await pass(3000);
  server.onStatus = { status: 'running' };
  await pass(3000);
  assert.equal(watched().length, 2);
  start();
  assert.equal(transport.view.transport, 'socket');
  transport.play(REQUEST);
  assert.equal(transport.view.transport, 'socket', 'the refusal has lapsed');
});

test('a network without WebSockets is tried again', async () => {
  const { transport } = begun();
  for (let count = 0; count < 3; count += 1) {
    latest().break();
    await pass(2500);
  }
  assert.equal(transport.view.transport, 'hls');
  const made = Wire.made.length;
  await pass(60_000);
  assert.equal(Wire.made.length, made + 1);
  latest().open();
  start();
  assert.equal(transport.view.transport, 'socket');
});

test('the page can play another profile if the codec differs', async () => {
  const { server, transport } = begun();
  /** @type {any[]} */
  const emitted = [];
  transport.addEventListener('codec', (event) => {
    emitted.push(/** @type {CustomEvent} */ (event).detail);
    event.preventDefault();
    transport.play({ ...REQUEST, profileToken: 'b' });
  });
  latest().open();
  start('hvc1.1', 'hevc');
  await pass(1000);
  assert.deepEqual(emitted, [{ profileToken: 'a', codec: 'hevc' }]);
  assert.deepEqual([transport.view.transport, watched().at(-1).profile_token, server.starts], ['socket', 'b', 0]);
});

test('the server’s codec is reported once, unless it is converted', async () => {
  const { server, transport } = begun();
  /** @type {string[]} */
  const emitted = [];
  transport.addEventListener('codec', (event) => emitted.push(/** @type {CustomEvent} */ (event).detail.codec));
  latest().open();
  const { id } = watched().at(-1);
  latest().receive({ type: 'state', id, stream: { status: 'starting', waiting_for: 'buffering', source_codec: 'hevc' } });
  assert.deepEqual(emitted, ['hevc']);
  server.onStart = server.onStatus = { status: 'running', source_codec: 'hevc', transcoding: true };
  transport.play({ ...REQUEST, transport: 'hls' });
  await pass(5000);
  assert.deepEqual(emitted, ['hevc', 'hevc'], 'once');
  transport.play({ ...REQUEST, converting: true });
  await pass(5000);
  transport.play({ ...REQUEST, transport: 'hls', accept: ['h264', 'hevc'] });
  await pass(5000);
  assert.deepEqual(emitted, ['hevc', 'hevc']);
});

test('no try is made after stop', async () => {
  const { transport } = begun();
  latest().open();
  await withoutKeyFrame();
  transport.stop();
  await pass(120_000);
  assert.equal(watched().length, 1);
});

test('a refusal lapses after a time that grows to 15 minutes', () => {
  let nowMs = 0;
  const refusals = new Refusals(() => nowMs);
  const lasted = [0, 1, 2, 3, 4, 5].map(() => {
    refusals.add('1 a', 'no_key_frame');
    const leftMs = refusals.of('1 a')?.leftMs ?? 0;
    nowMs += leftMs;
    assert.equal(refusals.of('1 a'), null);
    return leftMs / 60_000;
  });
  assert.deepEqual(lasted, [1, 2, 4, 8, 15, 15]);
  assert.equal(refusals.of('1 b'), null);
});

test('a stream that the link does not carry is replaced', () => {
  const { transport } = begun();
  latest().open();
  start();
  transport.playerPlays();
  const [first] = watched();
  transport.play({ ...REQUEST, profileToken: 'b', keyFramesOnly: true }, { endsOld: true });
  const second = watched().at(-1);
  assert.deepEqual([second.instead_of, second.key_frames_only, second.fresh], [first.id, true, false]);
  transport.play(REQUEST, { isTry: true });
  const third = watched().at(-1);
  assert.deepEqual([third.instead_of, third.key_frames_only, third.fresh], [undefined, false, true]);
});

test('a stream that begins over the socket replaces nothing', () => {
  const { transport } = begun();
  latest().open();
  transport.leave();
  transport.play(REQUEST, { endsOld: true });
  assert.equal(watched().at(-1).instead_of, undefined);
});

test('a refused start is tried again after the time that the server names', async () => {
  const { transport } = begun();
  latest().open();
  const refuse = () => {
    const { id } = watched().at(-1);
    latest().receive({ type: 'problem', id, code: 'join_limit', detail: 'too many', retry_after_s: 7 });
  };
  for (const count of [1, 2]) {
    refuse();
    assert.deepEqual([transport.view.phase, transport.view.problem], ['queued', null]);
    await pass(6900);
    assert.equal(watched().length, count);
    await pass(200);
    assert.equal(watched().length, count + 1);
    assert.equal(transport.view.phase, 'queued', 'it still waits');
  }
  latest().receive({ type: 'watching', id: watched().at(-1).id });
  assert.equal(transport.view.phase, 'connecting');
});

test('a stream that waits on the server is queued until it is joined', () => {
  const { transport } = begun();
  latest().open();
  const { id } = watched().at(-1);
  latest().receive({ type: 'waiting', id, wait_s: 4 });
  assert.equal(transport.view.phase, 'queued');
  latest().receive({ type: 'watching', id });
  assert.equal(transport.view.phase, 'connecting');
});
