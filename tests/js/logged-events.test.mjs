import assert from 'node:assert/strict';
import test from 'node:test';

import { DisplayClock } from '../../static/js/lib/display-clock.js';
import {
  isFiltered,
  newsQueryOf,
  noFilter,
  otherZone,
  queryOf,
  readEventFilter,
  wordsIn,
  writeEventFilter,
} from '../../static/js/lib/event-filter.js';
import { KIND_GROUPS, eventName, isKind, kindIcon, kindWords } from '../../static/js/lib/event-kinds.js';
import { eventSpan, playAddress } from '../../static/js/lib/event-links.js';
import { EventList, MOST_WAITING } from '../../static/js/lib/event-list.js';
import { dayWords, eventFacts, eventLength, eventPlace, eventTitle, newsWords } from '../../static/js/lib/event-text.js';
import { EventPictures } from '../../static/js/lib/event-pictures.js';
import { EventsApi } from '../../static/js/lib/events-api.js';
import { ApiError } from '../../static/js/lib/http.js';
import { mockTime, pass } from './time.mjs';

const UTC = new DisplayClock(
  () => 0,
  () => 'UTC',
);
mockTime();

const NOON_MS = Date.parse('2026-11-22T12:00:00Z');

/** @param {number} id @returns {import('../../static/js/lib/events-api.js').LoggedEvent} */
function event(id, change = {}) {
  const at = new Date(NOON_MS - id * 60_000).toISOString();
  return {
    ...{ id, camera_id: 1, camera_name: 'Garage', channel: 2, channel_name: 'Gate', kind: 'person', topic: '', rule: '' },
    ...{
      source: 'device',
      severity: 'alert',
      start_time: at,
      end_time: at,
      is_device_time: true,
      device_time: null,
      count: 1,
      closed_why: '',
    },
    ...{ score: null, label: '', box: null, zone: '', seen: false, picture_url: null, colours: [], has_look: false },
    ...change,
  };
}

/** @param {EventList} list */
const idsOf = (list) => list.events.map(({ id }) => id);

/** Requests of an EventsApi that gets `answers` in turn, the last one for ever. @param {any[]} answers */
function apiWith(...answers) {
  /** @type {{method: string, url: string, body: any}[]} */
  const sent = [];
  const fetch = /** @type {any} */ (
    async (/** @type {string} */ url, /** @type {RequestInit} */ init) => {
      sent.push({ method: init.method ?? '', url, body: init.body ? JSON.parse(String(init.body)) : null });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer === null ? new Response(null, { status: 204 }) : Response.json(answer);
    }
  );
  return { sent, api: new EventsApi({ events: '/api/events', cameras: '/api/cameras' }, { fetch }) };
}

test('the filter is read from the address and written to it', () => {
  const address =
    '?camera=1&channel=3&kind=person&kind=vehicle&severity=alert&seen=no&day=2026-11-22&from=18:00&until=20:00&zone=Gate+2&zone=%26&words=red+person';
  const filter = readEventFilter(address);
  assert.deepEqual(filter, {
    ...{ cameraId: 1, channel: 3, kinds: ['person', 'vehicle'], severity: 'alert', isSeen: false },
    ...{ day: '2026-11-22', from: '18:00', until: '20:00', zones: ['Gate 2', '&'], words: 'red person' },
  });
  assert.equal(writeEventFilter(filter), address);
  assert.equal(writeEventFilter(noFilter()), '');
  assert.equal(isFiltered(noFilter()), false);
  assert.equal(isFiltered(filter), true);
});

test('invalid filters of an address count as absent', () => {
  const bad = '?camera=x&channel=3&kind=ghost&kind=%3Cb%3E&severity=loud&seen=maybe&day=2026-13-40&from=25:00&until=9&zone=&words=+';
  assert.deepEqual(readEventFilter(bad), noFilter());
});

test('the query has the whole day of the filter, by the shown clock', () => {
  const berlin = new DisplayClock(
    () => 3_600_000,
    () => 'CET',
  );
  const { startMs, endMs } = queryOf({ ...noFilter(), day: '2026-11-22' }, berlin);
  assert.equal(new Date(startMs ?? 0).toISOString(), '2026-11-21T23:00:00.000Z');
  assert.equal(new Date(endMs ?? 0).toISOString(), '2026-11-22T23:00:00.000Z');
});

