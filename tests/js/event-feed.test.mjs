import assert from 'node:assert/strict';
import test from 'node:test';

import { EventFeed, Problems } from '../../static/js/lib/event-feed.js';
import { EventList } from '../../static/js/lib/event-list.js';
import { ApiError } from '../../static/js/lib/http.js';
import { mockTime, pass } from './time.mjs';

mockTime();

/** Answers each request at once: with an empty page, or with the refusal. */
class Lists {
  asked = 0;
  /** @type {ApiError|null} */
  refusal = null;
  /** @type {string|null} */
  next = 'c';

  async list() {
    this.asked += 1;
    if (this.refusal) throw this.refusal;
    return { events: [], next_cursor: this.next, as_of: '2026-11-22T12:00:00Z', understood: null, not_understood: [] };
  }
}

/** @param {number|null} retryAfterS */
const busy = (retryAfterS = null) => new ApiError('busy', 'The server is busy.', { status: 503, retryAfterS });

test('after a failure the next page is not requested by scrolling', async () => {
  const server = new Lists();
  const feed = new EventFeed(server, new EventList());
  await feed.begin({});
  feed.addEventListener('change', () => void feed.more()); // the end of the list is in sight all the time
  server.refusal = busy();
  void feed.more();
  await pass(1900);
  assert.equal(server.asked, 2);
  await pass(58_000);
  assert.ok(server.asked > 3 && server.asked < 8, `${server.asked} requests in a minute`);
  assert.equal(feed.problem, 'The server is busy.');
  server.refusal = null;
  server.next = null;
  await feed.retry();
  assert.equal(feed.problem, '');
  assert.equal(feed.hasMore, false);
});

test('a first page that failed comes as soon as the server allows', async () => {
  const server = new Lists();
  const feed = new EventFeed(server, new EventList());
  server.refusal = busy(7);
  await feed.begin({});
  server.refusal = null;
  await pass(6900);
  assert.equal(feed.isLoaded, false);
  await pass(200);
  assert.equal(feed.isLoaded, true);
  assert.equal(feed.asOf, '2026-11-22T12:00:00Z');
  assert.equal(server.asked, 2);
});

test('a refusal for good is not asked again until the user wants it', async () => {
  const server = new Lists();
  const feed = new EventFeed(server, new EventList());
  server.refusal = new ApiError('forbidden', 'You may not see it.', { status: 403 });
  await feed.begin({});
  await pass(120_000, 1000);
  assert.equal(server.asked, 1);
  server.refusal = null;
  await feed.retry();
  assert.equal(feed.isLoaded, true);
});

test('another query ends the tries of the one before', async () => {
  const server = new Lists();
  const feed = new EventFeed(server, new EventList());
  server.refusal = busy();
  await feed.begin({});
  server.refusal = null;
  server.next = null;
  await feed.begin({ cameraId: 2 });
  await pass(60_000, 500);
  assert.equal(server.asked, 2);
  assert.equal(feed.problem, '');
});

test('the success of one request leaves the problem of another', () => {
  const problems = new Problems();
  problems.set('cameras', 'The cameras are away.');
  problems.set('news', '');
  assert.equal(problems.text, 'The cameras are away.');
  problems.set('news', 'The cameras are away.');
  assert.equal(problems.text, 'The cameras are away.');
  problems.set('list', 'The list is locked.');
  problems.set('cameras', '');
  assert.equal(problems.text, 'The cameras are away. The list is locked.');
});
