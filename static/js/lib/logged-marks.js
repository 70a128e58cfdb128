// @ts-check
/**
 * The logged events of a recorder as marks on the timeline. Events that the app has read from the recorder's own list
 * are left out: the coverage has them.
 */

import { eventName } from './event-kinds.js';
import { ApiError } from './http.js';
import { Poller } from './poller.js';

/**
 * @typedef {import('./events-api.js').LoggedEvent} LoggedEvent @typedef {import('./timeline-scale.js').Span} Span
 * @typedef {{id: number, startMs: number, endMs: number|null, name: string, isAlert: boolean}} LoggedMark `endMs` null: the
 *   event goes on
 */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** In a longer window only alerts are marked. */
const NOTICES_UP_TO_MS = 4 * DAY_MS;
const PAGE = 200;
const MOST_PAGES = 5;
const SETTLE_MS = 250;
const NEWS_MS = 10_000;
const FIRST_MS = 6 * HOUR_MS;
const LARGEST_MS = 62 * DAY_MS;
const FARTHEST_MS = 62 * DAY_MS;

/** @param {LoggedEvent} event @returns {LoggedMark} */
export function markOf(event) {
  return {
    id: event.id,
    startMs: Date.parse(event.start_time),
    endMs: event.end_time === null ? null : Date.parse(event.end_time),
    name: eventName(event),
    isAlert: event.severity === 'alert',
  };
}

/**
 * Return the names of the marks at a moment, each name once.
 *
 * @param {readonly LoggedMark[]} marks
 * @param {number} atMs
 * @param {number} slackMs
 */
export function loggedNamesAt(marks, atMs, slackMs) {
  const there = marks.filter(({ startMs, endMs }) => startMs - slackMs <= atMs && (endMs === null || atMs <= endMs + slackMs));
  return [...new Set(there.map(({ name, isAlert }) => (isAlert ? `${name} (alert)` : name)))];
}

/** Emits 'marks' when the marks of the window have changed. */
export class LoggedMarks extends EventTarget {
  #api;
  #cameraId;
  /** @type {Map<number, LoggedEvent>} */
  #events = new Map();
  /** @type {Span|null} */
  #view = null;
  /** @type {Span|null} */
  #loaded = null;
  #isCut = false;
  /** @type {string|null} */
  #asOf = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #settling = null;
  #poller = new Poller(() => this.#read());

  /** @param {Pick<import('./events-api.js').EventsApi, 'list'|'news'>} api @param {number} cameraId */
  constructor(api, cameraId) {
    super();
    this.#api = api;
    this.#cameraId = cameraId;
  }

  start() {
    this.#poller.start();
  }

  stop() {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#poller.stop();
  }

  /** The window of the timeline. @param {Span} view */
  set view(view) {
    this.#view = view;
    if (this.#isLoaded(view)) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#poller.soon(), SETTLE_MS);
  }

  /** The marks by channel, in the order of their times. @returns {Map<number, LoggedMark[]>} */
  get byChannel() {
    /** @type {Map<number, LoggedMark[]>} */
    const marks = new Map();
    for (const event of this.#events.values()) {
      if (event.channel === null || event.source === 'import') continue;
      const of = marks.get(event.channel);
      if (of) of.push(markOf(event));
      else marks.set(event.channel, [markOf(event)]);
    }
    for (const of of marks.values()) of.sort((one, other) => one.startMs - other.startMs);
    return marks;
  }

  /** True if the answers cover a window as closely as it needs. @param {Span} view */
  #isLoaded(view) {
    const loaded = this.#loaded;
    if (!loaded || loaded.startMs > view.startMs || view.endMs > loaded.endMs) return false;
    const length = view.endMs - view.startMs;
    const isClose = !this.#isCut || length > (loaded.endMs - loaded.startMs) / 4;
    return isClose && (loaded.endMs - loaded.startMs <= NOTICES_UP_TO_MS || length > NOTICES_UP_TO_MS / 2);
  }

