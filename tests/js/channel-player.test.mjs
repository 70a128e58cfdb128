// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
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
  detached = 0;
  attachLive = () => ({ init: () => {}, append: () => {} });
  detachLive = () => (this.detached += 1);
  prepareLive() {}
  pause() {}
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
    assert.deepEqual(profiles(), ['sub', 'main', 'sub', 'main']);
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
  assert.deepEqual(rates(), [null, null, null, null]);
  const stream = { status: 'running', waiting_for: null, bitrate_kbps: 200 };
  wire().receive({ type: 'state', id: watched().at(-1).id, stream });
  assert.deepEqual(rates(), [null, 200, 22, 7]);
  assert.deepEqual(rates(2), [null, null, null, null], 'another channel');
});
