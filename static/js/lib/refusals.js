// @ts-check
/** Remembers the channels that could not be played over the socket, and when to try again: after ever longer pauses. */

import { backoffMs } from './backoff.js';

/** @typedef {'codec'|'socket'|'no_key_frame'} Reason */

const LAPSES = { startMs: 60_000, maxMs: 15 * 60_000 };

/** How long another try may take until its first frames, in ms. */
export const RETRY_WITHIN_MS = 6000;

export class Refusals {
  /** @type {Map<string, {reason: Reason, times: number, untilMs: number}>} */
  #refused = new Map();
  #nowMs;

  /** @param {() => number} [nowMs] */
  constructor(nowMs = Date.now) {
    this.#nowMs = nowMs;
  }

  /**
   * Refuse a channel for a growing time. A codec that this browser does not decode never lapses: only a camera that was
   * away may send another one.
   *
   * @param {string} key
   * @param {Reason} reason
   */
  add(key, reason) {
    const times = this.#refused.get(key)?.times ?? 0;
    const lapsesMs = reason === 'codec' ? Infinity : backoffMs(times, LAPSES);
    this.#refused.set(key, { reason, times: times + 1, untilMs: this.#nowMs() + lapsesMs });
  }

  /** Allow the channel again, but keep the count of its refusals. @param {string} key */
  lapse(key) {
    const refused = this.#refused.get(key);
    if (refused) refused.untilMs = 0;
  }

  /** @param {string} key @returns {{reason: Reason, leftMs: number}|null} null if the channel may use the socket */
  of(key) {
    const refused = this.#refused.get(key);
    if (!refused) return null;
    const leftMs = refused.untilMs - this.#nowMs();
    return leftMs > 0 ? { reason: refused.reason, leftMs } : null;
  }
}
