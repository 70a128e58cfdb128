// @ts-check
/** Finds out if a moment that the timeline does not know yet can be played, by waiting for the recorder's answer. */

import { placeAt, tokenAt } from './coverage.js';
import { Finder } from './finder.js';

/**
 * `unknown`: the recorder is not indexed any more, or takes too long, so `recordingToken` is a guess.
 *
 * @typedef {{outcome: 'plays'|'later'|'nothing'|'unknown', atMs: number, recordingToken: string, away: string|null}} FoundPlace
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./api.js').KnownRecording} KnownRecording
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FARTHEST_MS = 31 * DAY_MS;
const BOUND_MS = 20_000;

export class PlaceFinder extends Finder {
  /** The recorder's recordings, as far as they are known. @type {KnownRecording[]} */
  held = [];

  /**
   * @param {Pick<import('./api.js').Api, 'coverage'>} api
   * @param {number} cameraId
   * @param {import('./finder.js').FinderOptions} [options]
   */
  constructor(api, cameraId, options) {
    super(api, cameraId, { boundMs: BOUND_MS, ...options });
  }

  /**
   * Find out what playing a row from a moment on gives. Rejects with an ApiError. The result has no meaning if `signal`
   * was aborted.
   *
   * @param {Row} row
   * @param {number} atMs
   * @param {AbortSignal} signal
   * @returns {Promise<FoundPlace>}
   */
  async find(row, atMs, signal) {
    const beganMs = this.nowMs();
    let known = row;
    let askedMs = atMs;
    for (;;) {
      const endMs = Math.min(askedMs + DAY_MS, Math.max(this.nowMs(), askedMs + HOUR_MS));
      const { coverage, current } = await this.ask(row, atMs - HOUR_MS, endMs, false);
      known = current ?? known;
      const place = placeAt(known, atMs, this.nowMs());
      if (place.outcome !== 'ask') return { ...place, outcome: place.outcome, recordingToken: tokenAt(known, place.atMs, this.held) };
      const isBeyond = place.atMs >= endMs; // nothing is recorded in the whole window
      if (isBeyond && place.atMs - atMs > FARTHEST_MS) return this.#left(known, atMs, 'nothing');
      if (!isBeyond && (coverage.indexing === null || this.isOverdue(beganMs))) return this.#left(known, place.atMs, 'unknown');
      askedMs = place.atMs;
      if (!isBeyond) await this.pause();
      if (signal.aborted) return this.#left(known, atMs, 'unknown');
    }
  }

  /** @param {Row} row @param {number} atMs @param {'nothing'|'unknown'} outcome @returns {FoundPlace} */
  #left(row, atMs, outcome) {
    return { outcome, atMs, recordingToken: tokenAt(row, atMs, this.held), away: placeAt(row, atMs, this.nowMs()).away };
  }
}
