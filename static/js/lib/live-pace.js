// @ts-check
/**
 * How fast to play what arrives live: close behind the newest picture, without standing still and without a jump that
 * is seen. Pure decisions; times in seconds.
 *
 * The distance that is kept grows when the pictures have run out, and shrinks again while they flow.
 */

export const LEAST_TARGET_S = 0.12;
export const FIRST_TARGET_S = 0.18;
const MOST_TARGET_S = 0.8;
const AFTER_A_STALL_S = 0.08;
const SHRINKS_S_PER_S = 0.004;
/** Within this of the target the rate stays 1: rates that change are heard. */
const CALM_S = 0.06;
export const JUMP_S = 1.0;
const FASTEST = 1.5;
const SLOWEST = 0.95;

export class LivePace {
  #targetS = FIRST_TARGET_S;
  #atS = -1;

  get targetS() {
    return this.#targetS;
  }

  /** The pictures ran out. */
  stalled() {
    this.#targetS = Math.min(MOST_TARGET_S, this.#targetS + AFTER_A_STALL_S);
  }

  /**
   * @param {number} nowS any clock that goes forward
   * @param {number} aheadS how much is loaded beyond the picture on screen
   * @returns {{rate: number, jumpToS: number|null}} `jumpToS`: so much before the end of what is loaded
   */
  next(nowS, aheadS) {
    if (this.#atS >= 0) {
      const passedS = Math.min(1, Math.max(0, nowS - this.#atS));
      this.#targetS = Math.max(LEAST_TARGET_S, this.#targetS - passedS * SHRINKS_S_PER_S);
    }
    this.#atS = nowS;
    const tooMuchS = aheadS - this.#targetS;
    if (tooMuchS > JUMP_S) return { rate: 1, jumpToS: this.#targetS };
    if (tooMuchS > CALM_S) return { rate: Math.min(FASTEST, 1.02 + (tooMuchS - CALM_S) * 0.9), jumpToS: null };
    // A little slower before it runs out: that is seen less than standing still.
    if (aheadS < this.#targetS * 0.35) return { rate: SLOWEST, jumpToS: null };
    return { rate: 1, jumpToS: null };
  }
}
