// @ts-check
/**
 * Loads the pages of a list of events, one at a time. After a failure it tries again by itself, after a pause that grows;
 * a refusal that another try cannot change waits for the user. Emits 'change' when its state or the list has changed.
 */

import { backoffMs } from './backoff.js';
import { problemOf, ApiError } from './http.js';

const PAGE = 50;
const AFTER_FAILURE = { startMs: 2000, maxMs: 60_000 };

export class EventFeed extends EventTarget {
  #api;
  #list;
  /** @type {import('./events-api.js').EventQuery} */
  #query = {};
  /** Ends the requests of an older query. */
  #abort = new AbortController();
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;
  isLoading = false;
  /** True once the first page of the present query is here. */
  isLoaded = false;
  /** Time of the first answer, and then of the newest news; null before the first answer. @type {string|null} */
  asOf = null;
  /** The server's reading of the words of the query. @type {Partial<Pick<import('./events-api.js').EventPage, 'understood'|'not_understood'>>} */
  told = {};
  /** Why the last request failed; '' if it did not. */
  problem = '';

  /** @param {Pick<import('./events-api.js').EventsApi, 'list'>} api @param {import('./event-list.js').EventList} list */
  constructor(api, list) {
    super();
    this.#api = api;
    this.#list = list;
  }

  /** Aborted once another query begins. */
  get signal() {
    return this.#abort.signal;
  }

  get hasMore() {
    return this.isLoaded && this.#list.cursor !== null;
  }

  /** Begin the list anew. @param {import('./events-api.js').EventQuery} query */
  begin(query) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#query = query;
    this.#list.clear();
    this.#failures = 0;
    this.isLoading = false;
    this.isLoaded = false;
    this.asOf = null;
    this.told = {};
    return this.retry();
  }

  /** Load the next page, unless a failure has happened: `retry()` does not wait. */
  async more() {
    if (this.#failures === 0) await this.#load();
  }

  /** The user asks for the next page. */
  async retry() {
    await this.#load();
  }

  async #load() {
    const { signal } = this.#abort;
    if (this.isLoading || (this.isLoaded && this.#list.cursor === null)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.isLoading = true;
    this.#emit();
    try {
      const page = await this.#api.list(this.#query, { limit: PAGE, cursor: this.#list.cursor, signal });
      if (signal.aborted) return;
      this.#list.add(page);
      this.asOf ??= page.as_of;
      if (!this.isLoaded) this.told = { understood: page.understood, not_understood: page.not_understood };
      this.isLoaded = true;
      this.problem = '';
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.problem = problemOf(error).detail;
      this.#wait(error);
    }
    this.isLoading = false;
    this.#emit();
  }

  /** @param {unknown} error */
  #wait(error) {
    const pauseMs = backoffMs(this.#failures, AFTER_FAILURE);
    this.#failures += 1;
    if (!(error instanceof ApiError)) globalThis.reportError?.(error);
    else if (error.status === 0 || error.status === 429 || error.status >= 500) {
      this.#timer = setTimeout(() => void this.#load(), Math.max(pauseMs, (error.retryAfterS ?? 0) * 1000));
    }
  }

  #emit() {
    this.dispatchEvent(new Event('change'));
  }
}

/** The problems of several kinds of requests: the success of one leaves the problems of the others. */
export class Problems {
  /** @type {Map<string, string>} */
  #details = new Map();

  /** @param {string} source of the problem @param {string} detail '' for none */
  set(source, detail) {
    this.#details.set(source, detail);
  }

  /** All problems, each once; '' for none. */
  get text() {
    return [...new Set(this.#details.values())].filter(Boolean).join(' ');
  }
}
