// @ts-check
/**
 * When a player lets the recorder's session go, because nobody looks: recorders play few at once. It keeps the last
 * picture and takes up again when it is wanted.
 */

/** @typedef {{pausedMs: number, hiddenMs: number}} Limits how long it may stand, and how long be out of sight */

/** @type {Limits} */
export const LIMITS = { pausedMs: 5 * 60_000, hiddenMs: 60_000 };

export class ReplayRest {
  limits = LIMITS;
  /** @type {number|null} */
  #stoodSinceMs = null;
  /** @type {number|null} */
  #hiddenSinceMs = null;

  /**
   * Told again and again. Whoever hears it in another tab still uses it; whoever has paused it does not.
   *
   * @param {{nowMs: number, stands: boolean, isHidden: boolean, isHeard: boolean}} facts
   * @returns {boolean} whether it is time to let go
   */
  isDue({ nowMs, stands, isHidden, isHeard }) {
    this.#stoodSinceMs = stands ? (this.#stoodSinceMs ?? nowMs) : null;
    this.#hiddenSinceMs = isHidden && (stands || !isHeard) ? (this.#hiddenSinceMs ?? nowMs) : null;
    return isPast(this.#stoodSinceMs, nowMs, this.limits.pausedMs) || isPast(this.#hiddenSinceMs, nowMs, this.limits.hiddenMs);
  }

  /** It is used again: the time begins anew. */
  begin() {
    this.#stoodSinceMs = null;
    this.#hiddenSinceMs = null;
  }
}

/** @param {number|null} sinceMs @param {number} nowMs @param {number} lengthMs */
function isPast(sinceMs, nowMs, lengthMs) {
  return sinceMs !== null && nowMs - sinceMs >= lengthMs;
}
