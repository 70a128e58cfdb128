// @ts-check
/**
 * Loads the coverage for the timeline and the calendar: often while the recorder is indexed, and otherwise at
 * intervals, because recording goes on.
 *
 * Emits 'rows' with the window's rows, 'events' (true if the window's events are complete), 'days' with the month's
 * rows, 'indexing' with a Coverage, and 'failed' with a Problem.
 */

import { problemOf } from './api.js';
import { rowOf } from './coverage.js';
import { Poller } from './poller.js';

/** @typedef {import('./timeline-scale.js').Span} Span @typedef {import('./api.js').Coverage} Coverage */

const BUSY_MS = 1000;
const CALM_MS = 15_000;
const FAILED_MS = 15_000;
const MONTH_BUSY_MS = 4000;
const MONTH_CALM_MS = 60_000;
const SETTLE_MS = 150;
const EVENTS_UP_TO_MS = 4 * 86_400_000;

export class CoverageLoader extends EventTarget {
  #api;
  #cameraId;
  /** @type {Span} */
  #view;
  /** @type {Span|null} */
  #loaded = null;
  /** @type {Span|null} */
  #month = null;
  #monthDueMs = 0;
  #isCut = false;
  #wasBusy = false;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #settling = null;
  #poller = new Poller(() => this.#loadWindow());

  /**
   * @param {Pick<import('./api.js').Api, 'coverage'|'indexing'>} api
   * @param {number} cameraId
   * @param {Span} view
   */
  constructor(api, cameraId, view) {
    super();
    this.#api = api;
    this.#cameraId = cameraId;
    this.#view = view;
  }

  start() {
    this.#poller.start();
  }

  stop() {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#poller.stop();
  }

  /** Set the timeline's window. @param {Span} view */
  setView(view) {
    this.#view = view;
    const loaded = this.#loaded;
    if (loaded && loaded.startMs <= view.startMs && view.endMs <= loaded.endMs && !this.#misses(loaded, view)) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#poller.soon(), SETTLE_MS);
  }

  /** Set the calendar's month. @param {Span} month */
  setMonth(month) {
    this.#month = month;
    this.#monthDueMs = 0;
    this.#poller.soon();
  }

  /** @param {'stop'|'resume'} what */
  async indexing(what) {
    await this.#api.indexing(this.#cameraId, what);
    this.#monthDueMs = 0;
    this.#poller.soon();
  }

  async #loadWindow() {
    const wanted = padded(this.#view);
    try {
      const events = wanted.endMs - wanted.startMs <= EVENTS_UP_TO_MS;
      const coverage = await this.#ask(wanted, events);
      this.#loaded = wanted;
      this.#isCut = coverage.channels.some((channel) => channel.events_truncated);
      this.#emit('events', events && !this.#isCut);
      this.#emit('rows', coverage.channels.map(rowOf));
      const busy = await this.#loadMonth(coverage);
      return busy ? BUSY_MS : CALM_MS;
    } catch (error) {
      this.#emit('failed', problemOf(error));
      return FAILED_MS;
    }
  }

  /** @param {Coverage} coverage of the window @returns {Promise<boolean>} true while the recorder is indexed */
  async #loadMonth(coverage) {
    let last = coverage;
    const month = this.#month;
    const isDone = this.#wasBusy && coverage.indexing === null;
    if (month && (isDone || Date.now() >= this.#monthDueMs)) {
      last = await this.#ask(month, false);
      this.#monthDueMs = Date.now() + (last.indexing ? MONTH_BUSY_MS : MONTH_CALM_MS);
      if (month === this.#month) this.#emit('days', last.channels.map(rowOf));
    }
    this.#emit('indexing', last);
    this.#wasBusy = last.indexing !== null;
    return last.indexing !== null;
  }

  /**
   * True if events of the window may be missing, because it is a small part of a span that was loaded without all
   * events.
   *
   * @param {Span} loaded
   * @param {Span} view
   */
  #misses(loaded, view) {
    const length = loaded.endMs - loaded.startMs;
    const wanted = 2 * (view.endMs - view.startMs);
    return (length > EVENTS_UP_TO_MS && wanted <= EVENTS_UP_TO_MS) || (this.#isCut && wanted <= length / 2);
  }

  /** @param {Span} span @param {boolean} events */
  #ask(span, events) {
    return this.#api.coverage(this.#cameraId, { start: new Date(span.startMs), end: new Date(span.endMs), events });
  }

  /** @param {string} type @param {unknown} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Return the window with a margin on both sides, so that a small move shows no gap.
 *
 * @param {Span} view
 * @returns {Span}
 */
function padded(view) {
  const more = (view.endMs - view.startMs) / 2;
  return { startMs: view.startMs - more, endMs: view.endMs + more };
}
