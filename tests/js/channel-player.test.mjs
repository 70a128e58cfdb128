// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { LiveSocket } from '../../static/js/lib/live-socket.js';
import { Server } from './stream-server.mjs';
import { mockTime } from './time.mjs';
import { videoOf } from './video.mjs';
import { Wire } from './wire.mjs';

// The classes of a browser that the module's imports need.
Object.assign(globalThis, {
  HTMLElement: class extends EventTarget {},
  customElements: { define: () => {} },
  window: { MediaSource: { isTypeSupported: () => true } },
});
const { ChannelPlayer } = await import('../../static/js/components/channel-player.js');

/** @typedef {import('../../static/js/lib/api.js').Channel} Channel */

/** @returns {Channel} */
const channel = () => ({
  channel: 1,
  name: 'Door',
  video_source_token: 'v',
  hidden: false,
  position: 1,
  problem: null,
  profiles: /** @type {const} */ (['main', 'sub']).map((role) => ({
    profile_token: role,
    name: '',
    role,
    video: videoOf('h264'),
    audio: null,
  })),
});

class FakePlayer extends EventTarget {
  hasFrame = false;
  isFrozen = true;
  isChanging = false;
  detached = 0;
  /** How many streams were taken back from the next one. */
  takenBack = 0;
  /** Of the stream on screen; the first one is. */
  #present = 1;
  #attached = 0;
  /** @type {object[]} */
  attachedHow = [];

  /** @param {object} how */
  attachLive(how) {
    this.#attached += 1;
    this.attachedHow.push(how);
    const number = this.#attached;
    this.isChanging = number !== this.#present;
    const takeBack = () => {
      if (number !== this.#present) return false;
      this.isChanging = false;
      this.takenBack += 1;
      return true;
    };
    return { init: () => {}, append: () => {}, takeBack };
  }

  /** The next stream is on screen. */
  takeNext() {
    this.#present = this.#attached;
    this.isChanging = false;
  }

  detachLive = () => (this.detached += 1);
  prepareLive() {}
  pause() {}
  resume() {}
  forget() {}
  toggleAttribute() {}
  removeAttribute() {}
}

const REQUEST = { cameraId: 1, number: 1, quality: null, isActive: true, isAudible: false };

function played() {
  const socket = new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5 });
  const view = new FakePlayer();
  const player = new ChannelPlayer({
    player: /** @type {any} */ (view),
    snapshot: /** @type {any} */ ({ clear: () => {} }),
    api: /** @type {any} */ (new Server()),
    socket,
    snapshots: /** @type {any} */ ({ add: () => {} }),
    decodes: ['h264'],
  });
  player.setRequest({ ...REQUEST, channel: channel(), rung: 'sub' });
  wire().open();
  start();
  view.dispatchEvent(new CustomEvent('player-plays', { detail: 'live' }));
  return { player, view };
}

function wire() {
  const made = Wire.made.at(-1);
  assert.ok(made);
  return made;
}

const watched = () => wire().sent.filter(({ type }) => type === 'watch');

/** Send the init section and a key frame of the latest watch. */
function start() {
  const { id } = watched().at(-1);
  wire().receive({ type: 'init', id, codecs: 'avc1.42', codec: 'h264', width: 1, height: 1, sound: null, has_sound: true });
  wire().receiveBinary(1, id);
}

/** @param {string} code */
function refuse(code) {
  wire().receive({ type: 'problem', id: watched().at(-1).id, code, detail: 'full' });
}

const profiles = () => watched().map(({ profile_token: token }) => token);

mockTime();
beforeEach(() => (Wire.made = []));

