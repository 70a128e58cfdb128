// @ts-check
/** Finds out what there is to play at a moment that the timeline does not know: the recorder is asked about it first. */

import { placeAt, rowOf, sameRow, tokenAt } from './coverage.js';

/**
 * `untold`: the recorder is not asked any more, or takes too long; what plays it is a guess then.
 *
 * @typedef {{way: 'plays'|'later'|'nothing'|'untold', atMs: number, recordingToken: string}} FoundPlace
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./api.js').KnownRecording} KnownRecording
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FARTHEST_MS = 31 * DAY_MS;
const PAUSE_MS = 700;
const BOUND_MS = 20_000;

export class PlaceFinder {
  #api;
  #cameraId;
  #pauseMs;
  #boundMs;
  #nowMs;
  /** What the recorder holds, as far as it is known. @type {KnownRecording[]} */
  held = [];

  /**
   * @param {Pick<import('./api.js').Api, 'coverage'>} api
   * @param {number} cameraId
   * @param {{pauseMs?: number, boundMs?: number, nowMs?: () => number}} [parts]
   */
  constructor(api, cameraId, { pauseMs = PAUSE_MS, boundMs = BOUND_MS, nowMs = Date.now } = {}) {
    this.#api = api;
    this.#cameraId = cameraId;
    this.#pauseMs = pauseMs;
    this.#boundMs = boundMs;
    this.#nowMs = nowMs;
  }

  /**
   * What comes of playing a row from there. Rejects with an ApiError; a wish that was given up resolves to anything.
   *
   * @param {Row} row
   * @param {number} atMs
   * @param {AbortSignal} signal
   * @returns {Promise<FoundPlace>}
   */
  async find(row, atMs, signal) {
    const untilMs = this.#nowMs() + this.#boundMs;
    let known = row;
    let askedMs = atMs;
    for (;;) {
      const endMs = Math.min(askedMs + DAY_MS, Math.max(this.#nowMs(), askedMs + HOUR_MS));
      const span = { start: new Date(atMs - HOUR_MS), end: new Date(endMs) };
      const coverage = await this.#api.coverage(this.#cameraId, { ...span, events: false, channel: row.channel });
      known = coverage.channels.map(rowOf).find((item) => sameRow(item, row)) ?? known;
      const place = placeAt(known, atMs, this.#nowMs());
      if (place.way !== 'ask') return { ...place, way: place.way, recordingToken: tokenAt(known, place.atMs, this.held) };
      const isBeyond = place.atMs >= endMs; // nothing is recorded in all of what was asked about
      if (isBeyond && place.atMs - atMs > FARTHEST_MS) return this.#left(known, atMs, 'nothing');
      if (!isBeyond && (coverage.indexing === null || this.#nowMs() >= untilMs)) return this.#left(known, place.atMs, 'untold');
      askedMs = place.atMs;
      if (!isBeyond) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
      if (signal.aborted) return this.#left(known, atMs, 'untold');
    }
  }

  /** @param {Row} row @param {number} atMs @param {'nothing'|'untold'} way @returns {FoundPlace} */
  #left(row, atMs, way) {
    return { way, atMs, recordingToken: tokenAt(row, atMs, this.held) };
  }
}