test('the requests have the names of the API', async () => {
  const { sent, api } = apiWith({ events: [], next_cursor: null, as_of: '' });
  const filter = { ...noFilter(), cameraId: 1, channel: 3, kinds: ['person', 'face'], severity: /** @type {const} */ ('alert') };
  await api.list(queryOf({ ...filter, isSeen: false, from: '18:00', until: '20:00', zones: ['Gate', 'Yard'], words: 'red' }), {
    limit: 50,
    cursor: 'c1',
  });
  const query = new URLSearchParams(sent[0]?.url.split('?')[1]);
  assert.deepEqual(
    [...query],
    [
      ['camera_id', '1'],
      ['channel', '3'],
      ['kind', 'person'],
      ['kind', 'face'],
      ['severity', 'alert'],
      ['seen', '0'],
      ['from_time_of_day', '18:00'],
      ['until_time_of_day', '20:00'],
      ['zone', 'Gate'],
      ['zone', 'Yard'],
      ['words', 'red'],
      ['joined', '1'],
      ['limit', '50'],
      ['cursor', 'c1'],
    ],
  );
  await api.news(queryOf({ ...filter, isSeen: false }), '2026-11-22T12:00:00Z');
  assert.match(sent[1]?.url ?? '', /^\/api\/events\/news\?camera_id=1&.*&seen=0&joined=1&after=2026-11-22T12%3A00%3A00Z$/);
});

test('words of a search are short, on one line, and without outer spaces', () => {
  assert.equal(wordsIn('  red \n person '), 'red person');
  assert.equal(wordsIn('a'.repeat(300)).length, 200);
  assert.equal(readEventFilter(`?words=${'a'.repeat(300)}`).words.length, 200);
});

test('zones of a channel and similar events have addresses of their own', async () => {
  const zones = [{ camera_id: 1, channel: 3, zone: 'Gate', count: 4 }];
  const { sent, api } = apiWith({ zones }, { events: [event(2)] });
  assert.deepEqual(await api.zones({ cameraId: 1, channel: 3 }), zones);
  assert.equal((await api.similar(7))[0]?.id, 2);
  assert.deepEqual(
    sent.map(({ url }) => url),
    ['/api/events/zones?camera_id=1&channel=3', '/api/events/7/similar?limit=24'],
  );
});

test('the score of motion seen by this server is a part of the picture', () => {
  const moved = event(1, { kind: 'motion', source: 'watch', score: 0.034, zone: 'Gate' });
  assert.deepEqual(eventFacts(moved), ['Zone: Gate', '3.4 % of the picture moved', 'Detected by this server.']);
  const person = event(1, { kind: 'person', source: 'watch', score: 0.87, colours: ['red', 'blue'] });
  assert.deepEqual(eventFacts(person), ['Colours: red, blue', '87 % sure', 'Detected by this server.']);
});

test('motion seen by this server says what has become of its object', () => {
  const parked = event(1, { kind: 'motion', source: 'watch', rule: 'came_to_rest' });
  assert.deepEqual(eventFacts(parked), ['An object came to rest.', 'Detected by this server.']);
  assert.equal(eventFacts({ ...parked, rule: 'left' })[0], 'An object left its place.');
  assert.equal(eventFacts({ ...parked, source: 'device', rule: 'left' })[0], 'Rule: left');
});

test('more than 500 events are marked as seen in several requests', async () => {
  const { sent, api } = apiWith(null);
  await api.markSeen(
    Array.from({ length: 501 }, (_, id) => id),
    true,
  );
  assert.deepEqual(
    sent.map(({ method, url, body }) => [method, url, body.ids.length, body.seen]),
    [
      ['POST', '/api/events/seen', 500, true],
      ['POST', '/api/events/seen', 1, true],
    ],
  );
});

test('pages follow each other, and a changed event stays one event', () => {
  const list = new EventList();
  list.add({ events: [event(1), event(2)], next_cursor: 'c' });
  list.add({ events: [event(2, { label: 'Ann' }), event(3)], next_cursor: null });
  assert.deepEqual(idsOf(list), [1, 2, 3]);
  assert.equal(list.get(2)?.label, 'Ann');
  assert.equal(list.cursor, null);
});

test('an event for which another one stands leaves the page', () => {
  const list = new EventList();
  list.add({ events: [event(5), event(6)], next_cursor: null });
  list.note(5);
  list.wait([event(3)]);
  assert.equal(list.remove([5, 9]), true);
  assert.equal(list.remove([3]), false, 'the page did not show it');
  assert.deepEqual(idsOf(list), [6]);
  assert.deepEqual(list.shownUnseen, []);
  assert.equal(list.waitingCount, 0);
});

