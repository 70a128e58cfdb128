// @ts-check
/**
 * Asks the server about the thumbnails that the page shows, again and again while the server makes them. A job of the
 * server ends two seconds after the last request, so the loader asks once a second, three times as often while thumbnails
 * come, and stops when nothing is open.
 *
 * Emits 'thumbnails' when answers have come, and 'state' when `problem` or `isHeld` has changed.
 */

import { problemOf } from './http.js';
import { Poller } from './poller.js';
import { requestsFor } from './thumbnail-times.js';
import { ThumbnailStore } from './thumbnail-store.js';

/**
 * @typedef {import('./thumbnails-api.js').Thumbnail} Thumbnail
 * @typedef {import('./timeline-scale.js').Span} Span
 * @typedef {'strip'|'grid'|'calendar'} Owner
 * @typedef {{channel: number, stepS: number, times: number[]}} Want
 * @typedef {(what: {channel: number, stepS: number} & Span) => Promise<Thumbnail[]>} Ask
 * @typedef {{want: Want, span: Span, dueMs: number}} Request
 */

/** From the most to the least urgent one. */
const OWNERS = /** @type {const} */ (['strip', 'grid', 'calendar']);

const AGAIN_MS = 1000;
const NEWS_AGAIN_MS = 300;
const NEWS_MS = 2000; // how long the server is expected to have more
const MOST_AT_A_TIME = 4;
const HELD_MS = 500;
const IDLE_MS = 10_000;
const SHORTEST_PAUSE_MS = 20;
const AFTER_PROBLEM_MS = 5000;

export class ThumbnailLoader extends EventTarget {
  store = new ThumbnailStore();
  #ask;
  #mayAsk;
  /** @type {Map<Owner, Want[]>} */
  #wants = new Map();
  #poller = new Poller(() => this.#run());
  #retryMs = -Infinity;
  /** The last time when a thumbnail was requested for the first time, or was there. */
  #newsMs = -Infinity;
  /** The problem of the last request. @type {import('./http.js').Problem|null} */
  problem = null;
  /** True while open thumbnails wait, because the page may not ask. */
  isHeld = false;

  /**
   * @param {Ask} ask
   * @param {() => boolean} mayAsk false while playback needs the link or the recorder, or the page is hidden
   */
  constructor(ask, mayAsk) {
    super();
    this.#ask = ask;
    this.#mayAsk = mayAsk;
  }

  start() {
    this.#poller.start();
  }

  stop() {
    this.#poller.stop();
  }

  /** Set the thumbnails that a part of the page shows now. @param {Owner} owner @param {Want[]} wants */
  want(owner, wants) {
    this.#wants.set(owner, wants);
    if (this.#next().length) this.#poller.soon();
  }

  /** Run again now: the page may ask again. */
  wake() {
    this.#poller.soon();
  }

  /** True while the server makes a thumbnail of this part of the page, or was not asked. @param {Owner} owner */
  isBusy(owner) {
    return this.#requestsOf(owner).length > 0;
  }

  async #run() {
    const nowMs = Date.now();
    const requests = this.#next();
    const isHeld = requests.length > 0 && !this.#mayAsk();
    if (isHeld !== this.isHeld) {
      this.isHeld = isHeld;
      this.#emit('state');
    }
    if (!requests.length) return IDLE_MS;
    if (isHeld) return HELD_MS;
    if (nowMs < this.#retryMs) return this.#retryMs - nowMs;
    const due = requests.filter(({ dueMs }) => dueMs <= nowMs).slice(0, MOST_AT_A_TIME);
    if (due.length) {
      await Promise.all(due.map((request) => this.#carryOut(request)));
      this.#emit('thumbnails');
    }
    const next = this.#next();
    if (!next.length) return IDLE_MS;
    return Math.max(SHORTEST_PAUSE_MS, Math.min(...next.map(({ dueMs }) => dueMs)) - Date.now());
  }

  /** @param {Request} request */
  async #carryOut({ want: { channel, stepS }, span }) {
    try {
      const thumbnails = await this.#ask({ channel, stepS, ...span });
      const isNews = thumbnails.some(({ atMs, state }) => {
        const known = this.store.get(channel, stepS, atMs);
        return !known || (state === 'ready' && known.state !== 'ready');
      });
      if (isNews) this.#newsMs = Date.now();
      this.store.add(channel, stepS, thumbnails, Date.now());
      this.#markAnswered(channel, stepS, span);
      this.#setProblem(null);
    } catch (error) {
      const retryAfterS = /** @type {{retryAfterS?: number|null}} */ (error).retryAfterS ?? null;
      this.#retryMs = Date.now() + (retryAfterS === null ? AFTER_PROBLEM_MS : retryAfterS * 1000);
      this.#setProblem(problemOf(error));
    }
  }

  /** Times that an answer leaves out have no thumbnail: without this mark they would be requested for ever. @param {number} channel @param {number} stepS @param {Span} span */
  #markAnswered(channel, stepS, { startMs, endMs }) {
    const nowMs = Date.now();
    for (let atMs = startMs; atMs < endMs; atMs += stepS * 1000) {
      if (this.store.get(channel, stepS, atMs)) continue;
      this.store.add(channel, stepS, [{ atMs, takenMs: null, state: 'missing', url: null }], nowMs);
    }
  }

  /** All open requests, the most urgent ones first. The calendar waits for all others. @returns {Request[]} */
  #next() {
    /** @type {Request[]} */
    const requests = [];
    for (const owner of OWNERS) {
      if (owner === 'calendar' && requests.length) break;
      requests.push(...this.#requestsOf(owner));
    }
    return requests;
  }

  /** @param {Owner} owner @returns {Request[]} */
  #requestsOf(owner) {
    const nowMs = Date.now();
    return (this.#wants.get(owner) ?? []).flatMap((want) => {
      const { channel, stepS, times } = want;
      const open = times.filter((atMs) => this.store.isOpen(channel, stepS, atMs, nowMs));
      return requestsFor(open, stepS).map((span) => ({ want, span, dueMs: this.#dueMs(want, open, span) }));
    });
  }

  /** A thumbnail that was never requested is due now. @param {Want} want @param {number[]} open @param {Span} span */
  #dueMs({ channel, stepS }, open, { startMs, endMs }) {
    const heard = open
      .filter((atMs) => startMs <= atMs && atMs < endMs)
      .map((atMs) => this.store.heardMs(channel, stepS, atMs) ?? -Infinity);
    return Math.min(...heard) + (Date.now() - this.#newsMs < NEWS_MS ? NEWS_AGAIN_MS : AGAIN_MS);
  }

  /** @param {import('./http.js').Problem|null} problem */
  #setProblem(problem) {
    if (problem?.code === this.problem?.code) return;
    this.problem = problem;
    this.#emit('state');
  }

  /** @param {string} type */
  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}
