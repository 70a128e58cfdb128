// @ts-check
/** Which channels the socket could not show, and when that is worth another look: ever more rarely. */

/** @typedef {'codec'|'socket'|'no_key_frame'} Reason */

/** What this browser does not decode it will not decode later: only a camera that was away may send something else. */
const LAPSES_MS = /** @type {Record<Reason, number>} */ ({ no_key_frame: 60_000, socket: 60_000, codec: Infinity });
const LAPSES_MOST_MS = 15 * 60_000;

/** How long the first pictures of another look may take. */
export const LOOK_MS = 6000;

export class Refusals {
  /** @type {Map<string, {reason: Reason, times: number, untilMs: number}>} */
  #refused = new Map();
  #nowMs;

  /** @param {() => number} [nowMs] */
  constructor(nowMs = Date.now) {
    this.#nowMs = nowMs;
  }

  /** @param {string} key @param {Reason} reason */
  add(key, reason) {
    const times = this.#refused.get(key)?.times ?? 0;
    const lapsesMs = LAPSES_MS[reason] === Infinity ? Infinity : Math.min(LAPSES_MOST_MS, LAPSES_MS[reason] * 2 ** times);
    this.#refused.set(key, { reason, times: times + 1, untilMs: this.#nowMs() + lapsesMs });
  }

  /** It works for now. @param {string} key */
  lapse(key) {
    const refused = this.#refused.get(key);
    if (refused) refused.untilMs = 0;
  }

  /** @param {string} key @returns {{reason: Reason, leftMs: number}|null} null: not refused, or not any more */
  of(key) {
    const refused = this.#refused.get(key);
    if (!refused) return null;
    const leftMs = refused.untilMs - this.#nowMs();
    return leftMs > 0 ? { reason: refused.reason, leftMs } : null;
  }
}
