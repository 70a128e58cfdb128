// @ts-check
/** The service worker's own file, run in its own scope, as a browser runs it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const SOURCE = readFileSync(new URL('../../static/js/service-worker.js', import.meta.url), 'utf8');
const ORIGIN = 'https://cams.example';

/** A tab of the app. @param {string} path @param {{focused?: boolean, isOld?: boolean}} [how] `isOld`: from before the worker */
function tab(path, { focused = false, isOld = false } = {}) {
  const made = {
    url: ORIGIN + path,
    focused,
    isShown: false,
    focus: async () => {
      made.isShown = true;
      return made;
    },
    /** @param {string} url */
    navigate: async (url) => {
      if (isOld) throw new TypeError('not controlled');
      made.url = url;
      return made;
    },
  };
  return made;
}

/**
 * @param {{tabs?: ReturnType<typeof tab>[], answers?: Record<string, {status?: number, body?: unknown}>}} [world]
 *   `answers`: of the server, by method and path; a missing one is a failed connection
 */
function worker({ tabs = [], answers = {} } = {}) {
  /** @type {Map<string, (event: any) => void>} */
  const listeners = new Map();
  /** @type {{title: string, options: any}[]} */
  const shown = [];
  /** @type {{method: string, path: string, headers: any, body: any}[]} */
  const requests = [];
  /** @type {string[]} */
  const opened = [];
  /** @type {any[]} */
  const subscribed = [];
  const scope = {
    location: new URL(`${ORIGIN}/service-worker.js`),
    addEventListener: (/** @type {string} */ name, /** @type {(event: any) => void} */ listener) => listeners.set(name, listener),
    skipWaiting: async () => {},
    clients: {
      claim: async () => {},
      matchAll: async () => tabs,
      openWindow: async (/** @type {string} */ url) => {
        opened.push(url);
      },
    },
    registration: {
      showNotification: async (/** @type {string} */ title, /** @type {any} */ options) => {
        shown.push({ title, options });
      },
      pushManager: {
        subscribe: async (/** @type {any} */ options) => {
          subscribed.push(options);
          return { toJSON: () => ({ endpoint: 'https://push.example/new', keys: { p256dh: 'p', auth: 'a' } }) };
        },
      },
    },
  };
  /** @param {string|{url: string}} input @param {any} [init] */
  const fetch = async (input, init = {}) => {
    const path = new URL(typeof input === 'string' ? input : input.url, ORIGIN).pathname;
    const method = init.method ?? 'GET';
    requests.push({ method, path, headers: init.headers, body: init.body && JSON.parse(init.body) });
    const answer = answers[`${method} ${path}`];
    if (!answer) throw new TypeError('failed');
    const status = answer.status ?? 200;
    return { status, ok: status < 300, json: async () => answer.body };
  };
  vm.runInNewContext(SOURCE, { self: scope, fetch, URL, Response, Date, Promise });
  /** Dispatch an event, and wait for all that the worker does for it. @param {string} name @param {object} event */
  const dispatch = async (name, event) => {
    /** @type {Promise<unknown>[]} */
    const work = [];
    /** @type {Promise<Response>|null} */
    let answer = null;
    listeners.get(name)?.({
      ...event,
      waitUntil: (/** @type {Promise<unknown>} */ doing) => work.push(doing),
      respondWith: (/** @type {Promise<Response>} */ response) => (answer = response),
    });
    await Promise.all(work);
    return /** @type {Promise<Response>|null} */ (answer);
  };
  /** @param {unknown} message */
  const push = (message) => dispatch('push', { data: { json: () => JSON.parse(JSON.stringify(message)) } });
  /** @param {string} action @param {{url: string, rule: number|null}|null} data */
  const click = (action, data) => dispatch('notificationclick', { action, notification: { close: () => {}, data } });
  return { dispatch, push, click, shown, requests, opened, subscribed };
}

const MESSAGE = {
  title: 'Person',
  text: 'Gate',
  url: '/events?camera=1',
  tag: 'event-7',
  time_ms: 1_764_000_000_000,
  picture: '/api/events/7/picture',
  rule: 4,
};
const OF_EVENT = { url: `${ORIGIN}/events?camera=1`, rule: 4 };

test('a message shows title, text, time, picture and two actions', async () => {
  const { push, shown } = worker();
  await push(MESSAGE);
  const [{ title, options } = { title: '', options: {} }] = shown;
  assert.equal(title, 'Person');
  assert.equal(options.body, 'Gate');
  assert.equal(options.timestamp, MESSAGE.time_ms);
  assert.equal(options.image, `${ORIGIN}/api/events/7/picture`);
  assert.equal(options.tag, 'event-7');
  assert.equal(options.renotify, true);
  assert.deepEqual(
    [...options.actions].map(({ action }) => action),
    ['open', 'snooze'],
  );
});

test('an unreadable message still shows a notification', async () => {
  const { dispatch, shown } = worker();
  await dispatch('push', { data: null });
  await dispatch('push', {
    data: {
      json: () => {
        throw new SyntaxError('no JSON');
      },
    },
  });
  assert.deepEqual(
    shown.map(({ title, options }) => [title, options.data.url]),
    Array(2).fill(['ONVIF Web Viewer', `${ORIGIN}/events`]),
  );
});

