// @ts-check
/**
 * How fast to play what arrives live: close behind the newest picture, without standing still and without a jump that
 * is seen. Pure decisions; times in seconds.
 *
 * The distance that is kept grows when the pictures have run out, and shrinks again while they flow: slowly in any case,
 * and by half of what was never needed for a while. That while is short after one bad moment, as when sixteen decoders
 * begin at once, and long where pictures run out again and again.
 */

export const LEAST_TARGET_S = 0.12;
export const FIRST_TARGET_S = 0.18;
const MOST_TARGET_S = 0.8;
const AFTER_A_STALL_S = 0.08;
const SHRINKS_S_PER_S = 0.004;
/** What is always left when the next picture comes was not needed, but for this. */
const KEPT_S = 0.06;
const CALM_AFTER_S = 4;
const CALM_AFTER_MOST_S = 64;
const ONE_MOMENT_S = 5;
const AGAIN_S = 120;
/** Within this of the target the rate stays 1: rates that change are heard. */
const CALM_S = 0.06;
export const JUMP_S = 1.0;
const FASTEST = 1.5;
const SLOWEST = 0.95;

export class LivePace {
  #targetS = FIRST_TARGET_S;
  #atS = -1;
  #stalledAtS = -Infinity;
  #calmAfterS = CALM_AFTER_S;
  /** Since when the least that was left is looked for, and that. */
  #watchedFromS = 0;
  #leastS = Infinity;

  get targetS() {
    return this.#targetS;
  }

  /** The pictures ran out. */
  stalled() {
    this.#targetS = Math.min(MOST_TARGET_S, this.#targetS + AFTER_A_STALL_S);
    const sinceS = this.#atS - this.#stalledAtS;
    if (sinceS > AGAIN_S) this.#calmAfterS = CALM_AFTER_S;
    else if (sinceS > ONE_MOMENT_S) this.#calmAfterS = Math.min(CALM_AFTER_MOST_S, 2 * this.#calmAfterS);
    this.#stalledAtS = this.#atS;
    this.#watch(this.#atS);
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
    if (this.#atS < 0 || nowS - this.#atS > 1 || nowS < this.#atS) this.#watch(nowS);
    this.#atS = nowS;
    this.#leastS = Math.min(this.#leastS, aheadS);
    if (nowS - this.#watchedFromS >= this.#calmAfterS) {
      this.#targetS = Math.max(LEAST_TARGET_S, this.#targetS - Math.max(0, this.#leastS - KEPT_S) / 2);
      this.#watch(nowS);
    }
    const tooMuchS = aheadS - this.#targetS;
    if (tooMuchS > JUMP_S) return { rate: 1, jumpToS: this.#targetS };
    if (tooMuchS > CALM_S) return { rate: Math.min(FASTEST, 1.02 + (tooMuchS - CALM_S) * 0.9), jumpToS: null };
    // A little slower before it runs out: that is seen less than standing still.
    if (aheadS < this.#targetS * 0.35) return { rate: SLOWEST, jumpToS: null };
    return { rate: 1, jumpToS: null };
  }

  /** @param {number} nowS */
  #watch(nowS) {
    this.#watchedFromS = nowS;
    this.#leastS = Infinity;
  }
}
