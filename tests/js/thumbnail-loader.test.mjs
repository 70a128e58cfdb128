// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { ThumbnailLoader } from '../../static/js/lib/thumbnail-loader.js';
import { ThumbnailQueue } from '../../static/js/lib/thumbnail-queue.js';
import { ThumbnailStore } from '../../static/js/lib/thumbnail-store.js';
import { ThumbnailsApi } from '../../static/js/lib/thumbnails-api.js';
import { mockTime, pass } from './time.mjs';

/** @typedef {import('../../static/js/lib/thumbnails-api.js').Thumbnail} Thumbnail */

const MINUTE = 60_000;
const T0 = Date.parse('2026-11-22T12:00:00Z');
const TIMES = [T0, T0 + MINUTE, T0 + 2 * MINUTE];

mockTime();

/** @param {number} atMs @param {Thumbnail['state']} state @returns {Thumbnail} */
function thumbnail(atMs, state) {
  return { atMs, takenMs: state === 'ready' ? atMs - 500 : null, state, url: state === 'ready' ? `/p/${atMs}` : null };
}

/** A server that makes the thumbnails of a request by its third call. */
class Server {
  /** @type {{channel: number, stepS: number, startMs: number, endMs: number, atMs: number}[]} */
  asked = [];
  mayAsk = true;
  madeAfter = 3;
  /** @type {Error|null} */
  error = null;
  loader = new ThumbnailLoader(
    async (what) => {
      this.asked.push({ ...what, atMs: Date.now() });
      if (this.error) throw this.error;
      const calls = this.asked.filter(({ startMs }) => startMs === what.startMs).length;
      const state = calls >= this.madeAfter ? 'ready' : 'pending';
      const stepMs = what.stepS * 1000;
      return Array.from({ length: Math.ceil((what.endMs - what.startMs) / stepMs) }, (_, index) =>
        thumbnail(what.startMs + index * stepMs, state),
      );
    },
    () => this.mayAsk,
  );

  constructor() {
    this.loader.start();
  }

  /** @param {import('../../static/js/lib/thumbnail-loader.js').Owner} owner @param {number[]} times */
  want(owner, times) {
    this.loader.want(owner, [{ channel: 1, stepS: 60, times }]);
  }
}

test('the page asks often while thumbnails come, otherwise once a second', async () => {
  const server = new Server();
  server.madeAfter = 99;
  server.want('strip', TIMES);
  await pass(20_000);
  const pauses = server.asked.slice(1).map(({ atMs }, index) => atMs - (server.asked[index]?.atMs ?? 0));
  assert.ok(pauses.slice(0, 5).every((pauseMs) => pauseMs <= 400));
  assert.ok(pauses.slice(9).every((pauseMs) => pauseMs >= 900 && pauseMs <= 1100));
  server.madeAfter = server.asked.length + 1;
  server.want('grid', [T0 + 60 * MINUTE]);
  await pass(400);
  const count = server.asked.length;
  await pass(1000);
  assert.ok(server.asked.length - count >= 3, 'a new thumbnail is news');
  server.loader.stop();
});

test('the page asks until all thumbnails are there', async () => {
  const server = new Server();
  server.want('strip', TIMES);
  await pass(200);
  assert.equal(server.asked.length, 1);
  assert.deepEqual(
    { startMs: server.asked[0]?.startMs, endMs: server.asked[0]?.endMs, channel: server.asked[0]?.channel },
    { startMs: T0, endMs: T0 + 3 * MINUTE, channel: 1 },
  );
  assert.equal(server.loader.isBusy('strip'), true);
  await pass(30_000);
  assert.equal(server.asked.length, 3);
  assert.equal(server.loader.isBusy('strip'), false);
  assert.equal(server.loader.store.get(1, 60, T0)?.url, `/p/${T0}`);
  server.loader.stop();
});

test('nothing is asked while the page may not', async () => {
  const server = new Server();
  /** @type {boolean[]} */
  const held = [];
  server.loader.addEventListener('state', () => held.push(server.loader.isHeld));
  server.mayAsk = false;
  server.want('strip', TIMES);
  await pass(10_000);
  assert.equal(server.asked.length, 0);
  server.mayAsk = true;
  await pass(1000);
  assert.ok(server.asked.length > 0);
  assert.deepEqual(held, [true, false]);
  server.loader.stop();
});