test('a refused try leads back to the rung before it, and main stays a rung', () => {
  for (const code of ['busy', 'stream_limit', 'camera_busy', 'camera_timeout']) {
    Wire.made = [];
    const { player, view } = played();
    const detached = view.detached;
    player.setRung('main', { isTry: true });
    assert.deepEqual([player.isStarting, player.hasFailedTry], [true, false]);
    refuse(code);
    assert.deepEqual([player.isStarting, player.hasFailedTry, player.chosenProfile?.quality], [false, true, 'sub']);
    assert.equal(view.detached, detached, 'the old picture stays');
    assert.equal(player.rungsAt({ cameraId: 1, number: 1, channel: channel() }, Infinity)[0]?.name, 'main');
    player.setRung('main', { isTry: true });
    assert.equal(player.hasFailedTry, false);
    assert.deepEqual([profiles(), view.takenBack], [['sub', 'main', 'main'], 1], 'sub went on');
    player.close();
  }
});

test('the user gets main after a refused try, and also during one', () => {
  const { player } = played();
  player.setRung('main', { isTry: true });
  refuse('camera_busy');
  player.setRequest({ ...REQUEST, channel: channel(), quality: 'main', rung: 'main' });
  assert.deepEqual([player.chosenProfile?.quality, profiles().at(-1)], ['main', 'main']);
  player.setRequest({ ...REQUEST, channel: channel(), quality: null, rung: 'sub' });
  player.setRung('main', { isTry: true });
  player.setRequest({ ...REQUEST, channel: channel(), quality: 'main', rung: 'main' });
  refuse('camera_busy');
  assert.deepEqual([player.chosenProfile?.quality, player.view.problem?.code], ['main', 'camera_busy']);
});

test('two tiles of the same channel are two tiles of the quality ladder', async () => {
  const { LiveTile } = await import('../../static/js/components/live-tile.js');
  const [one, other] = [new LiveTile(), new LiveTile()];
  assert.notEqual(one.ladderId, other.ladderId);
});

test('a lower choice on a thin link ends the old media immediately', () => {
  const { player, view } = played();
  const one = channel();
  player.setRequest({ ...REQUEST, channel: one, quality: 'main', rung: 'main' }, { isLinkThin: true });
  assert.equal(watched().at(-1).instead_of, undefined, 'a better quality');
  start();
  view.dispatchEvent(new CustomEvent('player-plays', { detail: 'live' }));
  player.setRequest({ ...REQUEST, channel: one, quality: 'sub', rung: 'sub' }, { isLinkThin: true });
  assert.equal(watched().at(-1).instead_of, watched().at(-2).id);
  player.setRequest({ ...REQUEST, channel: one, quality: 'sub', rung: 'keys' });
  assert.equal(watched().at(-1).instead_of, undefined, 'the link is free');
});

test('the rate of the stream that plays is the measured one', () => {
  const { player } = played();
  const rates = (number = 1) => player.rungsAt({ cameraId: 1, number, channel: channel() }, Infinity).map(({ kbps }) => kbps);
  assert.deepEqual(rates(), [null, null, 190, null, null]);
  const stream = { status: 'running', waiting_for: null, bitrate_kbps: 200 };
  wire().receive({ type: 'state', id: watched().at(-1).id, stream });
  assert.deepEqual(rates(), [null, 200, 120, 22, 7]);
  assert.deepEqual(rates(2), [null, null, 190, null, null], 'another channel');
});

test('small video plays without audio, and its rate is not the sub stream’s', () => {
  const { player } = played();
  player.setAudible(true);
  player.setRung('phone', { endsOld: true });
  const { profile_token: token, small, sound, key_frames_only: keysOnly, instead_of: old, id } = watched().at(-1);
  assert.deepEqual([token, small, sound, keysOnly, old], ['sub', true, false, false, id - 1]);
  start();
  assert.deepEqual([player.hasAudio, player.lacksAudio], [true, true]);
  wire().receive({ type: 'state', id, stream: { status: 'running', waiting_for: null, bitrate_kbps: 130, source_codec: 'hevc' } });
  const rates = player.rungsAt({ cameraId: 1, number: 1, channel: channel() }, Infinity).map(({ kbps }) => kbps);
  assert.deepEqual(rates, [null, null, 190, null, null], 'and the codec of the camera does not matter');
  assert.equal(player.view.transport, 'socket');
});