test('new events wait, and changes of shown ones do not', () => {
  const list = new EventList();
  list.add({ events: [event(5), event(6)], next_cursor: null });
  const unknown = list.update([event(5, { end_time: null }), event(3)]);
  list.wait(unknown);
  assert.deepEqual(idsOf(list), [5, 6]);
  assert.equal(list.get(5)?.end_time, null);
  assert.equal(list.waitingCount, 1);
  list.wait(list.update([event(3, { label: 'later' })]));
  assert.equal(list.waitingCount, 1);
  list.showNew();
  assert.deepEqual(idsOf(list), [3, 5, 6]);
  assert.equal(list.get(3)?.label, 'later');
  assert.equal(list.waitingCount, 0);
});

test('a changed event that a later page has is no new event', () => {
  const list = new EventList();
  list.add({ events: [event(5), event(6)], next_cursor: 'c' });
  const changed = [event(4), event(6, { label: 'Ann' }), event(9, { severity: 'notice' })];
  assert.deepEqual(
    list.update(changed).map(({ id }) => id),
    [4],
  );
  assert.equal(list.get(6)?.label, 'Ann');
  list.add({ events: [], next_cursor: null });
  assert.deepEqual(
    list.update([event(9)]).map(({ id }) => id),
    [9],
    'after the last page an older event was logged late',
  );
});

test('the number of events that wait is limited', () => {
  const list = new EventList();
  list.wait(Array.from({ length: MOST_WAITING + 5 }, (_, id) => event(id + 1)));
  assert.equal(list.waitingCount, MOST_WAITING);
  assert.equal(newsWords(list.waitingCount), '1000 or more new events');
});

test('the news of new events have seen ones, too: their end is news', () => {
  const filter = { ...noFilter(), cameraId: 1, isSeen: false };
  assert.deepEqual(newsQueryOf(filter), { ...queryOf(filter), isSeen: null });
});

test('only events that were in sight count as shown', () => {
  const list = new EventList();
  list.add({ events: [event(1), event(2), event(3, { seen: true })], next_cursor: null });
  list.wait([event(0)]);
  assert.deepEqual(list.shownUnseen, []);
  for (const id of [1, 3, 0]) list.note(id);
  assert.deepEqual(list.shownUnseen, [1]);
  list.mark([1], true);
  assert.deepEqual(list.shownUnseen, []);
  assert.equal(list.get(2)?.seen, false);
  list.mark([1], false);
  assert.deepEqual(list.shownUnseen, [1]);
});

test('events are grouped by day, and events of one moment by their id', () => {
  const list = new EventList();
  const at = '2026-11-22T00:00:00Z';
  list.add({
    events: [event(7, { start_time: at }), event(8, { start_time: at }), event(9, { start_time: '2026-11-21T23:59:59Z' })],
    next_cursor: null,
  });
  assert.deepEqual(
    list.days(UTC).map(({ wallMs, events }) => [new Date(wallMs).toISOString().slice(0, 10), events.map(({ id }) => id)]),
    [
      ['2026-11-22', [8, 7]],
      ['2026-11-21', [9]],
    ],
  );
});

test('every kind of the filter has words and an icon', () => {
  for (const kind of KIND_GROUPS.flatMap(({ kinds }) => kinds)) {
    assert.ok(isKind(kind), kind);
    assert.notEqual(kindIcon(kind), kind === 'other' ? '' : 'event-other', kind);
  }
  assert.equal(kindWords('line_crossed'), 'Line crossed');
  assert.equal(kindWords('smoke_alarm'), 'Smoke alarm');
  assert.equal(kindIcon('toString'), 'event-other');
  assert.equal(kindWords('constructor'), 'Constructor');
});

test('an event of an unknown topic has the words of its topic', () => {
  assert.equal(eventName({ kind: 'other', topic: 'tns1:Device/tnsx:WiperStuck' }), 'Device, Wiper stuck');
  assert.equal(eventTitle(event(1, { kind: 'licence_plate', label: 'AB 123' })), 'Licence plate: AB 123');
  assert.equal(eventTitle(event(1, { label: 'person' })), 'Person');
});

