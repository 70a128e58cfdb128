// @ts-check
/**
 * Chooses the quality of a recording by the bandwidth. The rungs, best first: the full recording, the recording of the
 * sub stream, small video that the app makes, key frames alone (saver). Pure; times are passed in.
 */
import { backoffMs } from './backoff.js';
import { bitrate } from './format.js';
import { rungText } from './quality-text.js';

/**
 * @typedef {'full'|'sub'|'small'|'saver'} Rung
 * @typedef {'auto'|Rung} Choice
 * @typedef {'full'|'sub'|'small'} Played the server's name of a quality
 * @typedef {{quality: Played, keyFramesOnly: boolean}} Wanted the quality to request
 * @typedef {{kbps: number|null, measuredMs?: number}} Link its throughput, null while unknown; `measuredMs`: how long it
 *   was measured in the last ten seconds
 * @typedef {{hasSub: boolean, played: Played|null}} Source `hasSub`: the channel has a recording of the sub stream at the
 *   present time; `played`: the present quality, null while unknown
 * @typedef {{nowMs: number, rate: number, aheadS: number, loadedS: number, mediaKbps: number|null, link: Link,
 *   source?: Source}} Facts `rate`: the speed of playing; `aheadS`: loaded media after the position; `loadedS`: the end of
 *   the loaded media; `mediaKbps`: rate of the media at 1×, null while unknown
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
/** So much must be loaded before a better rung is tried: the player plays it if the try fails. */
const TRY_WITH_S = 6;
const LEAST_SAVING_MS = 8000;
/** The pause before the first try; each failed try doubles it. */
const PAUSE_MS = 20_000;
const LONGEST_PAUSE_MS = 160_000;
/** A try that lasts for this time has succeeded. */
const PROVEN_MS = 40_000;
/** How long a rung that the server refused is none. */
const AGAIN = { startMs: 60_000, maxMs: 15 * 60_000 };
/** The most that small video takes, as SMALL_KBPS in media/commands.py, and its share of a recording with less. */
const SMALL_KBPS = 240;
const SMALL_SHARE = 0.6;
/** Of a recording with less, small video saves too little. */
const LEAST_KBPS = 400;
/** The server encodes too slowly if it supplies less than this share of the playing time. */
const SLOW_SUPPLY = 0.8;

/** Problems of one rung only. */
const REFUSALS = new Set([
  ...['transcode_limit', 'ffmpeg_missing', 'ffmpeg_failed', 'camera_unsupported', 'camera_bad_answer', 'no_recording', 'not_found'],
]);

/** @type {readonly Rung[]} */
const RUNGS = ['full', 'sub', 'small', 'saver'];
/** @type {readonly Choice[]} */
export const CHOICES = ['auto', ...RUNGS];
/** @type {Source} */
const UNKNOWN = { hasSub: false, played: null };

export class ReplayQuality {
  /** @type {Choice} */
  #choice = 'auto';
  /** The best rung that the link carries. @type {Rung} */
  #limit = 'full';
  #isShort = false;
  /** The throughput that led to the last change or shortage. @type {number|null} */
  #linkKbps = null;
  /** Rates that were measured while these rungs played. @type {Partial<Record<Rung, number>>} */
  #kbps = {};
  #source = UNKNOWN;
  #changedMs = 0;
  #pauseMs = PAUSE_MS;
  #hasTried = false;
  /** @type {Map<Rung, {times: number, untilMs: number}>} */
  #refused = new Map();
  #nowMs = 0;
  /** @type {{nowMs: number, loadedS: number}[]} */
  #window = [];

  /** The choice of the user. */
  get choice() {
    return this.#choice;
  }

  /** @param {Choice} choice */
  set choice(choice) {
    this.#choice = CHOICES.includes(choice) ? choice : 'auto';
    this.#limit = 'full';
    this.#isShort = this.#hasTried = false;
    this.#pauseMs = PAUSE_MS;
    this.#refused.clear();
    this.#window = [];
  }