test('at most four requests run at a time', async () => {
  const server = new Server();
  server.mayAsk = false;
  server.madeAfter = 1;
  const days = Array.from({ length: 9 }, (_, index) => T0 - index * 86_400_000).reverse();
  server.want('strip', days);
  await pass(600);
  server.mayAsk = true;
  await pass(500);
  const byTime = new Map();
  for (const { atMs } of server.asked) byTime.set(atMs, (byTime.get(atMs) ?? 0) + 1);
  assert.ok(Math.max(...byTime.values()) <= 4);
  await pass(2000);
  assert.equal(server.asked.length, 9);
  server.loader.stop();
});

test('the calendar waits for the strip', async () => {
  const server = new Server();
  server.want('calendar', [T0 - 86_400_000]);
  server.want('strip', TIMES);
  await pass(500);
  assert.deepEqual([...new Set(server.asked.map(({ startMs }) => startMs))], [T0]);
  await pass(4000);
  assert.equal(server.asked.at(-1)?.startMs, T0 - 86_400_000);
  server.loader.stop();
});

test('after a refusal the page waits as long as the server says', async () => {
  const server = new Server();
  server.error = new ApiError('camera_busy', 'Too many sessions.', { status: 503, retryAfterS: 7 });
  server.want('strip', TIMES);
  await pass(500);
  assert.equal(server.loader.problem?.code, 'camera_busy');
  await pass(6000);
  assert.equal(server.asked.length, 1);
  server.error = null;
  await pass(5000);
  assert.ok(server.asked.length > 1);
  assert.equal(server.loader.problem, null);
  server.loader.stop();
});

test('thumbnails that have left the page are not requested again', async () => {
  const server = new Server();
  server.want('strip', [T0]);
  await pass(100);
  server.loader.want('strip', []);
  await pass(5000);
  assert.equal(server.asked.length, 1);
  server.loader.stop();
});

test('a time that the answer leaves out counts as missing', async () => {
  /** @type {number[]} */
  const asked = [];
  const loader = new ThumbnailLoader(
    async ({ startMs }) => {
      asked.push(startMs);
      return [];
    },
    () => true,
  );
  loader.start();
  loader.want('strip', [{ channel: 1, stepS: 60, times: TIMES }]);
  await pass(5000);
  assert.equal(asked.length, 1);
  assert.equal(loader.store.get(1, 60, T0)?.state, 'missing');
  loader.stop();
});

test('a missing thumbnail is looked up again later, a finished one never', () => {
  const store = new ThumbnailStore();
  const [ready = 0, missing = 0, unknown = 0] = TIMES;
  const nowMs = T0 + 3_600_000;
  store.add(1, 60, [thumbnail(ready, 'ready'), thumbnail(missing, 'missing')], nowMs);
  assert.equal(store.isOpen(1, 60, ready, nowMs + 86_400_000), false);
  assert.equal(store.isOpen(1, 60, missing, nowMs + 30_000), false);
  assert.equal(store.isOpen(1, 60, missing, nowMs + 61_000), true);
  assert.equal(store.isOpen(1, 60, unknown, nowMs), true);
  assert.equal(store.isOpen(2, 60, ready, nowMs), true, 'another channel');
});

test('a thumbnail whose image is gone is requested again later', () => {
  const store = new ThumbnailStore();
  store.add(1, 60, [thumbnail(T0, 'ready')], T0 + 3_600_000);
  store.markMissing(`/p/${T0}`, T0 + 3_600_000);
  assert.equal(store.get(1, 60, T0)?.state, 'missing');
  assert.equal(store.isOpen(1, 60, T0, T0 + 3_601_000), false);
  assert.equal(store.isOpen(1, 60, T0, T0 + 3_661_000), true);
});