test('place, length and facts of an event are words', () => {
  assert.equal(eventPlace(event(1)), 'Garage: Gate');
  assert.equal(eventPlace(event(1, { channel: null, source: 'server' })), 'Garage, the whole device');
  assert.equal(eventPlace(event(1, { channel: null })), 'Garage, channel unknown');
  assert.equal(eventPlace(event(1, { channel: null, source: 'import' })), 'Garage, channel unknown');
  assert.equal(eventPlace(event(1, { channel_name: '' })), 'Garage: channel 2');
  assert.equal(eventPlace(event(1, { camera_id: null, camera_name: '' })), 'This server');
  const start = new Date(NOON_MS).toISOString();
  const end = new Date(NOON_MS + 12_000).toISOString();
  assert.equal(eventLength({ start_time: start, end_time: end }, NOON_MS), '12 s');
  assert.equal(eventLength({ start_time: start, end_time: start }, NOON_MS), '');
  assert.equal(eventLength({ start_time: start, end_time: null }, NOON_MS + 120_000), 'going on for 2 min');
  assert.deepEqual(eventFacts(event(1, { count: 2 })), []);
  assert.deepEqual(eventFacts(event(1, { rule: 'Fence', score: 0.87, count: 30, closed_why: 'timeout', is_device_time: false })), [
    'Rule: Fence',
    '87 % sure',
    '30 changes',
    'The device did not report the end.',
    'The device’s clock was wrong: this is the time of arrival.',
  ]);
  assert.deepEqual(eventFacts(event(1, { source: 'server', rule: 'disk_full' })), ['The disk was full.']);
  assert.deepEqual(eventFacts(event(1, { source: 'server', rule: 'camera_auth_failed' })), ['Wrong user name or password.']);
  assert.equal(newsWords(1), '1 new event');
  assert.equal(newsWords(3), '3 new events');
});

test('another time by the device’s own clock is a fact of its event', () => {
  const start = event(1).start_time;
  assert.deepEqual(eventFacts(event(1, { device_time: start })), []);
  const ahead = new Date(Date.parse(start) + 3_600_000).toISOString();
  assert.match(eventFacts(event(1, { device_time: ahead })).join(), /^By the device’s clock: 2026-11-22 \d\d:59:00/);
});

test('the reasons of the app’s own events are sentences', () => {
  const reason = (/** @type {string} */ kind, /** @type {string} */ rule) => eventFacts(event(1, { source: 'server', kind, rule }));
  assert.deepEqual(reason('clock_wrong', '-3600 s'), ['The device’s clock was 60 min behind.']);
  assert.deepEqual(reason('clock_wrong', '+7 s'), ['The device’s clock was 7.0 s ahead.']);
  assert.deepEqual(reason('storage', 'slow'), ['The disk was too slow.']);
  assert.deepEqual(reason('storage', 'full'), ['The disk was full.']);
  assert.deepEqual(reason('storage', 'read_only'), ['The disk could only be read.']);
  assert.deepEqual(reason('storage', 'gone'), ['The disk was missing or failing.']);
  assert.deepEqual(reason('storage', 'copies_full'), ['The object storage was full.']);
  assert.deepEqual(reason('recording_gap', 'recorder'), ['The recorder itself did not record.']);
  assert.deepEqual(reason('recording_gap', 'unknown_code'), []);
  assert.deepEqual(reason('offline', ''), []);
});

test('the server’s time zone has words if the browser’s differs', () => {
  const berlin = 'Europe/Berlin';
  assert.equal(otherZone(berlin, { ownZone: berlin, nowMs: NOON_MS }), '');
  assert.equal(otherZone(berlin, { ownZone: 'Europe/Paris', nowMs: NOON_MS }), '');
  assert.equal(otherZone(berlin, { ownZone: 'America/New_York', nowMs: NOON_MS }), 'Europe/Berlin');
  assert.equal(otherZone(berlin, { ownZone: 'Africa/Algiers', nowMs: NOON_MS }), 'Europe/Berlin', 'it has no summer time');
  assert.equal(otherZone('UTC', { ownZone: 'Etc/UTC', nowMs: NOON_MS }), '');
  assert.equal(otherZone('XYZT', { ownZone: berlin, nowMs: NOON_MS }), 'XYZT', 'the browser does not know it');
  assert.equal(otherZone('', { ownZone: berlin, nowMs: NOON_MS }), '');
});

test('the days before today have names', () => {
  const dayMs = Date.parse('2026-11-22');
  assert.equal(dayWords(dayMs, NOON_MS), 'Today, Sunday 22 November 2026');
  assert.equal(dayWords(dayMs, NOON_MS + 86_400_000), 'Yesterday, Sunday 22 November 2026');
  assert.equal(dayWords(dayMs, NOON_MS + 2 * 86_400_000), 'Sunday 22 November 2026');
});