  /** The rung that the player is to request. @returns {Rung} */
  get rung() {
    if (this.#choice === 'auto') return this.#limit;
    return this.#isRefused(this.#choice) ? 'saver' : this.#choice;
  }

  /** The quality to request. Key frames of the sub stream are the smallest ones. @returns {Wanted} */
  get wanted() {
    const { rung } = this;
    if (rung === 'saver') return { quality: this.#source.hasSub ? 'sub' : 'full', keyFramesOnly: true };
    return { quality: rung, keyFramesOnly: false };
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

  /** Another channel plays, whose rates are unknown. */
  forget() {
    this.restart();
    this.#kbps = {};
    this.#source = UNKNOWN;
    this.#refused.clear();
  }

  /** The present source, as the server reports it. @param {Source} source */
  set source(source) {
    this.#source = source;
  }

  /** Return true if `rung` has changed. Called several times a second while media plays. @param {Facts} facts */
  look(facts) {
    const { nowMs, loadedS, mediaKbps, source = this.#source } = facts;
    const before = this.rung;
    this.#nowMs = nowMs;
    this.#source = source;
    this.#window = [...this.#window.filter((one) => nowMs - one.nowMs <= WINDOW_MS), { nowMs, loadedS }];
    if (mediaKbps !== null) this.#kbps[this.#played] = mediaKbps;
    const endsSoon = this.#endsSoon(facts);
    this.#isShort = endsSoon && isTooLittle(facts.link, mediaKbps, facts.rate);
    // Before the media's rate is known, the measurement may be from before the link became thin.
    if (this.#isShort) this.#linkKbps = mediaKbps === null ? null : facts.link.kbps;
    else if (endsSoon && this.rung === 'small' && this.#supply(facts) < SLOW_SUPPLY * facts.rate)
      return this.refuse('ffmpeg_failed', nowMs);
    if (this.#choice !== 'auto') return this.rung !== before && this.#change(nowMs); // a refused rung is tried again
    if (this.#limit !== 'saver' && this.#isShort) return this.#fall(facts);
    const better = this.#limit === 'full' ? null : this.#better(facts);
    return better ? this.#try(better, nowMs) : false;
  }

  /**
   * Note a problem. Return true if `rung` has changed, because the server refuses it.
   *
   * @param {string} code @param {number} nowMs
   */
  refuse(code, nowMs) {
    const { rung } = this;
    if ((rung !== 'sub' && rung !== 'small') || !REFUSALS.has(code)) return false;
    this.#nowMs = nowMs;
    const times = this.#refused.get(rung)?.times ?? 0;
    this.#refused.set(rung, { times: times + 1, untilMs: nowMs + backoffMs(times, AGAIN) });
    if (this.#choice === 'auto') this.#limit = this.#lower().find((one) => this.#isThere(one)) ?? 'saver';
    this.#change(nowMs);
    return true;
  }

  /**
   * Return the quality on screen and its reason; '' for the full recording without a shortage.
   *
   * @param {number} spacingS time between two key frames
   */
  text(spacingS) {
    const link = this.#linkKbps === null ? 'the link is slow' : `the link carries ${bitrate(this.#linkKbps)}`;
    const { rung } = this;
    const isFull = rung === 'full' || (rung === 'sub' && this.#source.played === 'full');
    if (isFull) {
      if (this.#choice === 'sub') return 'Full: nothing is recorded of the sub stream at this time';
      return this.#isShort ? `Full: ${link}` : '';
    }
    const name = rung === 'saver' ? rungText('keys', spacingS, true) : rungText(rung === 'sub' ? 'sub' : 'phone', 0, true);
    if (this.#choice === 'auto' || this.#isShort) return `${name}: ${link}`;
    return this.#choice === rung
      ? name
      : `${name}: the app cannot play ${this.#choice === 'sub' ? 'the sub recording' : 'small video'} now`;
  }

  /** The rung that plays, as far as it is known. @returns {Rung} */
  get #played() {
    const { rung } = this;
    return rung === 'saver' ? rung : (this.#source.played ?? rung);
  }

  /** @param {Rung} rung */
  #isRefused(rung) {
    return this.#nowMs < (this.#refused.get(rung)?.untilMs ?? -Infinity);
  }

  /** True if the channel offers this rung now. @param {Rung} rung */
  #isThere(rung) {
    if (this.#isRefused(rung) || (rung === 'sub' && !this.#source.hasSub)) return false;
    return rung !== 'small' || this.#smallSourceKbps > LEAST_KBPS;
  }

  get #smallSourceKbps() {
    return (this.#source.hasSub ? this.#kbps.sub : this.#kbps.full) ?? Infinity;
  }

  /** Its rate; null while it is unknown. @param {Rung} rung */
  #rateOf(rung) {
    const estimate = rung === 'small' ? Math.min(SMALL_KBPS, SMALL_SHARE * this.#smallSourceKbps) : null;
    return this.#kbps[rung] ?? estimate;
  }

  #lower() {
    return RUNGS.slice(RUNGS.indexOf(this.#limit) + 1);
  }

  /** Playing time that arrives in a second. @param {Facts} facts */
  #supply({ nowMs, loadedS }) {
    const first = this.#window[0];
    return first && nowMs > first.nowMs ? (loadedS - first.loadedS) / ((nowMs - first.nowMs) / 1000) : Infinity;
  }

  /** @param {Facts} facts */
  #endsSoon(facts) {
    const { nowMs, rate, aheadS } = facts;
    const first = this.#window[0];
    if (!first || nowMs - first.nowMs < LEAST_WINDOW_MS || rate <= 0) return false;
    const supply = this.#supply(facts);
    return supply < rate && aheadS < SHORT_WITHIN_S * (rate - supply);
  }

  /** Fall to the best rung that the link carries, as far as rates are known. @param {Facts} facts */
  #fall({ nowMs, rate }) {
    const hasFailed = this.#hasTried && nowMs - this.#changedMs < PROVEN_MS;
    this.#pauseMs = hasFailed ? Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS) : PAUSE_MS;
    const fits = (/** @type {Rung} */ rung) => (this.#rateOf(rung) ?? 0) * rate * TOO_LITTLE <= (this.#linkKbps ?? Infinity);
    this.#limit = this.#lower().find((rung) => rung === 'saver' || (this.#isThere(rung) && fits(rung))) ?? 'saver';
    return this.#change(nowMs);
  }

  /** @param {Rung} rung @param {number} nowMs */
  #try(rung, nowMs) {
    this.#limit = rung;
    this.#hasTried = true;
    return this.#change(nowMs);
  }

  /** @param {number} nowMs */
  #change(nowMs) {
    this.#changedMs = nowMs;
    this.restart();
    return true;
  }

  /** The better rung to try now; null: none. @param {Facts} facts @returns {Rung|null} */
  #better({ nowMs, rate, aheadS, link }) {
    const savedMs = nowMs - this.#changedMs;
    if (savedMs < LEAST_SAVING_MS || aheadS < TRY_WITH_S * rate) return null;
    const better = RUNGS.slice(0, RUNGS.indexOf(this.#limit)).filter((rung) => this.#isThere(rung));
    const hasWaited = savedMs >= this.#pauseMs;
    const isMeasured = link.kbps !== null && (link.measuredMs ?? 0) >= TRUSTED_MS;
    const isSure = (/** @type {Rung} */ rung) => {
      const kbps = this.#rateOf(rung);
      return isMeasured && kbps !== null && (link.kbps ?? 0) >= ENOUGH * kbps * rate;
    };
    const sure = better.find(isSure);
    if (sure) return !this.#hasTried || hasWaited ? sure : null;
    const next = better.at(-1) ?? null;
    const isKnown = next !== null && isMeasured && this.#rateOf(next) !== null;
    return hasWaited && !isKnown ? next : null;
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
