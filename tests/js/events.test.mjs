// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOf } from '../../static/js/lib/coverage.js';
import { EventFinder } from '../../static/js/lib/event-finder.js';
import { marksOf, namesAt, topicName } from '../../static/js/lib/marks.js';
import { mockTime, settled } from './time.mjs';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-22T12:00:00Z');
const MOTION = 'tns1:RuleEngine/CellMotionDetector/Motion';
const LINE = 'tns1:RuleEngine/LineDetector/Crossed';

/** A recorder with events (hours before now) and one span that is not indexed; an answer has at most `most` events. */
class Server {
  /** @type {{from: number, to: number}[]} */
  asked = [];
  hasEvents = true;
  busy = false;
  /** Hours ago. @type {[number, number]|null} */
  hole = null;
  most = 2000;

  /** @param {number[]} hoursAgo */
  constructor(hoursAgo) {
    this.times = hoursAgo.map((hours) => NOW - hours * HOUR).sort((a, b) => a - b);
  }

  /** @param {number} _id @param {{start: Date, end: Date}} what @returns {Promise<any>} */
  async coverage(_id, { start, end }) {
    const [from, to] = [start.getTime(), end.getTime()];
    this.asked.push({ from, to });
    const inside = this.times.filter((ms) => from <= ms && ms < to);
    const span = (/** @type {number} */ startMs, /** @type {number} */ endMs, /** @type {string} */ state) => ({
      start_time: new Date(startMs).toISOString(),
      end_time: new Date(endMs).toISOString(),
      state,
      recording_token: null,
    });
    const [holeFrom, holeTo] = this.hole ? [NOW - this.hole[0] * HOUR, NOW - this.hole[1] * HOUR] : [to, to];
    const spans = [
      [from, Math.min(to, holeFrom), 'recorded'],
      [Math.max(from, holeFrom), Math.min(to, holeTo), 'not_asked'],
      [Math.max(from, holeTo), to, 'recorded'],
    ].filter(([first, last]) => /** @type {number} */ (first) < /** @type {number} */ (last));
    return {
      channels: [
        {
          channel: 1,
          name: 'Gate',
          matched_by: 'job',
          recording_token: 'R',
          events_truncated: inside.length > this.most,
          spans: spans.map(([first, last, state]) => span(Number(first), Number(last), String(state))),
          events: inside.slice(0, this.most).map((ms) => ({ time: new Date(ms).toISOString(), topic: MOTION, active: true })),
        },
      ],
      event_search: this.hasEvents,
      indexing: this.busy ? { done: 0, total: 1 } : null,
      error: null,
    };
  }
}

const ROW = rowOf({ channel: 1, name: 'Gate', matched_by: 'job', recording_token: 'R', spans: [], events: [], events_truncated: false });
const { signal } = new AbortController();

mockTime();

/** @param {Server} server */
function finder(server, boundMs = 100) {
  const begunMs = Date.now();
  return new EventFinder(server, 1, { pauseMs: 1, boundMs, nowMs: () => NOW + Date.now() - begunMs });
}

test('a distant event is found window by window', async () => {
  const server = new Server([400, 30, 2]);
  const back = await settled(finder(server).find(ROW, NOW - 31 * HOUR, -1, signal));
  assert.equal(back.event?.atMs, NOW - 400 * HOUR);
  assert.ok(server.asked.length < 12, String(server.asked.length));
  assert.ok(server.asked.every(({ from, to }) => to - from <= 4 * 24 * HOUR + 1));
  assert.equal((await settled(finder(server).find(ROW, NOW - 399 * HOUR, 1, signal))).event?.atMs, NOW - 30 * HOUR);
  assert.equal(
    (await settled(finder(server).find(ROW, NOW - 2 * HOUR, -1, signal))).event?.atMs,
    NOW - 30 * HOUR,
    'not the event at this time',
  );
});

test('a search without a result returns the end of the searched time', async () => {
  const late = await settled(finder(new Server([5])).find(ROW, NOW - HOUR, 1, signal));
  assert.equal(late.why, 'edge');
  assert.ok(Math.abs(late.endMs - NOW) < 10_000);
  const searched = finder(new Server([]));
  searched.sinceMs = NOW - 100 * HOUR;
  const early = await settled(searched.find(ROW, NOW - HOUR, -1, signal));
  assert.equal(early.why, 'edge');
  assert.ok(early.endMs <= NOW - 100 * HOUR && early.endMs > NOW - 300 * HOUR);
});

test('the nearest event is found in a truncated answer', async () => {
  const server = new Server([10, 9.9, 9.8, 9.7, 9.6, 9.5, 9.4]);
  server.most = 2;
  assert.equal((await settled(finder(server).find(ROW, NOW - 9 * HOUR, -1, signal))).event?.atMs, NOW - 9.4 * HOUR);
  assert.equal((await settled(finder(server).find(ROW, NOW - 9.55 * HOUR, 1, signal))).event?.atMs, NOW - 9.5 * HOUR);
});

test('a span that is not indexed is awaited, or ends the search', async () => {
  const server = new Server([20, 3]);
  server.hole = [10, 5];
  const stopped = await settled(finder(server).find(ROW, NOW - 18 * HOUR, 1, signal));
  assert.deepEqual([stopped.why, stopped.event, stopped.endMs], ['stopped', null, NOW - 10 * HOUR]);
  server.busy = true;
  assert.equal((await settled(finder(server).find(ROW, NOW - 4 * HOUR, -1, signal))).why, 'bound');
  const waited = finder(server, 10_000).find(ROW, NOW - 18 * HOUR, 1, signal);
  setTimeout(() => (server.hole = null), 20);
  assert.equal((await settled(waited)).event?.atMs, NOW - 3 * HOUR);
});

test('a recorder without events is not searched', async () => {
  const server = new Server([]);
  server.hasEvents = false;
  assert.equal((await settled(finder(server).find(ROW, NOW, -1, signal))).why, 'silent');
  assert.equal(server.asked.length, 1);
});

test('only the same topic’s off ends a mark, and a moment is a mark', () => {
  const marks = marksOf([
    { atMs: 1000, topic: MOTION, isOn: true },
    { atMs: 2000, topic: 'tns1:VideoSource/SignalLoss', isOn: false },
    { atMs: 3000, topic: LINE, isOn: null },
    { atMs: 9000, topic: MOTION, isOn: false },
  ]);
  assert.deepEqual(
    marks.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [1000, 9000],
      [2000, 2000],
      [3000, 4000],
    ],
  );
  const events = rowOf({
    channel: 1,
    name: '',
    matched_by: 'job',
    recording_token: '',
    spans: [],
    events_truncated: false,
    events: [{ time: '2026-11-22T12:00:00Z', topic: LINE, active: null }],
  }).events;
  assert.deepEqual(namesAt(events, NOW + 500), ['Line crossed']);
  assert.deepEqual(namesAt(events, NOW + 5000), []);
});

test('topics have readable names', () => {
  assert.equal(topicName(MOTION), 'Motion');
  assert.equal(topicName('tns1:RuleEngine/tnsaxis:LoiteringDetector/PersonSeen'), 'Loitering detector, Person seen');
  assert.equal(topicName(''), 'Event');
});