test('the nearest finished thumbnail is found among all steps', () => {
  const store = new ThumbnailStore();
  store.add(1, 3600, [thumbnail(T0, 'ready')], T0);
  store.add(1, 60, [thumbnail(T0 + 5 * MINUTE, 'ready'), thumbnail(T0 + 6 * MINUTE, 'pending')], T0);
  assert.equal(store.nearest(1, T0 + 6 * MINUTE, 10 * MINUTE)?.atMs, T0 + 5 * MINUTE);
  assert.equal(store.nearest(1, T0 + 30 * MINUTE, 10 * MINUTE), null);
  assert.equal(store.nearest(2, T0, 10 * MINUTE), null);
});

test('four images load at a time, the urgent one first', async () => {
  let mayLoad = false;
  /** @type {{url: string, end: () => void}[]} */
  const loads = [];
  const load = (/** @type {string} */ url) =>
    /** @type {Promise<string>} */ (new Promise((resolve) => loads.push({ url, end: () => resolve(url) })));
  const queue = new ThumbnailQueue(load, () => mayLoad);
  const owners = Array.from({ length: 6 }, (_, index) => ({ index }));
  const results = owners.map((owner) => queue.load(owner, `/${owner.index}`));
  void queue.load({}, '/pointer', { isUrgent: true });
  await pass(1000);
  assert.equal(loads.length, 0);
  mayLoad = true;
  await pass(600);
  assert.deepEqual(
    loads.map(({ url }) => url),
    ['/pointer', '/0', '/1', '/2'],
  );
  queue.remove(owners[3] ?? {});
  assert.equal(await results[3], null);
  for (const { end } of loads.splice(0)) end();
  await pass();
  assert.deepEqual(
    loads.map(({ url }) => url),
    ['/4', '/5'],
  );
  assert.equal(await results[0], '/0');
});

test('a failed image gives null and frees its place', async () => {
  const queue = new ThumbnailQueue(
    async (url) => {
      if (url === '/bad') throw new Error('damaged');
      return url;
    },
    () => true,
    1,
  );
  assert.equal(await queue.load({}, '/bad'), null);
  assert.equal(await queue.load({}, '/good'), '/good');
});

test('the request names channel, span and step', async () => {
  /** @type {string[]} */
  const urls = [];
  const picture = { time: '2026-11-22T12:00:00Z', picture_time: '2026-11-22T11:59:59.5Z', state: 'ready', url: '/api/p?1' };
  /** @type {any} */
  const answer = { ok: true, status: 200, headers: new Headers(), json: async () => ({ pictures: [picture] }) };
  const api = new ThumbnailsApi('/api/cameras', {
    fetch: async (url) => {
      urls.push(String(url));
      return answer;
    },
  });
  const found = await api.list(3, { channel: 2, startMs: T0, endMs: T0 + MINUTE, stepS: 60 });
  assert.deepEqual(found, [{ atMs: T0, takenMs: T0 - 500, state: 'ready', url: '/api/p?1' }]);
  const { pathname, searchParams } = new URL(urls[0] ?? '', 'http://app');
  assert.equal(pathname, '/api/cameras/3/recordings/pictures');
  assert.deepEqual(Object.fromEntries(searchParams), {
    channel: '2',
    start_time: '2026-11-22T12:00:00.000Z',
    end_time: '2026-11-22T12:01:00.000Z',
    step_s: '60',
  });
});

test('one thumbnail is requested by its time', async () => {
  /** @type {string[]} */
  const urls = [];
  const headers = new Headers({ 'X-Picture-Time': '2026-11-22T11:59:59Z' });
  /** @type {any[]} */
  const answers = [
    { ok: true, status: 202, headers: new Headers({ 'Retry-After': '1' }) },
    { ok: true, status: 200, headers, blob: async () => new Blob(['x']) },
  ];
  const api = new ThumbnailsApi('/api/cameras', {
    fetch: async (url) => {
      urls.push(String(url));
      return answers.shift();
    },
  });
  assert.equal(await api.get(3, { channel: 2, atMs: T0 }), null, 'it is being made');
  const found = await api.get(3, { channel: 2, atMs: T0 });
  assert.equal(found?.takenMs, T0 - 1000);
  const { pathname, searchParams } = new URL(urls[0] ?? '', 'http://app');
  assert.equal(pathname, '/api/cameras/3/recordings/picture');
  assert.deepEqual(Object.fromEntries(searchParams), { channel: '2', time: '2026-11-22T12:00:00.000Z' });
});
