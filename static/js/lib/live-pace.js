// @ts-check
/**
 * Playback rate of live media: stay close to the newest frame, without stalls and without visible jumps. Pure
 * decisions, times in seconds.
 *
 * The target is the buffer to keep ahead of the frame on screen. It grows at each stall. It shrinks slowly all the
 * time, and after each calm period by half of the buffer that was not needed in it. That period is short after a single
 * stall, such as when sixteen decoders start at the same time, and long if stalls repeat.
 */

export const LEAST_TARGET_S = 0.12;
export const FIRST_TARGET_S = 0.18;
const MOST_TARGET_S = 0.8;
const AFTER_A_STALL_S = 0.08;
const SHRINKS_S_PER_S = 0.004;
/** Part of the smallest buffer that counts as needed. */
const KEPT_S = 0.06;
const CALM_AFTER_S = 4;
const CALM_AFTER_MOST_S = 64;
const ONE_MOMENT_S = 5;
const AGAIN_S = 120;
/** The rate stays 1 within this distance of the target, because a change of rate is audible. */
const CALM_S = 0.06;
export const JUMP_S = 1.0;
const FASTEST = 1.5;
const SLOWEST = 0.95;

export class LivePace {
  #targetS = FIRST_TARGET_S;
  #atS = -1;
  #stalledAtS = -Infinity;
  #calmAfterS = CALM_AFTER_S;
  /** Start of the calm period, and the smallest buffer since. */
  #watchedFromS = 0;
  #leastS = Infinity;

  get targetS() {
    return this.#targetS;
  }

  /** Enlarge the target, because the buffer ran empty. */
  stalled() {
    this.#targetS = Math.min(MOST_TARGET_S, this.#targetS + AFTER_A_STALL_S);
    const sinceS = this.#atS - this.#stalledAtS;
    if (sinceS > AGAIN_S) this.#calmAfterS = CALM_AFTER_S;
    else if (sinceS > ONE_MOMENT_S) this.#calmAfterS = Math.min(CALM_AFTER_MOST_S, 2 * this.#calmAfterS);
    this.#stalledAtS = this.#atS;
    this.#watch(this.#atS);
  }

  /**
   * @param {number} nowS of any monotonic clock
   * @param {number} aheadS buffered media after the frame on screen
   * @returns {{rate: number, jumpToS: number|null}} `jumpToS`: distance from the end of the buffer to seek to
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
    // Play a little slower before the buffer runs empty: that is less visible than a stall.
    if (aheadS < this.#targetS * 0.35) return { rate: SLOWEST, jumpToS: null };
    return { rate: 1, jumpToS: null };
  }

  /** @param {number} nowS */
  #watch(nowS) {
    this.#watchedFromS = nowS;
    this.#leastS = Infinity;
  }
}