test('an event is played and exported from five seconds before it', () => {
  const one = event(0, { end_time: new Date(NOON_MS + 12_000).toISOString() });
  const span = eventSpan(one, NOON_MS + 3_600_000);
  assert.deepEqual(span, { startMs: NOON_MS - 5000, endMs: NOON_MS + 17_000 });
  assert.equal(playAddress('/recordings/', one), '/recordings/1?channel=2&t=2026-11-22T11:59:55Z');
  const marked = '/recordings/1?channel=2&t=2026-11-22T11:59:55Z&in=2026-11-22T11:59:55Z&out=2026-11-22T12:00:17Z';
  assert.equal(playAddress('/recordings/', one, span), marked);
  assert.equal(playAddress('/recordings/', event(0, { channel: null })), '/recordings/1?t=2026-11-22T11:59:55Z');
  assert.equal(playAddress('/recordings/', event(0, { camera_id: null, channel: null })), '/recordings?t=2026-11-22T11:59:55Z');
  const open = eventSpan(event(0, { end_time: null }), NOON_MS + 60_000);
  assert.equal(open.endMs, NOON_MS + 55_000, 'recorders write with a delay');
});

/** Answers requests for pictures when the test says so. */
class PictureServer {
  /** @type {{url: string, answer: (result: Blob|null|Error) => void}[]} */
  asked = [];

  /** @param {string} url @returns {Promise<Blob|null>} */
  picture(url) {
    return new Promise((resolve, reject) => {
      this.asked.push({ url, answer: (result) => (result instanceof Error ? reject(result) : resolve(result)) });
    });
  }

  get urls() {
    return this.asked.map(({ url }) => url);
  }
}

test('pictures are loaded few at a time, and not once they are out of sight', async () => {
  const server = new PictureServer();
  const pictures = new EventPictures(server);
  /** @type {string[]} */
  const loaded = [];
  pictures.addEventListener('picture', (event) => loaded.push(/** @type {CustomEvent} */ (event).detail.url));
  for (const url of ['a', 'b', 'c', 'd', 'e']) pictures.want(url);
  assert.deepEqual(server.urls, ['a', 'b', 'c']);
  pictures.leave('d');
  server.asked[0]?.answer(new Blob());
  await pass();
  assert.deepEqual(loaded, ['a']);
  assert.deepEqual(server.urls, ['a', 'b', 'c', 'e']);
  server.asked[1]?.answer(new ApiError('no_recording', 'There is none.', { status: 404 }));
  server.asked[2]?.answer(null);
  await pass();
  pictures.want('b');
  await pass(2000);
  assert.deepEqual(server.urls, ['a', 'b', 'c', 'e', 'c'], 'the missing one is not requested again, the late one is');
});

test('a picture that was missing is requested again once its event changes', async () => {
  const server = new PictureServer();
  const pictures = new EventPictures(server);
  const missing = new ApiError('not_found', 'There is none.', { status: 404 });
  pictures.want('a');
  server.asked[0]?.answer(missing);
  await pass();
  pictures.renew('a');
  pictures.want('a');
  assert.deepEqual(server.urls, ['a', 'a']);
  pictures.renew('a'); // the event changes while the request runs
  server.asked[1]?.answer(missing);
  await pass(2000);
  assert.deepEqual(server.urls, ['a', 'a', 'a']);
});

test('a picture that the server still takes is awaited for half a minute', async () => {
  const server = new PictureServer();
  const pictures = new EventPictures(server);
  let isLoaded = false;
  pictures.addEventListener('picture', () => (isLoaded = true));
  pictures.want('a');
  for (let waitedMs = 0; waitedMs < 24_000; waitedMs += 1500) {
    server.asked.at(-1)?.answer(null);
    await pass(1500);
  }
  server.asked.at(-1)?.answer(new Blob());
  await pass();
  assert.equal(isLoaded, true);
});

test('a refused picture holds the others back for a while', async () => {
  const server = new PictureServer();
  const pictures = new EventPictures(server);
  pictures.want('a');
  server.asked[0]?.answer(new ApiError('busy', 'The server is busy.', { status: 503, retryAfterS: 3 }));
  await pass();
  pictures.want('b');
  await pass(2500);
  assert.deepEqual(server.urls, ['a']);
  await pass(1000);
  assert.deepEqual(server.urls.slice().sort(), ['a', 'a', 'b']);
});