  /** True if an event is a mark already, or begins in the loaded window. @param {LoggedEvent} event */
  #isWanted({ id, start_time: start }) {
    const startMs = Date.parse(start);
    return this.#events.has(id) || (this.#loaded !== null && this.#loaded.startMs <= startMs && startMs < this.#loaded.endMs);
  }

  async #read() {
    const view = this.#view;
    if (!view) return NEWS_MS;
    if (!this.#isLoaded(view)) await this.#load(view);
    else if (this.#asOf) {
      const news = await this.#api.news(this.#query(view), this.#asOf);
      this.#asOf = news.as_of;
      for (const event of news.events) if (this.#isWanted(event)) this.#events.set(event.id, event);
      if (news.events.length) this.dispatchEvent(new Event('marks'));
      if (news.has_more) return 0;
    }
    return NEWS_MS;
  }

  /** @param {Span} view */
  async #load(view) {
    const more = (view.endMs - view.startMs) / 2;
    const wanted = { startMs: view.startMs - more, endMs: view.endMs + more };
    const query = this.#query(wanted);
    /** @type {Map<number, LoggedEvent>} */
    const events = new Map();
    /** @type {string|null} */
    let cursor = null;
    /** @type {string|null} */
    let asOf = null;
    for (let page = 0; page < MOST_PAGES && (page === 0 || cursor); page += 1) {
      /** @type {import('./events-api.js').EventPage} */
      const answer = await this.#api.list({ ...query, ...wanted }, { limit: PAGE, cursor });
      for (const event of answer.events) events.set(event.id, event);
      cursor = answer.next_cursor;
      asOf ??= answer.as_of;
    }
    this.#events = events;
    this.#asOf = asOf;
    this.#loaded = wanted;
    this.#isCut = cursor !== null;
    this.dispatchEvent(new Event('marks'));
  }

  /** @param {Span} span @returns {import('./events-api.js').EventQuery} */
  #query({ startMs, endMs }) {
    return { cameraId: this.#cameraId, severity: endMs - startMs > NOTICES_UP_TO_MS ? 'alert' : null };
  }
}

/**
 * Return the first logged event of a channel that begins after a moment, or the last one before it; null if there is
 * none, or if the server does not answer.
 *
 * @param {Pick<import('./events-api.js').EventsApi, 'list'>} api
 * @param {{cameraId: number, channel: number, atMs: number, direction: 1|-1}} what
 * @param {AbortSignal} signal
 * @param {(event: LoggedEvent) => boolean} [isWanted]
 * @returns {Promise<LoggedMark|null>}
 */
export async function findLogged(api, { cameraId, channel, atMs, direction }, signal, isWanted = () => true) {
  const isRight = (/** @type {LoggedEvent} */ event) =>
    event.source !== 'import' && (Date.parse(event.start_time) - atMs) * direction > 0 && isWanted(event);
  const limitMs = direction > 0 ? Date.now() : atMs - FARTHEST_MS;
  let edgeMs = atMs;
  let length = FIRST_MS;
  try {
    while ((limitMs - edgeMs) * direction > 0) {
      const farMs = direction > 0 ? Math.min(limitMs, edgeMs + length) : Math.max(limitMs, edgeMs - length);
      const span = { startMs: Math.min(edgeMs, farMs), endMs: Math.max(edgeMs, farMs) + 1 };
      const page = await api.list({ cameraId, channel, ...span }, { limit: PAGE, signal });
      if (page.next_cursor && length > MINUTE_MS && !(direction < 0 && page.events.some(isRight))) {
        length = Math.max(MINUTE_MS, length / 4); // the answer only has the window's last events
        continue;
      }
      const found = direction > 0 ? page.events.findLast(isRight) : page.events.find(isRight);
      if (found) return markOf(found);
      edgeMs = farMs;
      length = Math.min(LARGEST_MS, length * 2);
    }
  } catch (error) {
    if (!(error instanceof ApiError) && !signal.aborted) throw error;
  }
  return null;
}
