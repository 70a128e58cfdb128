// @ts-check
/**
 * Finds a seek that does not end, so that the player seeks again: WebKitGTK may never show the first frame otherwise.
 * Pure, times in ms of any monotonic clock.
 *
 * A slow decoder needs seconds from the key frame to the target, and another seek makes it begin anew. So the time before
 * the next try doubles until a seek ends.
 */

const FIRST_MS = 2000;
const MOST_MS = 64_000;

export class SeekWatch {
  #sinceMs;
  #withinMs = FIRST_MS;

  /** @param {number} nowMs */
  constructor(nowMs) {
    this.#sinceMs = nowMs;
  }

  /** True once for each seek that takes too long. @param {boolean} isSeeking @param {number} nowMs */
  isStuck(isSeeking, nowMs) {
    if (!isSeeking) {
      this.#sinceMs = nowMs;
      this.#withinMs = FIRST_MS;
    }
    if (nowMs - this.#sinceMs < this.#withinMs) return false;
    this.#sinceMs = nowMs;
    this.#withinMs = Math.min(MOST_MS, 2 * this.#withinMs);
    return true;
  }
}
