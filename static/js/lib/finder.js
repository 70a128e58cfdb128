// @ts-check
/**
 * Base of both finders: requests the coverage of one row, and waits for a limited time while the recorder is indexed.
 */

import { rowOf, sameRow } from './coverage.js';

/**
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./api.js').Coverage} Coverage
 * @typedef {{pauseMs?: number, boundMs?: number, nowMs?: () => number}} FinderOptions
 */

const PAUSE_MS = 700;

export class Finder {
  #api;
  #cameraId;
  #pauseMs;
  #boundMs;
  nowMs;

  /**
   * @param {Pick<import('./api.js').Api, 'coverage'>} api
   * @param {number} cameraId
   * @param {FinderOptions & {boundMs: number}} options
   */
  constructor(api, cameraId, { pauseMs = PAUSE_MS, boundMs, nowMs = Date.now }) {
    this.#api = api;
    this.#cameraId = cameraId;
    this.#pauseMs = pauseMs;
    this.#boundMs = boundMs;
    this.nowMs = nowMs;
  }

  /**
   * Request the coverage of a span. Rejects with an ApiError. `current` is the new state of the row; null if the row is
   * gone.
   *
   * @param {Row} row @param {number} startMs @param {number} endMs @param {boolean} events
   * @returns {Promise<{coverage: Coverage, current: Row|null}>}
   */
  async ask(row, startMs, endMs, events) {
    const span = { start: new Date(startMs), end: new Date(endMs) };
    const coverage = await this.#api.coverage(this.#cameraId, { ...span, events, channel: row.channel });
    return { coverage, current: coverage.channels.map(rowOf).find((item) => sameRow(item, row)) ?? null };
  }

  /** Wait before the next request. @returns {Promise<void>} */
  pause() {
    return new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
  }

  /** True if the search has taken longer than its limit. @param {number} beganMs */
  isOverdue(beganMs) {
    return this.nowMs() - beganMs > this.#boundMs;
  }
}
