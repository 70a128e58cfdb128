// @ts-check
/**
 * Decides when an unwatched player gives its session back, because recorders play only a few recordings at a time. The
 * player keeps its last frame, and starts a new session when the user comes back.
 */

/** @typedef {{pausedMs: number, hiddenMs: number}} Limits longest pause, and longest time in a hidden tab */

/** @type {Limits} */
const LIMITS = { pausedMs: 5 * 60_000, hiddenMs: 60_000 };

export class IdleLimits {
  limits = LIMITS;
  /** @type {number|null} */
  #pausedSinceMs = null;
  /** @type {number|null} */
  #hiddenSinceMs = null;

  /**
   * Called regularly. A player in a hidden tab counts as used while its audio is heard and it is not paused.
   *
   * @param {{nowMs: number, isPaused: boolean, isHidden: boolean, isAudible: boolean}} facts
   * @returns {boolean} true if the session is to be given back
   */
  isExceeded({ nowMs, isPaused, isHidden, isAudible }) {
    this.#pausedSinceMs = isPaused ? (this.#pausedSinceMs ?? nowMs) : null;
    this.#hiddenSinceMs = isHidden && (isPaused || !isAudible) ? (this.#hiddenSinceMs ?? nowMs) : null;
    return isPast(this.#pausedSinceMs, nowMs, this.limits.pausedMs) || isPast(this.#hiddenSinceMs, nowMs, this.limits.hiddenMs);
  }

  /** Restart both times, because the player is used again. */
  restart() {
    this.#pausedSinceMs = null;
    this.#hiddenSinceMs = null;
  }
}

/** @param {number|null} sinceMs @param {number} nowMs @param {number} lengthMs */
function isPast(sinceMs, nowMs, lengthMs) {
  return sinceMs !== null && nowMs - sinceMs >= lengthMs;
}
