// @ts-check
/**
 * Loads the pictures of events that are in sight, few at a time: the server may have to ask a recorder for each of them.
 * Emits 'picture' with `{url, blob}`.
 */

import { ApiError } from './http.js';

const MOST_AT_A_TIME = 3;
const AGAIN_MS = 1500;
/** A picture that is not there after so many requests, which is half a minute, is left out. */
const MOST_TRIES = 20;
const AFTER_PROBLEM_MS = 5000;

export class EventPictures extends EventTarget {
  #api;
  /** Addresses in sight that wait for their turn. @type {Set<string>} */
  #waiting = new Set();
  /** @type {Set<string>} */
  #running = new Set();
  /** The number of requests of an address; Infinity once that is over. @type {Map<string, number>} */
  #tries = new Map();
  #heldUntilMs = -Infinity;

  /** @param {Pick<import('./events-api.js').EventsApi, 'picture'>} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  /** Load a picture that is in sight now. @param {string} url */
  want(url) {
    if (this.#running.has(url) || (this.#tries.get(url) ?? 0) >= MOST_TRIES) return;
    this.#waiting.add(url);
    this.#next();
  }

  /** A picture is out of sight: it is not requested unless it comes back. @param {string} url */
  leave(url) {
    this.#waiting.delete(url);
  }

  /** The event of a picture has changed: a missing one may be there now. @param {string} url */
  renew(url) {
    this.#tries.delete(url);
  }

  /** Forget which pictures were loaded or are missing. */
  reset() {
    this.#waiting.clear();
    this.#tries.clear();
  }

  #next() {
    if (Date.now() < this.#heldUntilMs) return;
    for (const url of this.#waiting) {
      if (this.#running.size >= MOST_AT_A_TIME) return;
      this.#waiting.delete(url);
      this.#running.add(url);
      void this.#load(url);
    }
  }

  /** @param {string} url */
  async #load(url) {
    const tries = (this.#tries.get(url) ?? 0) + 1;
    this.#tries.set(url, tries);
    try {
      const blob = await this.#api.picture(url);
      if (blob) {
        this.#tries.set(url, Infinity);
        this.dispatchEvent(new CustomEvent('picture', { detail: { url, blob } }));
      } else this.#later(url, AGAIN_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isMissing = error.status > 0 && error.status < 500;
      const isRenewed = this.#tries.get(url) !== tries;
      if (isMissing && isRenewed) this.#later(url, AGAIN_MS);
      else if (isMissing) this.#tries.set(url, Infinity);
      else {
        const waitMs = error.retryAfterS === null ? AFTER_PROBLEM_MS : error.retryAfterS * 1000;
        this.#heldUntilMs = Date.now() + waitMs;
        this.#later(url, waitMs);
      }
    } finally {
      this.#running.delete(url);
      this.#next();
    }
  }

  /** @param {string} url @param {number} waitMs */
  #later(url, waitMs) {
    setTimeout(() => this.want(url), waitMs);
  }
}