test('key frames replace small video that is refused or fails', () => {
  const stream = { status: 'reconnecting', waiting_for: null, error: { code: 'ffmpeg_failed', detail: '' } };
  const failures = /** @type {(() => void)[]} */ ([
    () => refuse('transcode_limit'),
    () => refuse('camera_unsupported'),
    () => wire().receive({ type: 'state', id: watched().at(-1).id, stream }),
    () => wire().receive({ type: 'state', id: watched().at(-1).id, stream: { ...stream, status: 'failed' } }),
  ]);
  for (const fail of failures) {
    Wire.made = [];
    const { player, view } = played();
    const detached = view.detached;
    player.setRung('phone', { endsOld: true });
    fail();
    const { profile_token: token, small, key_frames_only: keysOnly } = watched().at(-1);
    assert.deepEqual([token, small, keysOnly, view.detached], ['sub', false, true, detached]);
    const rungs = () => player.rungsAt({ cameraId: 1, number: 1, channel: channel() }, Infinity).map(({ name }) => name);
    assert.deepEqual(rungs(), ['main', 'sub', 'keys', 'stills']);
    const count = watched().length;
    player.setRung('keys');
    assert.equal(watched().length, count);
    mock.timers.tick(61_000);
    assert.equal(rungs().includes('phone'), true);
    player.close();
  }
});

test('small video that is refused in a try is no rung for a while', () => {
  const { player } = played();
  player.setRequest({ ...REQUEST, channel: channel(), rung: 'keys' });
  player.setRung('phone', { isTry: true });
  refuse('transcode_limit');
  assert.deepEqual([player.hasFailedTry, player.isStarting], [true, false]);
  const rungs = player.rungsAt({ cameraId: 1, number: 1, channel: channel() }, Infinity).map(({ name }) => name);
  assert.deepEqual(rungs, ['main', 'sub', 'keys', 'stills']);
});

test('a large tile keeps main while the server limits the starts', () => {
  const { player, view } = played();
  player.setRequest({ ...REQUEST, channel: channel(), quality: 'main', rung: 'main', fallsBack: true });
  const detached = view.detached;
  refuse('join_limit');
  assert.deepEqual([player.chosenProfile?.quality, player.nowPlaying.refusal, view.detached], ['main', null, detached]);
  assert.equal(player.rungsAt({ cameraId: 1, number: 1, channel: channel() }, Infinity)[0]?.name, 'main');
});

test('a try that the link does not carry gives way to the stream below', () => {
  const { player, view } = played();
  player.setRung('main', { isTry: true });
  start();
  player.setRung('sub', { endsOld: true });
  assert.deepEqual([profiles(), view.takenBack], [['sub', 'main'], 1]);
  player.setRung('main', { isTry: true });
  start();
  view.takeNext();
  player.setRung('sub', { endsOld: true });
  assert.deepEqual([profiles(), view.takenBack], [['sub', 'main', 'main', 'sub'], 1], 'its engine is closed');
  assert.equal(watched().at(-1).instead_of, watched().at(-2).id);
});

test('a pause during a try keeps the frame on screen', () => {
  const { player, view } = played();
  player.setRung('main', { isTry: true });
  start();
  player.setPaused(true);
  assert.deepEqual([player.isPaused, player.isStarting, player.hasFailedTry], [true, false, false]);
  assert.deepEqual([profiles(), view.takenBack], [['sub', 'main'], 1]);
  player.setPaused(false);
  player.setRung('main', { isTry: true });
  start();
  view.takeNext();
  player.setPaused(true);
  assert.deepEqual(profiles(), ['sub', 'main', 'main'], 'the frame is that of main');
});

test('a try ends with the connection, and sub comes back', () => {
  const { player } = played();
  player.setRung('main', { isTry: true });
  wire().break();
  mock.timers.tick(3000);
  wire().open();
  assert.deepEqual([profiles(), player.isStarting, player.hasFailedTry], [['sub'], false, true]);
});

