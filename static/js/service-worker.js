// @ts-check
/**
 * The service worker: shows notifications, also while no page is open, and opens the page of an event. The page of
 * notifications registers it when a user switches them on.
 *
 * It keeps nothing of the app: pages, API and recordings always come from the server. If the server does not answer, it
 * shows a page that is part of this file. The browser loads this file from `/service-worker.js`,
 * as a plain script without imports.
 */

/**
 * @typedef {Event & {waitUntil: (work: Promise<unknown>) => void}} LongEvent
 * @typedef {LongEvent & {addRoutes?: (rules: unknown) => Promise<void>}} InstallEvent
 * @typedef {LongEvent & {request: Request, preloadResponse: Promise<Response|undefined>, respondWith: (answer: Promise<Response>) => void}} FetchEvent
 * @typedef {LongEvent & {data: {json: () => any}|null}} PushEvent
 * @typedef {LongEvent & {notification: Notification, action: string}} ClickEvent
 * @typedef {LongEvent & {newSubscription: PushSubscription|null, oldSubscription: PushSubscription|null}} ChangeEvent
 * @typedef {{url: string, focused: boolean, focus: () => Promise<Tab>, navigate: (url: string) => Promise<Tab|null>}} Tab
 * @typedef {{url: string, rule: number|null}} Kept data of a notification
 */

const scope =
  /** @type {{registration: ServiceWorkerRegistration & {navigationPreload?: {enable: () => Promise<void>}},
   *   location: Location, skipWaiting: () => Promise<void>,
   *   clients: {claim: () => Promise<void>, matchAll: (how: object) => Promise<Tab[]>, openWindow: (url: string) => Promise<Tab|null>},
   *   addEventListener: (name: string, listener: (event: any) => void) => void}} */ (/** @type {unknown} */ (self));

const SNOOZE_MS = 3_600_000;
const MAX_TEXT = 500;
const EVENTS = '/events';
const SETTINGS = '/notifications';
/** Pages that play live video or recordings. A notification does not replace them: it opens another tab. */
const PLAYING = ['/viewer', '/wall', '/recordings'];

