// @ts-check
/**
 * Playback rate of live media: stay close to the newest frame, without stalls and without visible jumps. Pure
 * decisions, times in seconds.
 *
 * The reserve is the buffer that is left just before the next media comes, if it comes as late as it did in the worst
 * moments but one of the last seconds. The playback rate holds the reserve at a small margin. Two causes let it run out:
 *
 * - Media come late. Their lateness is measured at each arrival, so the distance grows by as much as they are late, and
 *   shrinks when they have come in time for a while. Lateness of the first seconds is soon forgotten, because sixteen
 *   decoders that start together say nothing about the link. Repeated stalls are remembered for longer.
 * - The decoder is slow: the video stalls although media are there. The margin grows by a step, and shrinks later.
 *   Stalls of the first seconds do not count.
 *
 * The rate has few steps and changes rarely: WebKitGTK empties its decoder at each change, and falls back by more than
 * a rate gains. If a rate has no effect for two seconds, one jump follows, and the rate stays 1 for some minutes.
 */

/** The least margin without audio and with it: audio decoders take more media in advance. */
export const LEAST_MARGIN_S = 0.03;
export const LEAST_MARGIN_WITH_AUDIO_S = 0.08;
export const FIRST_TARGET_S = 0.15;
/** More lateness than this is an outage, which no distance can cover. */
const MOST_S = 0.8;
const MOST_MARGIN_S = 0.3;
const MARGIN_STEP_S = 0.02;
const EMPTY_S = 0.01;
const START_S = 3;
const SLOT_S = 0.5;
const FEW_SLOTS = 2;
const REMEMBERED_S = 10;
const REMEMBERED_MOST_S = 80;
const ONE_MOMENT_S = 5;
const AGAIN_S = 120;
const LEAP_S = 1.5;
/** The rate stays 1 within this distance of the target. A change of rate is audible. */
const CALM_S = 0.015;
const CALM_WITH_AUDIO_S = 0.06;
export const JUMP_S = 1.0;
/** The rate for an excess above a value. */
const RATES = [
  { aboveS: 0.5, rate: 1.5 },
  { aboveS: 0.2, rate: 1.25 },
  { aboveS: 0.08, rate: 1.1 },
  { aboveS: 0, rate: 1.05 },
];
const SLOWER = 0.95;
const SLOWER_BELOW = -0.65;
const SLOWER_UNTIL = -0.2;
const NO_EFFECT_AFTER_S = 2;
/** Less cannot be told from the steps in which an engine reports its position. */
const LEAST_EFFECT_S = 0.15;
const WORTH_A_JUMP_S = 0.15;
const RATE_AGAIN_AFTER_S = 300;
const JUMPS_AGAIN_AFTER_S = 10;
const JUMPS_AGAIN_AFTER_MOST_S = 80;

/**
 * @typedef {{rate: number, jumpToS: number|null}} Pace
 *   `jumpToS`: distance from the end of the buffer to seek to
 */

export class LivePace {
  #hasAudio = false;
  #targetS = FIRST_TARGET_S;
  #marginS = LEAST_MARGIN_S;
  #startedS = NaN;
  #atS = NaN;
  #endS = NaN;
  /** @type {{fromS: number, leastS: number}[]} smallest `end of the buffer - time` before an arrival, by `SLOT_S` */
  #slots = [];
  #rememberedS = REMEMBERED_S;
  #stalledAtS = -Infinity;
  #calmFromS = 0;
  #rate = 1;
  #jumps = new Jumps();