test('an address of another site becomes a page of this app', async () => {
  for (const url of ['https://evil.example/events', '//evil.example/events', 'javascript:alert(1)', '///evil.example']) {
    const { push, click, shown, opened } = worker();
    await push({ ...MESSAGE, url, picture: url });
    assert.ok(shown[0]?.options.image === '' || shown[0]?.options.image.startsWith(`${ORIGIN}/`), url);
    await click('', shown[0]?.options.data);
    assert.equal(new URL(opened[0] ?? '').origin, ORIGIN, url);
  }
});

test('a click shows the event in the tab of the events', async () => {
  const tabs = [tab('/cameras', { focused: true }), tab('/events')];
  const { click, opened } = worker({ tabs });
  await click('', OF_EVENT);
  assert.equal(tabs[1]?.url, OF_EVENT.url);
  assert.equal(tabs[1]?.isShown, true);
  assert.equal(tabs[0]?.url, `${ORIGIN}/cameras`);
  assert.deepEqual(opened, []);
});

test('a click leaves tabs alone that play video', async () => {
  const tabs = [tab('/wall', { focused: true }), tab('/viewer/3'), tab('/recordings/3')];
  const { click, opened } = worker({ tabs });
  await click('open', OF_EVENT);
  assert.deepEqual(opened, [OF_EVENT.url]);
  assert.ok(tabs.every(({ isShown }) => !isShown));
});

test('a tab from before the worker stays, and another one opens', async () => {
  const { click, opened } = worker({ tabs: [tab('/cameras', { isOld: true })] });
  await click('', OF_EVENT);
  assert.deepEqual(opened, [OF_EVENT.url]);
});

test('Snooze keeps the rule quiet for an hour, as the user who is logged in', async () => {
  const answers = { 'GET /api/session': { body: { csrf_token: 'token' } }, 'PATCH /api/notification-rules/4': { body: {} } };
  const { click, requests, shown, opened } = worker({ answers });
  const beforeMs = Date.now();
  await click('snooze', OF_EVENT);
  const sent = requests.at(-1);
  assert.equal(sent?.headers['X-CSRF-Token'], 'token');
  assert.ok(Math.abs(Date.parse(sent?.body.snooze_until) - beforeMs - 3_600_000) < 60_000);
  assert.equal(shown[0]?.title, 'Snoozed');
  assert.deepEqual(opened, []);
});

test('a refused Snooze opens the page of the rules', async () => {
  const answers = { 'GET /api/session': { body: {} }, 'PATCH /api/notification-rules/4': { status: 401, body: {} } };
  const { click, opened, shown } = worker({ answers });
  await click('snooze', OF_EVENT);
  assert.deepEqual(opened, [`${ORIGIN}/notifications#rule-4`]);
  assert.deepEqual(shown, []);
});

test('a changed subscription is told to the server with the old address', async () => {
  const answers = { 'GET /api/session': { body: { csrf_token: 't' } }, 'POST /api/push/subscriptions': { status: 201, body: {} } };
  const { dispatch, requests, subscribed } = worker({ answers });
  const old = { endpoint: 'https://push.example/old', options: { applicationServerKey: 'KEY' } };
  await dispatch('pushsubscriptionchange', { oldSubscription: old, newSubscription: null });
  assert.deepEqual({ ...subscribed[0] }, { userVisibleOnly: true, applicationServerKey: 'KEY' });
  assert.deepEqual(requests.at(-1)?.body, {
    endpoint: 'https://push.example/new',
    keys: { p256dh: 'p', auth: 'a' },
    replaces: 'https://push.example/old',
  });
});

test('without a lost subscription the key comes from the server', async () => {
  const answers = {
    'GET /api/push/key': { body: { public_key: 'SERVER' } },
    'GET /api/session': { body: {} },
    'POST /api/push/subscriptions': { body: {} },
  };
  const { dispatch, subscribed, requests } = worker({ answers });
  await dispatch('pushsubscriptionchange', { oldSubscription: null, newSubscription: null });
  assert.equal(subscribed[0]?.applicationServerKey, 'SERVER');
  assert.equal(requests.at(-1)?.body.replaces, null);
});

test('only pages are answered, and without a server by the own page', async () => {
  const { dispatch } = worker();
  const request = { url: `${ORIGIN}/events`, mode: 'navigate', method: 'GET' };
  const page = await dispatch('fetch', { request, preloadResponse: Promise.resolve(undefined) });
  assert.equal(page?.status, 503);
  assert.match((await page?.text()) ?? '', /The server does not answer/);
  for (const other of [
    { ...request, mode: 'cors' },
    { ...request, method: 'POST' },
  ]) {
    assert.equal(await dispatch('fetch', { request: other, preloadResponse: Promise.resolve(undefined) }), null);
  }
});

test('the page that the browser has requested meanwhile is used', async () => {
  const { dispatch, requests } = worker();
  const preloaded = new Response('page');
  const request = { url: `${ORIGIN}/events`, mode: 'navigate', method: 'GET' };
  assert.equal(await dispatch('fetch', { request, preloadResponse: Promise.resolve(preloaded) }), preloaded);
  assert.deepEqual(requests, []);
});
