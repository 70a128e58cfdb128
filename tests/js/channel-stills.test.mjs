// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelStills } from '../../static/js/components/channel-stills.js';
import { StillQueue } from '../../static/js/lib/still-queue.js';
import { mockTime, pass } from './time.mjs';
import { videoOf } from './video.mjs';

mockTime();

class FakePlayer extends EventTarget {
  isStarting = false;
  hasFailedTry = false;
  view = { phase: 'idle' };
  /** @type {any[]} */
  requests = [];

  /** @param {any} request @param {any} how */
  setRequest(request, how) {
    this.requests.push({ rung: request.rung, isActive: request.isActive, isTry: how?.isTry });
  }

  /** @param {string} rung */
  setRung(rung) {
    this.requests.push({ rung });
  }

  /** @param {string} phase */
  to(phase) {
    this.view = { phase };
    this.dispatchEvent(new Event('change'));
  }
}

class FakeImage {
  /** @type {Date|null} */
  takenAt = null;
  /** @type {string[]} */
  shown = [];

  get hasPicture() {
    return this.takenAt !== null;
  }

  /** @param {any} blob @param {Date} takenAt */
  async show(blob, takenAt) {
    this.takenAt = takenAt;
    this.shown.push(String(blob));
  }
}

const PROFILES = [{ profile_token: 'sub', name: '', role: 'sub', video: videoOf('h264'), audio: null }];
const REQUEST = /** @type {any} */ ({ cameraId: 1, number: 1, quality: 'sub', isActive: true, isAudible: false });

/** @param {{loadMs?: number, queue?: StillQueue}} [how] */
function shown({ loadMs = 100, queue = new StillQueue() } = {}) {
  const player = new FakePlayer();
  const image = new FakeImage();
  /** @type {any[]} */
  const asked = [];
  const api = {
    takenAt: /** @type {() => Date} */ (() => new Date()),
    /** @param {number} id @param {any} how */
    snapshot: async (id, how) => {
      asked.push({ id, ...how, atMs: Date.now() });
      const takenAt = api.takenAt();
      await new Promise((resolve) => setTimeout(resolve, loadMs));
      return { blob: /** @type {any} */ (`still ${asked.length}`), takenAt, loadMs };
    },
  };
  const stills = new ChannelStills({ player: /** @type {any} */ (player), image: /** @type {any} */ (image), api, queue });
  const request = { ...REQUEST, channel: { channel: 1, profiles: PROFILES }, rung: 'keys' };
  stills.setRequest(request);
  return { stills, player, image, asked, api, request };
}

test('the lowest rung leaves the stream and loads small stills', async () => {
  const { stills, player, image, asked } = shown();
  stills.setRung('stills', { endsOld: true });
  assert.deepEqual(player.requests.at(-1), { rung: 'stills', isActive: false, isTry: undefined });
  await pass(200);
  assert.equal(image.shown.length, 1);
  assert.deepEqual([asked[0].profileToken, asked[0].isSmall, asked[0].cached], ['sub', true, undefined]);
  await pass(30_000);
  assert.ok(image.shown.length >= 5 && image.shown.length <= 7, String(image.shown.length));
  assert.ok(Math.abs(stills.spacingS - 5) < 1, String(stills.spacingS));
  assert.deepEqual([stills.isOn, stills.isShown], [true, true]);
});

test('stills that take long are requested rarely', async () => {
  const { stills, asked } = shown({ loadMs: 4000 });
  stills.setRung('stills');
  await pass(60_000);
  assert.ok(asked.length <= 6 && asked.length >= 4, String(asked.length));
});

test('the stills of a page are loaded one after another', async () => {
  const queue = new StillQueue();
  const tiles = [shown({ queue, loadMs: 1000 }), shown({ queue, loadMs: 1000 })];
  for (const { stills } of tiles) stills.setRung('stills');
  await pass(20_000);
  const times = tiles.flatMap(({ asked }) => asked.map(({ atMs }) => atMs)).sort((a, b) => a - b);
  assert.ok(times.length >= 4);
  for (const [index, atMs] of times.slice(1).entries()) assert.ok(atMs - (times[index] ?? 0) >= 3000, String(times));
  assert.ok(tiles.every(({ image }) => image.shown.length >= 2));
});

test('an older still never replaces a newer one', async () => {
  const { stills, image, api } = shown();
  stills.setRung('stills');
  await pass(200);
  api.takenAt = () => new Date(-60_000);
  await pass(20_000);
  assert.equal(image.shown.length, 1);
});

test('a better rung is tried below the stills, until its first frame', async () => {
  const { stills, player, asked } = shown();
  stills.setRung('stills');
  await pass(200);
  stills.setRung('keys', { isTry: true });
  assert.deepEqual(player.requests.at(-1), { rung: 'keys', isActive: true, isTry: true });
  player.to('connecting');
  const count = asked.length;
  await pass(10_000);
  assert.equal(asked.length, count, 'the link is free for the try');
  assert.deepEqual([stills.isOn, stills.isShown, stills.isStarting], [false, true, true]);
  player.to('playing');
  assert.deepEqual([stills.isShown, stills.isStarting, stills.hasFailedTry], [false, false, false]);
});

test('a refused try goes back to stills', async () => {
  const { stills, player, asked } = shown();
  stills.setRung('stills');
  await pass(200);
  stills.setRung('keys', { isTry: true });
  player.to('failed');
  assert.equal(stills.hasFailedTry, true);
  stills.setRung('stills');
  assert.equal(stills.hasFailedTry, false);
  const count = asked.length;
  await pass(10_000);
  assert.ok(asked.length > count);
});

test('a tile at rest loads no stills', async () => {
  const { stills, asked, request } = shown();
  stills.setRequest({ ...request, rung: 'stills', isActive: false });
  await pass(10_000);
  assert.deepEqual([asked.length, stills.isShown], [0, false]);
});

test('another channel at stills shows the last still of the server first', async () => {
  const { stills, asked, request } = shown();
  stills.setRequest({ ...request, number: 2, rung: 'stills' });
  await pass(200);
  assert.deepEqual([asked[0].cached, asked[0].isSmall], [true, true]);
  await pass(10_000);
  assert.equal(asked[1].cached, undefined);
});

test('a stop below the stills ends the start of a better stream', () => {
  const stops = /** @type {((parts: ReturnType<typeof shown>) => void)[]} */ ([
    ({ stills, request }) => stills.setRequest({ ...request, isActive: false }),
    ({ player }) => player.to('ended'),
  ]);
  for (const stop of stops) {
    const parts = shown();
    parts.stills.setRung('stills');
    parts.stills.setRung('keys', { isTry: true });
    assert.equal(parts.stills.isStarting, true);
    stop(parts);
    assert.deepEqual([parts.stills.isStarting, parts.stills.isShown], [false, false]);
  }
});

test('a channel without stills does not delay those of others', async () => {
  const queue = new StillQueue();
  const dead = [1, 2].map(() => shown({ queue, loadMs: 10_000 }));
  const alive = shown({ queue });
  for (const { api, stills } of dead) {
    api.snapshot = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      throw new Error('no picture');
    };
    stills.setRung('stills');
  }
  alive.stills.setRung('stills');
  await pass(120_000);
  assert.ok(alive.asked.length >= 8, String(alive.asked.length));
});