  /** @param {boolean} hasAudio */
  setAudio(hasAudio) {
    if (this.#hasAudio === hasAudio) return;
    this.#hasAudio = hasAudio;
    this.#marginS = this.#leastMarginS;
  }

  /** Distance from the end of the buffer to seek to. */
  get targetS() {
    return this.#targetS;
  }

  /** The video stands. @param {number} aheadS buffer after the frame on screen */
  stalled(aheadS) {
    const nowS = this.#atS;
    const sinceS = nowS - this.#stalledAtS;
    this.#jumps.reset();
    if (!(nowS - this.#startedS >= START_S)) return;
    if (sinceS > AGAIN_S) this.#rememberedS = REMEMBERED_S;
    else if (sinceS > ONE_MOMENT_S) this.#rememberedS = Math.min(REMEMBERED_MOST_S, 2 * this.#rememberedS);
    if (aheadS > EMPTY_S) this.#marginS = Math.min(MOST_MARGIN_S, this.#marginS + MARGIN_STEP_S);
    this.#stalledAtS = nowS;
    this.#calmFromS = nowS;
  }

  /**
   * @param {number} nowS of any monotonic clock
   * @param {number} playedS place of the frame on screen
   * @param {number} endS end of the buffer
   * @returns {Pace}
   */
  next(nowS, playedS, endS) {
    if (!(nowS >= this.#atS && nowS - this.#atS <= LEAP_S)) this.#begin(nowS);
    if (endS > this.#endS) this.#remember(nowS, this.#endS - nowS);
    this.#atS = nowS;
    this.#endS = endS;
    this.#shrinkMargin(nowS);
    const lowS = this.#lowS(endS - nowS);
    const delayS = nowS - playedS;
    this.#targetS = Math.min(MOST_S, Math.max(this.#marginS, endS - nowS - lowS + this.#marginS));
    return this.#paced(nowS, delayS, lowS + delayS - this.#marginS);
  }

  /**
   * @param {number} nowS
   * @param {number} delayS time minus the place of the frame on screen
   * @param {number} excessS the reserve without the margin
   * @returns {Pace}
   */
  #paced(nowS, delayS, excessS) {
    if (excessS > JUMP_S) {
      this.#jumps.reset();
      this.#rate = 1;
    } else {
      this.#rate = this.#jumps.areInsteadOfRate(nowS) ? 1 : this.#nextRate(excessS);
      if (!this.#jumps.isDue(nowS, delayS, this.#rate, excessS)) return { rate: this.#rate, jumpToS: null };
      this.#rate = 1;
    }
    return { rate: 1, jumpToS: this.#targetS };
  }

  /**
   * A rate begins outside of the calm distance, and lasts until the target is reached.
   *
   * @param {number} excessS
   */
  #nextRate(excessS) {
    const parts = excessS / this.#marginS;
    // Play a little slower before the buffer runs empty: that is less visible than a stall.
    if (parts < SLOWER_BELOW || (this.#rate < 1 && parts < SLOWER_UNTIL)) return SLOWER;
    const least = rateFor(excessS - (this.#hasAudio ? CALM_WITH_AUDIO_S : CALM_S));
    return Math.max(least, Math.min(this.#rate, rateFor(2 * excessS)));
  }

  get #leastMarginS() {
    return this.#hasAudio ? LEAST_MARGIN_WITH_AUDIO_S : LEAST_MARGIN_S;
  }

  /** Begin anew: at the start, and after a leap of the clock. @param {number} nowS */
  #begin(nowS) {
    this.#startedS = nowS;
    this.#slots = [];
    this.#endS = NaN;
    this.#calmFromS = nowS;
    this.#jumps.reset();
  }

  /** @param {number} nowS @param {number} leastS of the buffer just before media came */
  #remember(nowS, leastS) {
    const last = this.#slots.at(-1);
    if (last && nowS - last.fromS < SLOT_S) last.leastS = Math.min(last.leastS, leastS);
    else this.#slots.push({ fromS: nowS, leastS });
    // At the start the first half is forgotten all the time.
    const keptS = Math.min(this.#rememberedS, Math.max(SLOT_S, (nowS - this.#startedS) / 2));
    while (this.#slots.length > 2 && nowS - this.#slots[0].fromS > keptS + SLOT_S) this.#slots.shift();
  }

  /**
   * The second smallest remembered value: one moment is no habit of the link. Outages do not count.
   *
   * @param {number} presentS
   */
  #lowS(presentS) {
    let lowestS = presentS;
    let lowS = presentS;
    for (const { leastS } of this.#slots) {
      if (presentS - leastS > MOST_S) continue;
      if (leastS < lowestS) [lowestS, lowS] = [leastS, lowestS];
      else if (leastS < lowS) lowS = leastS;
    }
    return this.#slots.length > FEW_SLOTS ? lowS : lowestS;
  }

  /** @param {number} nowS */
  #shrinkMargin(nowS) {
    if (nowS - this.#calmFromS < this.#rememberedS) return;
    this.#calmFromS = nowS;
    this.#marginS = Math.max(this.#leastMarginS, this.#marginS - MARGIN_STEP_S);
  }
}

/** @param {number} excessS */
function rateFor(excessS) {
  return RATES.find(({ aboveS }) => excessS > aboveS)?.rate ?? 1;
}

/** Compares the effect of a playback rate with the expected one, and says when to jump instead. */
class Jumps {
  #insteadOfRateUntilS = -Infinity;
  #sinceS = NaN;
  #atS = NaN;
  #delayS = 0;
  #expectedS = 0;
  #rate = 1;
  #notBeforeS = -Infinity;
  #pauseS = JUMPS_AGAIN_AFTER_S;

  reset() {
    this.#sinceS = NaN;
  }

  /** True while the rate has no effect, as far as it is known. @param {number} nowS */
  areInsteadOfRate(nowS) {
    return nowS < this.#insteadOfRateUntilS;
  }

  /**
   * True if a jump is due, because the rate has had no effect for a while.
   *
   * @param {number} nowS
   * @param {number} delayS time minus the place of the frame on screen
   * @param {number} rate from now on
   * @param {number} excessS
   */
  isDue(nowS, delayS, rate, excessS) {
    const isInstead = this.areInsteadOfRate(nowS);
    if (isInstead ? excessS < WORTH_A_JUMP_S : rate <= 1) {
      this.reset();
      return false;
    }
    if (Number.isNaN(this.#sinceS)) {
      this.#sinceS = nowS;
      this.#delayS = delayS;
      this.#expectedS = 0;
    } else this.#expectedS += (nowS - this.#atS) * (this.#rate - 1);
    this.#atS = nowS;
    this.#rate = rate;
    if (nowS - this.#sinceS < NO_EFFECT_AFTER_S) return false;
    if (!isInstead) {
      if (this.#expectedS < LEAST_EFFECT_S) return false;
      this.reset();
      if (this.#delayS - delayS >= this.#expectedS / 4) return false;
      this.#insteadOfRateUntilS = nowS + RATE_AGAIN_AFTER_S;
    }
    if (nowS < this.#notBeforeS) return false;
    // A jump that did not help for long is not repeated soon.
    this.#pauseS = nowS > this.#notBeforeS + AGAIN_S ? JUMPS_AGAIN_AFTER_S : this.#pauseS;
    this.#notBeforeS = nowS + this.#pauseS;
    this.#pauseS = Math.min(JUMPS_AGAIN_AFTER_MOST_S, 2 * this.#pauseS);
    this.reset();
    return true;
  }
}
