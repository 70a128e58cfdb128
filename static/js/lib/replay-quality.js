// @ts-check
/**
 * Chooses the quality of a recording by the bandwidth: all frames, or key frames alone on a link that does not carry
 * the recording. Pure; times are passed in.
 */
import { bitrate } from './format.js';
import { rungText } from './quality-text.js';

/**
 * @typedef {'auto'|'full'|'saver'} Choice
 * @typedef {{kbps: number|null, measuredMs?: number}} Link its throughput, null while unknown; `measuredMs`: how long
 *   it was measured in the last ten seconds
 * @typedef {{nowMs: number, rate: number, aheadS: number, loadedS: number, mediaKbps: number|null, link: Link}} Facts
 *   `rate`: the speed of playing; `aheadS`: loaded media after the position; `loadedS`: the end of the loaded media;
 *   `mediaKbps`: rate of the media at 1×, null while unknown
 */

/** The time over which the supply of media is measured, and the least time before it is judged. */
const WINDOW_MS = 3000;
const LEAST_WINDOW_MS = 2000;
/** The quality falls if the loaded media ends within this time. */
const SHORT_WITHIN_S = 6;
/** Limits of the throughput, as shares of the recording's rate. */
const TOO_LITTLE = 1.1;
const ENOUGH = 1.3;
/** A shorter measurement of the throughput says nothing. */
const TRUSTED_MS = 1000;
/** So much must be loaded before all frames are tried: the player plays it if the try fails. */
const TRY_WITH_S = 6;
const LEAST_SAVING_MS = 8000;
/** The pause before the first try; each failed try doubles it. */
const PAUSE_MS = 20_000;
const LONGEST_PAUSE_MS = 160_000;
/** A try that lasts for this time has succeeded. */
const PROVEN_MS = 40_000;

/** @type {readonly Choice[]} */
export const CHOICES = ['auto', 'full', 'saver'];

export class ReplayQuality {
  /** @type {Choice} */
  #choice = 'auto';
  #isSaving = false;
  #isShort = false;
  /** The throughput that led to the last change or shortage. @type {number|null} */
  #linkKbps = null;
  /** Rate of the recording with all frames. @type {number|null} */
  #fullKbps = null;
  #changedMs = 0;
  #pauseMs = PAUSE_MS;
  #hasTried = false;
  /** @type {{nowMs: number, loadedS: number}[]} */
  #window = [];

  /** The choice of the user. */
  get choice() {
    return this.#choice;
  }

  /** @param {Choice} choice */
  set choice(choice) {
    this.#choice = CHOICES.includes(choice) ? choice : 'auto';
    this.#isSaving = this.#isShort = this.#hasTried = false;
    this.#pauseMs = PAUSE_MS;
    this.#window = [];
  }

  /** True if the player is to request key frames alone. */
  get keyFramesOnly() {
    return this.#choice === 'saver' || this.#isSaving;
  }

  /** True if the link carries less than the present quality needs, and the loaded media ends soon. */
  get isShort() {
    return this.#isShort;
  }

  /** Other media was loaded, or playing was paused: the measurement of the supply begins again. */
  restart() {
    this.#window = [];
    this.#isShort = false;
  }

  /** Another recording plays, whose rate is unknown. */
  forget() {
    this.restart();
    this.#fullKbps = null;
  }

  /** Return true if `keyFramesOnly` has changed. Called several times a second while media plays. @param {Facts} facts */
  look(facts) {
    const { nowMs, loadedS, mediaKbps } = facts;
    this.#window = [...this.#window.filter((one) => nowMs - one.nowMs <= WINDOW_MS), { nowMs, loadedS }];
    if (!this.keyFramesOnly) this.#fullKbps = mediaKbps ?? this.#fullKbps;
    this.#isShort = this.#endsSoon(facts) && isTooLittle(facts.link, mediaKbps, facts.rate);
    if (this.#isShort) this.#linkKbps = facts.link.kbps;
    if (this.#choice !== 'auto') return false;
    if (!this.#isSaving && this.#isShort) return this.#fall(nowMs);
    if (this.#isSaving && this.#mayTry(facts)) return this.#try(nowMs);
    return false;
  }

  /**
   * Return the quality on screen and its reason; '' for all frames without a shortage.
   *
   * @param {number} spacingS time between two key frames
   */
  text(spacingS) {
    const reason = this.#linkKbps === null ? 'the link is slow' : `the link carries ${bitrate(this.#linkKbps)}`;
    if (this.keyFramesOnly) return rungText('keys', spacingS, true) + (this.#isSaving ? `: ${reason}` : '');
    return this.#isShort ? `Full: ${reason}` : '';
  }

  /** @param {Facts} facts */
  #endsSoon({ nowMs, rate, aheadS, loadedS }) {
    const first = this.#window[0];
    if (!first || nowMs - first.nowMs < LEAST_WINDOW_MS || rate <= 0) return false;
    const supply = (loadedS - first.loadedS) / ((nowMs - first.nowMs) / 1000);
    return supply < rate && aheadS < SHORT_WITHIN_S * (rate - supply);
  }

  /** @param {number} nowMs */
  #fall(nowMs) {
    const hasFailed = this.#hasTried && nowMs - this.#changedMs < PROVEN_MS;
    this.#pauseMs = hasFailed ? Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS) : PAUSE_MS;
    this.#isSaving = true;
    return this.#change(nowMs);
  }

  /** @param {number} nowMs */
  #try(nowMs) {
    this.#isSaving = false;
    this.#hasTried = true;
    return this.#change(nowMs);
  }

  /** @param {number} nowMs */
  #change(nowMs) {
    this.#changedMs = nowMs;
    this.restart();
    return true;
  }

  /** @param {Facts} facts */
  #mayTry({ nowMs, rate, aheadS, link }) {
    const savedMs = nowMs - this.#changedMs;
    if (savedMs < LEAST_SAVING_MS || aheadS < TRY_WITH_S * rate) return false;
    const isMeasured = link.kbps !== null && (link.measuredMs ?? 0) >= TRUSTED_MS && this.#fullKbps !== null;
    if (!isMeasured) return savedMs >= this.#pauseMs;
    const share = (link.kbps ?? 0) / ((this.#fullKbps ?? 0) * rate);
    return share >= ENOUGH && (!this.#hasTried || savedMs >= this.#pauseMs);
  }
}

/**
 * True if the link is the reason of a shortage. A recorder that sends slowly leaves no backlog before the link, so that
 * the throughput is not measured.
 *
 * @param {Link} link @param {number|null} mediaKbps @param {number} rate
 */
function isTooLittle({ kbps, measuredMs = 0 }, mediaKbps, rate) {
  if (kbps === null || measuredMs < TRUSTED_MS) return false;
  return mediaKbps === null || kbps < TOO_LITTLE * mediaKbps * rate;
}
