// @ts-check
/**
 * The events page: the events of all channels, the newest first.
 *
 *   events.js            shows the list (lib/event-list.js), loads it page by page (lib/event-feed.js), and the news
 *   events-filters.js    the filters, their place in the address, and the calendar
 *   events-seen.js       marks events as seen: only those that were in sight
 *   events-words.js      the search by words
 *   events-pictures.js   loads the pictures in sight (lib/event-pictures.js)
 *   events-player.js     plays events in a dialog
 *   events-similar.js    shows events with similar pictures in a dialog
 *   events-keys.js       the keys
 *   events-none.js       the words for an empty list
 *   events-device.js     with `?device=1`, in place of the list: the topics of a device
 */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { EventRow } from '../components/event-row.js';
import { keyedRows } from '../components/keyed-rows.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { EventFeed, Problems } from '../lib/event-feed.js';
import { newsQueryOf, queryOf } from '../lib/event-filter.js';
import { eventSpan, playAddress } from '../lib/event-links.js';
import { EventList } from '../lib/event-list.js';
import { dayWords, eventPlace, newsWords } from '../lib/event-text.js';
import { EventsApi } from '../lib/events-api.js';
import { ApiError, problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { EventFilters } from './events-filters.js';
import { handleEventKeys } from './events-keys.js';
import { showNone } from './events-none.js';
import { EventsPictures } from './events-pictures.js';
import { EventsSeen } from './events-seen.js';
import { EventWords } from './events-words.js';
import { byId, httpOptions, lazyModule, may, pageApi, showToast } from './page.js';
import { ServerRecording, watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/events-api.js').LoggedEvent} LoggedEvent @typedef {import('../lib/api.js').Camera} Camera */

const NEWS_MS = 4000;
/** If more new events wait, the list begins anew with a page of them. */
const MANY_WAITING = 200;
/** The next page is loaded when so many events are left to play. */
const PLAYED_FROM_END = 3;

const { events: eventsUrl = '', cameras: camerasUrl = '', recordings: recordingsUrl = '' } = document.body.dataset;
const api = pageApi();
const eventsApi = new EventsApi({ events: eventsUrl, cameras: camerasUrl }, httpOptions());
const list = new EventList();
const feed = new EventFeed(eventsApi, list);
const problems = new Problems();
const filters = new EventFilters(api, eventsApi);
const words = new EventWords();
const recording = new ServerRecording();
const days = byId('days', HTMLElement);
const more = byId('more', HTMLButtonElement);
const title = document.title;

/** @type {Camera[]|null} */
let cameras = null;
const pictures = new EventsPictures(eventsApi);
const seen = new EventsSeen(eventsApi, list, (ids) => redraw(ids));

// ── Loading ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Load the list anew: the filter is another one. */
async function load() {
  seen.forget();
  pictures.forget();
  words.words = filters.filter.words;
  const loading = feed.begin(queryOf(filters.filter));
  draw(new Set());
  await loading;
}

feed.addEventListener('change', () => {
  showProblem('list', feed.problem);
  draw(new Set());
});

const news = new Poller(async () => {
  const { asOf, signal } = feed;
  if (asOf === null) return NEWS_MS;
  try {
    const answer = await eventsApi.news(newsQueryOf(filters.filter), asOf, signal);
    feed.asOf = answer.as_of;
    take(answer.events, answer.gone);
    showProblem('news', '');
    return answer.has_more ? 0 : NEWS_MS;
  } catch (error) {
    if (signal.aborted) return NEWS_MS;
    showProblem('news', problemOf(error).detail);
    throw error;
  }
});

/** @param {LoggedEvent[]} changed @param {number[]} gone */
function take(changed, gone) {
  const waitingBefore = list.waitingCount;
  const isOther = list.remove(gone) || list.waitingCount !== waitingBefore;
  if (!changed.length && !isOther && !list.hasOpen) return;
  const { isSeen } = filters.filter;
  const unknown = list.update(changed).filter((event) => isSeen === null || event.seen === isSeen);
  list.wait(unknown);
  if (unknown.length) void filters.count();
  if (!list.count) list.showNew(); // nothing is there that it could move
  draw(new Set(changed.map(({ id }) => id)));
  for (const event of changed) pictures.renew(event);
}

// ── Showing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Show the list: new rows, those of `changed` and those whose length grows. @param {ReadonlySet<number>} changed */
function draw(changed) {
  const shown = list.days();
  const todayMs = LOCAL_CLOCK.wallOf(Date.now());
  /** @type {Map<string, HTMLElement>} */
  const sections = new Map();
  for (const section of [...days.children]) {
    if (!(section instanceof HTMLElement)) continue;
    const key = section.dataset.day ?? '';
    if (shown.some(({ wallMs }) => String(wallMs) === key)) sections.set(key, section);
    else section.remove();
  }
  let at = days.firstElementChild;
  for (const { wallMs, events } of shown) {
    const key = String(wallMs);
    const section = sections.get(key) ?? part(cloneTemplate('event-day'), 'day', HTMLElement);
    section.dataset.day = key;
    if (section === at) at = at.nextElementSibling;
    else days.insertBefore(section, at);
    setText(part(section, 'title', HTMLElement), dayWords(wallMs, todayMs));
    const ids = events.map(({ id }) => id);
    const rows = keyedRows(part(section, 'list', HTMLElement), ids, 'event-row', EventRow);
    rows.forEach((row, index) => {
      const event = events[index];
      if (event && (!row.event || changed.has(event.id) || event.end_time === null)) show(row, event);
    });
  }
  drawAround();
}

/** Write some rows again. @param {Iterable<number>} ids */
function redraw(ids) {
  draw(new Set(ids));
}

/** @param {EventRow} row @param {LoggedEvent} event */
function show(row, event) {
  const nowMs = Date.now();
  const exportUrl = playAddress(recordingsUrl, event, eventSpan(event, nowMs));
  row.show(event, { nowMs, playUrl: playAddress(recordingsUrl, event), exportUrl });
  seen.watch(row);
  pictures.watch(row);
}

function drawAround() {
  const { isLoading, isLoaded, hasMore } = feed;
  days.setAttribute('aria-busy', String(isLoading && !isLoaded));
  byId('loading', HTMLElement).hidden = !isLoading;
  more.hidden = isLoading || !hasMore;
  byId('end', HTMLElement).hidden = !isLoaded || hasMore || list.count === 0;
  const count = list.waitingCount;
  const newsText = newsWords(count);
  byId('news', HTMLElement).hidden = count === 0;
  setText(byId('news-text', HTMLElement), newsText);
  setText(byId('news-status', HTMLElement), count ? newsText : '');
  document.title = count ? `(${count}) ${title}` : title;
  seen.draw();
  words.show(feed.told, cameras ?? []);
  showNone({ isEmpty: isLoaded && list.count === 0, filter: filters.filter, cameras, eventsApi });
}

/** Load the next page. The button hides itself, so the focus goes to the end of the list, and then to the next row. */
async function showMore() {
  const last = list.events.at(-1)?.id ?? 0;
  focusRow(last);
  await feed.retry();
  const { events } = list;
  const next = events[events.findIndex(({ id }) => id === last) + 1];
  if (next && document.activeElement?.closest('event-row')?.getAttribute('data-id') === String(last)) focusRow(next.id);
}

/** @param {string} source of the problem @param {string} detail '' for none */
function showProblem(source, detail) {
  problems.set(source, detail);
  const line = byId('problem', HTMLElement);
  if (!problems.text && line.contains(document.activeElement)) byId('list-title', HTMLElement).focus({ preventScroll: true });
  line.hidden = !problems.text;
  setText(byId('problem-text', HTMLElement), problems.text);
}

/** Show the waiting events, and go to the first of the list. */
async function showNews() {
  if (!list.waitingCount) return;
  window.scrollTo({ top: 0 });
  if (list.waitingCount > MANY_WAITING) await load();
  else {
    list.showNew();
    draw(new Set());
  }
  document.querySelector('event-row')?.querySelector('a')?.focus({ preventScroll: true });
}

// ── Playing ────────────────────────────────────────────────────────────────────────────────────────────────────────

const later = lazyModule(() => import('./events-later.js'));
const player = lazyModule(async () => {
  const made = new (await import('./events-later.js')).EventPlayer(api);
  made.addEventListener('step', (event) => {
    const next = playable(played, /** @type {CustomEvent<1|-1>} */ (event).detail);
    if (next) void play(next);
  });
  made.addEventListener('closed', () => focusRow(played));
  return made;
});
const similar = lazyModule(async () => {
  const made = new (await import('./events-later.js')).SimilarEvents(eventsApi);
  made.addEventListener('play', (event) => void play(/** @type {CustomEvent<LoggedEvent>} */ (event).detail));
  return made;
});
/** Id of the event that was played last. */
let played = 0;

/** Play the recording of an event in the dialog. @param {LoggedEvent} event */
async function play(event) {
  played = event.id;
  const shown = await player.get();
  if (!shown) return;
  if (!event.seen) void seen.mark([event.id], true);
  const address = playAddress(recordingsUrl, event);
  void shown.play(event, { address, hasNext: playable(event.id, 1) !== null, hasBefore: playable(event.id, -1) !== null });
  if (list.events.at(-PLAYED_FROM_END)?.id === event.id) void feed.more();
}

/** Return the event below or above another one that has a recording. @param {number} id @param {1|-1} direction */
function playable(id, direction) {
  const { events } = list;
  const from = events.findIndex((event) => event.id === id);
  if (from < 0) return null; // a similar one, which is not in the list
  for (let at = from + direction; at >= 0; at += direction) {
    const event = events[at];
    if (!event) return null;
    if (event.camera_id !== null && event.channel !== null) return event;
  }
  return null;
}

/** @param {number} id */
function focusRow(id) {
  const row = days.querySelector(`event-row[data-id="${id}"]`);
  if (!(row instanceof EventRow)) return;
  row.link.focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
}

// ── Events of the page ─────────────────────────────────────────────────────────────────────────────────────────────

days.addEventListener('event-seen', (event) => {
  const { detail } = /** @type {CustomEvent<LoggedEvent>} */ (event);
  void seen.mark([detail.id], !detail.seen);
});
days.addEventListener('event-play', (event) => {
  void play(/** @type {CustomEvent<LoggedEvent>} */ (event).detail);
});
days.addEventListener('event-leave', (event) => {
  const { detail } = /** @type {CustomEvent<LoggedEvent>} */ (event);
  if (!detail.seen) void seen.mark([detail.id], true, { isLeaving: true });
});
days.addEventListener('event-keep', (event) => {
  const { detail } = /** @type {CustomEvent<LoggedEvent>} */ (event);
  if (detail.channel === null || detail.camera_id === null) return;
  const { camera_id: cameraId, channel } = detail;
  void recording.openKeep({ cameraId, channel, name: eventPlace(detail), ...eventSpan(detail, Date.now()) });
});
days.addEventListener('event-similar', (event) => {
  const { detail } = /** @type {CustomEvent<LoggedEvent>} */ (event);
  void similar.get().then((loaded) => loaded?.open(detail));
});
filters.addEventListener('filter', () => void load());
words.addEventListener('words', (event) => filters.search(/** @type {CustomEvent<string>} */ (event).detail));
more.addEventListener('click', () => void showMore());
byId('news', HTMLElement).addEventListener('click', () => void showNews());
new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && !more.hidden && void feed.more(), {
  rootMargin: '0px 0px 600px',
}).observe(more);
handleEventKeys({ seen, showNews: () => void showNews() });

/** Learns the cameras once. */
const learning = new Poller(async () => {
  try {
    cameras = await api.listCameras();
  } catch (error) {
    showProblem('cameras', problemOf(error).detail);
    throw error;
  }
  showProblem('cameras', '');
  filters.cameras = cameras;
  drawAround();
  return null;
});

/** Play the event that the address names, as links of notifications do. @param {number} id */
async function playNamed(id) {
  try {
    const event = await eventsApi.get(id);
    if (event.camera_id !== null && event.channel !== null) await play(event);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showToast(problemOf(error).detail, 'bad');
  }
}

const asked = new URLSearchParams(window.location.search);
const deviceId = Number(asked.get('device') ?? 0);
const eventId = Number(asked.get('event') ?? 0);
if (deviceId && may('manage')) {
  byId('events', HTMLElement).hidden = true;
  void later.get().then((loaded) => loaded && new loaded.DevicePanel(api, eventsApi, deviceId).start());
} else {
  byId('problem-retry', HTMLElement).addEventListener('click', () => {
    learning.soon();
    news.soon();
    void feed.retry();
  });
  learning.start();
  void filters.count();
  void load();
  news.start();
  if (Number.isSafeInteger(eventId) && eventId > 0) void playNamed(eventId);
  document.addEventListener('visibilitychange', () => (document.hidden ? news.stop() : news.start()));
}
watchAlerts();
