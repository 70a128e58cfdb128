// @ts-check
/** What both finders do: ask what is known of one row, wait while the recorder is being asked, and not for ever. */

import { rowOf, sameRow } from './coverage.js';

/**
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./api.js').Coverage} Coverage
 * @typedef {{pauseMs?: number, boundMs?: number, nowMs?: () => number}} FinderParts
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
   * @param {FinderParts & {boundMs: number}} parts
   */
  constructor(api, cameraId, { pauseMs = PAUSE_MS, boundMs, nowMs = Date.now }) {
    this.#api = api;
    this.#cameraId = cameraId;
    this.#pauseMs = pauseMs;
    this.#boundMs = boundMs;
    this.nowMs = nowMs;
  }

  /**
   * Rejects with an ApiError. `told` is the row as it is known now; null where there is no such row any more.
   *
   * @param {Row} row @param {number} startMs @param {number} endMs @param {boolean} events
   * @returns {Promise<{coverage: Coverage, told: Row|null}>}
   */
  async ask(row, startMs, endMs, events) {
    const span = { start: new Date(startMs), end: new Date(endMs) };
    const coverage = await this.#api.coverage(this.#cameraId, { ...span, events, channel: row.channel });
    return { coverage, told: coverage.channels.map(rowOf).find((item) => sameRow(item, row)) ?? null };
  }

  /** Until it is worth asking again. @returns {Promise<void>} */
  pause() {
    return new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
  }

  /** Whether somebody has waited long enough. @param {number} beganMs */
  isOverdue(beganMs) {
    return this.nowMs() - beganMs > this.#boundMs;
  }
}