test('a try without any key frame does not lead to HLS', () => {
  const { player } = played();
  player.setRung('main', { isTry: true });
  for (let count = 0; count < 45; count += 1) {
    const stream = { status: 'running', waiting_for: null, bitrate_kbps: 4000 };
    wire().receive({ type: 'state', id: watched().at(-1).id, stream });
    mock.timers.tick(2000);
  }
  assert.deepEqual([player.view.transport, player.hasFailedTry, profiles().slice(0, 2)], ['socket', true, ['sub', 'main']]);
  assert.equal(player.chosenProfile?.quality, 'sub');
});

test('a tried stream that the user chooses starts immediately', () => {
  const { player, view } = played();
  player.setRung('main', { isTry: true });
  assert.equal(watched().at(-1).fresh, true);
  player.setRequest({ ...REQUEST, channel: channel(), quality: 'main', rung: 'main' });
  assert.deepEqual([profiles().at(-1), watched().at(-1).fresh], ['main', false]);
  start();
  assert.deepEqual(view.attachedHow.at(-1), { keyFramesOnly: false, heldMs: 0 });
  player.setRequest({ ...REQUEST, channel: channel(), quality: 'main', rung: 'main' });
  assert.equal(watched().length, 3);
});

test('audio that is turned on during a try comes with the stream before', () => {
  const turnedOn = /** @type {((player: InstanceType<typeof ChannelPlayer>) => void)[]} */ ([
    (player) => player.setAudible(true),
    (player) => player.setRequest({ ...REQUEST, channel: channel(), rung: 'main', isAudible: true }),
  ]);
  for (const turnOn of turnedOn) {
    const { player } = played();
    player.setRung('main', { isTry: true });
    turnOn(player);
    const { profile_token: token, sound, fresh } = watched().at(-1);
    assert.deepEqual([token, sound, fresh], ['sub', true, false]);
    assert.deepEqual([player.isStarting, player.hasFailedTry], [false, true]);
    player.close();
  }
  const { player } = played();
  player.setRequest({ ...REQUEST, channel: channel(), rung: 'keys' });
  player.setRung('sub', { isTry: true });
  player.setAudible(true);
  assert.deepEqual([watched().at(-1).key_frames_only, watched().at(-1).sound], [false, true], 'key frames have no audio');
  assert.equal(player.isStarting, true);
});

test('audio that is turned on without a try starts no other stream', () => {
  const { player } = played();
  player.setAudible(true);
  assert.deepEqual([profiles(), watched().at(-1).sound], [['sub', 'sub'], true]);
  player.setAudible(true);
  assert.equal(watched().length, 2);
});

test('a try that broke its decoder has shown no frame', () => {
  const { player, view } = played();
  player.setRung('main', { isTry: true });
  start();
  view.dispatchEvent(new CustomEvent('player-restart', { detail: null }));
  view.dispatchEvent(new CustomEvent('player-plays', { detail: 'present' }));
  assert.equal(player.isStarting, true);
});

test('a stream that rests is no try', () => {
  const { player } = played();
  player.setRung('main', { isTry: true });
  player.setRequest({ ...REQUEST, channel: channel(), rung: 'main', isActive: false });
  assert.equal(player.isStarting, false);
});

test('another channel is requested before the old picture is cleared', () => {
  const { player, view } = played();
  /** @type {string[]} */
  const order = [];
  const send = mock.method(wire(), 'send', (/** @type {string} */ text) => order.push(JSON.parse(text).type));
  const { detached } = view;
  mock.method(view, 'forget', () => order.push('forget'));
  mock.method(view, 'prepareLive', () => order.push('prepare'));
  player.setRequest({ ...REQUEST, number: 2, channel: { ...channel(), channel: 2 }, rung: 'sub' });
  assert.deepEqual(order, ['leave', 'watch', 'forget', 'prepare']);
  assert.equal(view.detached, detached, 'no picture is frozen');
  send.mock.restore();
  player.close();
});

test('the picture of a channel is cleared with its last request', () => {
  const { player, view } = played();
  const forget = mock.method(view, 'forget');
  player.setRequest(null);
  assert.equal(forget.mock.callCount(), 1);
  assert.deepEqual(watched().length, 1);
  player.close();
});