const OFFLINE_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta http-equiv="refresh" content="20">
<title>Not reachable · ONVIF Web Viewer</title>
<style>
body { display: grid; place-content: center; justify-items: center; gap: 1rem; min-height: 90vh; margin: 0 1.5rem; font: 1rem/1.5 system-ui, sans-serif; text-align: center; }
h1 { margin: 0; font-size: 1.375rem; }
p { margin: 0; max-width: 28rem; }
</style>
<h1>The server does not answer</h1>
<p>This device has no connection to it, or it does not run. The page tries again every 20 seconds.</p>
<p><a href="">Try again now</a></p>
`;

scope.addEventListener('install', (/** @type {InstallEvent} */ event) => {
  // Browsers that know this rule send all requests except those for pages past the worker, which saves time.
  const rule = { condition: { not: { requestMode: 'navigate' } }, source: 'network' };
  if (event.addRoutes) event.waitUntil(event.addRoutes(rule).catch(() => {}));
  event.waitUntil(scope.skipWaiting());
});

scope.addEventListener('activate', (/** @type {LongEvent} */ event) => {
  event.waitUntil(Promise.all([scope.clients.claim(), scope.registration.navigationPreload?.enable()]));
});

scope.addEventListener('fetch', (/** @type {FetchEvent} */ event) => {
  if (event.request.mode === 'navigate' && event.request.method === 'GET') event.respondWith(pageOrOffline(event));
});

scope.addEventListener('push', (/** @type {PushEvent} */ event) => event.waitUntil(show(event.data)));

scope.addEventListener('notificationclick', (/** @type {ClickEvent} */ event) => {
  event.notification.close();
  const { url, rule } = /** @type {Kept} */ (event.notification.data ?? { url: ownAddress(EVENTS, ''), rule: null });
  event.waitUntil(event.action === 'snooze' && rule !== null ? snooze(rule) : openPage(url));
});

scope.addEventListener('pushsubscriptionchange', (/** @type {ChangeEvent} */ event) => {
  event.waitUntil(subscribeAgain(event.newSubscription, event.oldSubscription));
});

/** The server's page; without a connection the page of this file. @param {FetchEvent} event @returns {Promise<Response>} */
async function pageOrOffline({ request, preloadResponse }) {
  try {
    return (await preloadResponse) ?? (await fetch(request));
  } catch {
    const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' };
    return new Response(OFFLINE_PAGE, { status: 503, headers });
  }
}

/**
 * Show the notification of a message. Browsers demand one for each message, so an unreadable one shows, too.
 *
 * @param {PushEvent['data']} data
 */
async function show(data) {
  const message = readMessage(data);
  /** @type {NotificationOptions & Record<string, unknown>} */
  const options = {
    body: message.text,
    icon: '/static/img/icon-192.png',
    badge: '/static/img/badge-96.png',
    tag: message.tag,
    renotify: message.tag !== '', // another message about an event replaces its notification, and is heard, too
    timestamp: message.time,
    data: /** @type {Kept} */ ({ url: message.url, rule: message.rule }),
  };
  if (message.picture) options.image = message.picture;
  if (message.rule !== null) {
    options.actions = [
      { action: 'open', title: 'Open' },
      { action: 'snooze', title: 'Snooze for an hour' },
    ];
  }
  await scope.registration.showNotification(message.title, options);
}

/** @param {PushEvent['data']} data */
function readMessage(data) {
  /** @type {Record<string, unknown>} */
  let found = {};
  try {
    found = Object(data?.json());
  } catch {
    // The message has no content, or it is no JSON.
  }
  return {
    title: textOf(found.title) || 'ONVIF Web Viewer',
    text: textOf(found.text),
    tag: textOf(found.tag).slice(0, 64),
    url: ownAddress(found.url ?? EVENTS, scope.location.origin),
    picture: found.picture ? ownAddress(found.picture, '') : '',
    rule: Number.isSafeInteger(found.rule) && Number(found.rule) > 0 ? Number(found.rule) : null,
    time: typeof found.time_ms === 'number' ? found.time_ms : Date.now(),
  };
}

/** @param {unknown} value */
function textOf(value) {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

/**
 * Return an address of this app with path, query and fragment of another address, whatever host that has.
 *
 * @param {unknown} address
 * @param {string} otherwise
 */
function ownAddress(address, otherwise) {
  const { origin } = scope.location;
  try {
    const { pathname, search, hash } = new URL(String(address), origin);
    return Object.assign(new URL(origin), { pathname, search, hash }).href; // of the parts, none can change the host
  } catch {
    return otherwise;
  }
}

/**
 * Show a page of the app: in a tab that shows events, otherwise in another tab that plays nothing, otherwise in a new one.
 *
 * @param {string} address
 */
async function openPage(address) {
  const tabs = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const idle = tabs.filter(({ url }) => !PLAYING.some((playing) => isAt(url, playing)));
  const tab = idle.find(({ url }) => isAt(url, EVENTS)) ?? idle.find(({ focused }) => focused) ?? idle[0];
  if (tab) {
    try {
      const shown = await tab.navigate(address);
      await (shown ?? tab).focus();
      return;
    } catch {
      // A tab that was opened before this worker ran cannot be moved to another page.
    }
  }
  await scope.clients.openWindow(address);
}

/** @param {string} url @param {string} path */
function isAt(url, path) {
  const { pathname } = new URL(url);
  return pathname === path || pathname.startsWith(`${path}/`);
}

/** Keep a rule quiet for an hour. If that fails, open the page that can do it. @param {number} rule */
async function snooze(rule) {
  const until = new Date(Date.now() + SNOOZE_MS);
  const settings = ownAddress(`${SETTINGS}#rule-${rule}`, '');
  try {
    await send('PATCH', `/api/notification-rules/${rule}`, { snooze_until: until.toISOString() });
  } catch {
    await openPage(settings);
    return;
  }
  await scope.registration.showNotification('Snoozed', {
    body: `This rule sends nothing until ${until.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.`,
    badge: '/static/img/badge-96.png',
    icon: '/static/img/icon-192.png',
    tag: `snooze-${rule}`,
    silent: true,
    data: /** @type {Kept} */ ({ url: settings, rule: null }),
  });
}

/**
 * The browser has replaced the subscription: tell the server the new one, so that messages go on.
 *
 * @param {PushSubscription|null} renewed
 * @param {PushSubscription|null} old
 */
async function subscribeAgain(renewed, old) {
  const options = { userVisibleOnly: true, applicationServerKey: old?.options.applicationServerKey ?? (await serverKey()) };
  const subscription = renewed ?? (await scope.registration.pushManager.subscribe(options));
  const { endpoint, keys } = subscription.toJSON();
  await send('POST', '/api/push/subscriptions', { endpoint, keys, replaces: old?.endpoint ?? null });
}

async function serverKey() {
  const { public_key: key } = await (await fetch('/api/push/key')).json();
  return key;
}

/**
 * Send JSON as the user who is logged in in this browser. Throw if the server refuses it.
 *
 * @param {string} method
 * @param {string} url
 * @param {unknown} body
 */
async function send(method, url, body) {
  const session = await (await fetch('/api/session')).json();
  /** @type {Record<string, string>} */
  const headers = { 'Content-Type': 'application/json' };
  if (session.csrf_token) headers['X-CSRF-Token'] = session.csrf_token;
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
}
