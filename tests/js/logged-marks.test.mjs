// @ts-check
import assert from 'node:assert/strict';
import test, { beforeEach, mock } from 'node:test';

import { ApiError } from '../../static/js/lib/http.js';
import { LoggedMarks, findLogged, loggedNamesAt } from '../../static/js/lib/logged-marks.js';
import { mockTime, pass } from './time.mjs';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const signal = new AbortController().signal;

mockTime();
beforeEach(() => mock.timers.setTime(NOW_MS));

/** @typedef {{channel?: number|null, severity?: string, source?: string, kind?: string, end_time?: string|null}} Change */

/** @param {number} id @param {number} startMs @param {Change} change @returns {any} */
function event(id, startMs, change = {}) {
  const at = new Date(startMs).toISOString();
  return {
    id,
    camera_id: 1,
    channel: 1,
    kind: 'person',
    topic: '',
    severity: 'alert',
    source: 'device',
    start_time: at,
    end_time: at,
    ...change,
  };
}

/** Answers as the server does, with pages of at most `most` events. */
class Server {
  /** @type {any[]} */
  news_ = [];
  /** @type {import('../../static/js/lib/events-api.js').EventQuery[]} */
  asked = [];
  /** @type {ApiError|null} */
  refusal = null;

  /** @param {any[]} events @param {number} most */
  constructor(events, most = 200) {
    this.events = events;
    this.most = most;
  }

  /** @param {any} what @param {any} how @returns {Promise<any>} */
  async list(what, { cursor } = {}) {
    this.asked.push(what);
    if (this.refusal) throw this.refusal;
    const found = this.events
      .filter(({ start_time: start }) => Date.parse(start) >= what.startMs && Date.parse(start) < what.endMs)
      .filter(({ severity }) => !what.severity || severity === what.severity)
      .sort((a, b) => Date.parse(b.start_time) - Date.parse(a.start_time));
    const from = Number(cursor ?? 0);
    const next = from + this.most;
    return { events: found.slice(from, next), next_cursor: next < found.length ? String(next) : null, as_of: 'now' };
  }

  /** @returns {Promise<any>} */
  async news() {
    const events = this.news_;
    this.news_ = [];
    return { events, gone: [], as_of: 'now', has_more: false };
  }
}

/** @param {Server} server @param {number} hoursAgo @param {1|-1} direction */
function find(server, hoursAgo, direction) {
  return findLogged(server, { cameraId: 1, channel: 1, atMs: NOW_MS - hoursAgo * HOUR_MS, direction }, signal);
}

test('news outside of the window are no marks', async () => {
  const server = new Server([event(1, NOW_MS - HOUR_MS)]);
  const marks = new LoggedMarks(server, 1);
  marks.view = { startMs: NOW_MS - 2 * HOUR_MS, endMs: NOW_MS - HOUR_MS / 2 };
  marks.start();
  await pass(500);
  server.news_ = [event(1, NOW_MS - HOUR_MS, { kind: 'vehicle' }), event(2, NOW_MS - 48 * HOUR_MS), event(3, NOW_MS + HOUR_MS)];
  await pass(11_000);
  marks.stop();
  assert.deepEqual(
    marks.byChannel.get(1)?.map(({ id, name }) => [id, name]),
    [[1, 'Vehicle']],
  );
});

test('the nearest logged event is found in both directions', async () => {
  const server = new Server([100, 60, 59, 1].map((hours, id) => event(id, NOW_MS - hours * HOUR_MS)));
  assert.equal((await find(server, 80, 1))?.id, 1);
  assert.equal((await find(server, 60, 1))?.id, 2, 'not the event itself');
  assert.equal((await find(server, 60, -1))?.id, 0);
  assert.equal(await find(server, 100, -1), null);
  assert.equal(await find(server, 1, 1), null);
});

test('among many events the next one is the first of them', async () => {
  const server = new Server(
    Array.from({ length: 400 }, (_, id) => event(id, NOW_MS - 2 * HOUR_MS + id * 10_000)),
    20,
  );
  assert.equal((await find(server, 3, 1))?.id, 0);
  assert.equal((await find(server, 0, -1))?.id, 399);
});

test('events of the recorder’s own list are not found again', async () => {
  const server = new Server([event(1, NOW_MS - HOUR_MS, { source: 'import' }), event(2, NOW_MS - 2 * HOUR_MS)]);
  assert.equal((await find(server, 0, -1))?.id, 2);
});

test('a refusal finds nothing', async () => {
  const server = new Server([event(1, NOW_MS - HOUR_MS)]);
  server.refusal = new ApiError('busy', 'The server is busy.');
  assert.equal(await find(server, 0, -1), null);
});

test('the marks of a window are by channel, and news are added', async () => {
  const server = new Server([
    event(1, NOW_MS - HOUR_MS, { end_time: null }),
    event(2, NOW_MS - 2 * HOUR_MS, { channel: 3, kind: 'motion', severity: 'notice' }),
    event(3, NOW_MS - HOUR_MS, { channel: null, kind: 'offline' }),
    event(4, NOW_MS - HOUR_MS, { source: 'import' }),
  ]);
  const marks = new LoggedMarks(server, 1);
  let changes = 0;
  marks.addEventListener('marks', () => (changes += 1));
  marks.view = { startMs: NOW_MS - 24 * HOUR_MS, endMs: NOW_MS };
  marks.start();
  await pass();
  assert.equal(changes, 1);
  assert.deepEqual([...marks.byChannel.keys()].sort(), [1, 3]);
  assert.equal(marks.byChannel.get(1)?.[0]?.endMs, null);
  server.news_ = [event(1, NOW_MS - HOUR_MS), event(5, NOW_MS)];
  await pass(10_100);
  assert.deepEqual(
    marks.byChannel.get(1)?.map(({ id, endMs }) => [id, endMs !== null]),
    [
      [1, true],
      [5, true],
    ],
  );
  marks.stop();
});

test('a window of a month has the alerts alone', async () => {
  const server = new Server([event(1, NOW_MS - HOUR_MS), event(2, NOW_MS - HOUR_MS, { severity: 'notice' })]);
  const marks = new LoggedMarks(server, 1);
  marks.view = { startMs: NOW_MS - 30 * 24 * HOUR_MS, endMs: NOW_MS };
  marks.start();
  await pass();
  assert.deepEqual(
    marks.byChannel.get(1)?.map(({ id }) => id),
    [1],
  );
  marks.view = { startMs: NOW_MS - 2 * HOUR_MS, endMs: NOW_MS };
  await pass(1000);
  assert.equal(marks.byChannel.get(1)?.length, 2);
  marks.stop();
});

test('the names at a moment are those of its marks, alerts with that word', () => {
  const marks = [
    { id: 1, startMs: 1000, endMs: 5000, name: 'Person', isAlert: true },
    { id: 2, startMs: 2000, endMs: null, name: 'Motion', isAlert: false },
    { id: 3, startMs: 9000, endMs: 9000, name: 'Motion', isAlert: false },
  ];
  assert.deepEqual(loggedNamesAt(marks, 3000, 0), ['Person (alert)', 'Motion']);
  assert.deepEqual(loggedNamesAt(marks, 9100, 200), ['Motion']);
  assert.deepEqual(loggedNamesAt(marks, 0, 0), []);
});
