// @ts-check
/**
 * Rules of a live decoder's queue: which samples are decoded, when the decoder begins anew at a key frame, and when it
 * is given up. Pure: the decoder's owner passes its observations in, times in ms of any monotonic clock.
 *
 * A new viewer gets all frames since the last key frame in one burst, and a network that was blocked for a moment
 * delivers its frames together. So a long queue alone does not mean that the decoder is slow, only one that stays long.
 */

/** More waiting samples than these are a delay. */
const MOST_QUEUED = 3;
/** The queue may be too long for this time, and after a start, which is a burst, for the longer one. */
const LATE_MS = 500;
const BURST_MS = 4000;
/** So many losses of samples within this time mean that the decoder is too slow. */
const MOST_LATE = 4;
const LATE_WITHIN_MS = 30_000;
/** Losses in a shorter time count as one: after a sleep several groups of frames arrive together. */
const ONE_LOSS_MS = 2000;
const MOST_ERRORS = 3;
const ERRORS_WITHIN_MS = 60_000;
/** The next key frame may be so far away. MediaSource gets the last one from the server and plays immediately. */
const KEY_WITHIN_MS = 4000;
/** A stream whose frames go back in time so often within this many frames has B-frames. */
const MOST_BACK = 3;
const BACK_WITHIN_FRAMES = 50;

/**
 * @typedef {'decode'|'begin'|'skip'} Step `begin`: drop the decoder's queue and decode from this key frame on
 * @typedef {'slow'|'error'|'no_key'|'reordered'} GiveUp
 */

export class DecodeQueue {
  #awaitsKey = true;
  /** When the first sample was left out before a key frame. @type {number|null} */
  #waitingSinceMs = null;
  /** True while the frames of a burst may still come, or wait. */
  #isBurst = true;
  #beganMs = -Infinity;
  /** @type {number|null} */
  #lateSinceMs = null;
  /** @type {number[]} */
  #lossesMs = [];
  /** @type {number[]} */
  #errorsMs = [];
  #lastUs = -Infinity;
  #frames = 0;
  /** Numbers of the frames whose time went back. @type {number[]} */
  #back = [];

  /**
   * @param {{isKey: boolean, timeUs: number}} sample
   * @param {number} queued samples that wait in the decoder
   * @param {number} nowMs
   * @returns {Step}
   */
  next({ isKey, timeUs }, queued, nowMs) {
    this.#noteTime(timeUs);
    if (this.#awaitsKey && !isKey) {
      this.#waitingSinceMs ??= nowMs;
      return 'skip';
    }
    if (this.#awaitsKey) {
      this.#begin(nowMs);
      return 'begin';
    }
    if (queued <= MOST_QUEUED) {
      this.#lateSinceMs = null;
      this.#isBurst &&= nowMs - this.#beganMs < LATE_MS;
      return 'decode';
    }
    this.#lateSinceMs ??= nowMs;
    if (isKey) {
      this.#lost(nowMs);
      this.#begin(nowMs);
      return 'begin';
    }
    if (nowMs - this.#lateSinceMs <= (this.#isBurst ? BURST_MS : LATE_MS)) return 'decode';
    this.#lost(nowMs);
    this.#awaitsKey = true;
    this.#waitingSinceMs = nowMs;
    return 'skip';
  }

  /** Continue at the next key frame: samples were lost, or new parameter sets come. */
  awaitKey() {
    this.#awaitsKey = true;
  }

  /** The decoder has failed: continue at the next key frame. @param {number} nowMs */
  failed(nowMs) {
    this.#errorsMs = [...this.#errorsMs.filter((atMs) => nowMs - atMs < ERRORS_WITHIN_MS), nowMs];
    this.awaitKey();
  }

  /** The reason to give up this decoder; null to go on. @param {number} nowMs @returns {GiveUp|null} */
  giveUp(nowMs) {
    if (this.#errorsMs.length >= MOST_ERRORS) return 'error';
    if (this.#lossesMs.filter((atMs) => nowMs - atMs < LATE_WITHIN_MS).length >= MOST_LATE) return 'slow';
    if (this.#back.length >= MOST_BACK) return 'reordered';
    if (this.#waitingSinceMs !== null && nowMs - this.#waitingSinceMs > KEY_WITHIN_MS) return 'no_key';
    return null;
  }

  /** Start the waiting times now, because the tab was hidden. Then samples may come again, so the time may go back once. */
  excuse() {
    this.#lastUs = -Infinity;
    this.#back = [];
    this.#lateSinceMs = this.#waitingSinceMs = null;
    this.#isBurst = true;
  }

  /** @param {number} nowMs */
  #begin(nowMs) {
    this.#beganMs = nowMs;
    this.#awaitsKey = false;
    this.#isBurst = true;
    this.#lateSinceMs = this.#waitingSinceMs = null;
  }

  /** @param {number} nowMs */
  #lost(nowMs) {
    const last = this.#lossesMs.at(-1);
    if (last === undefined || nowMs - last > ONE_LOSS_MS) this.#lossesMs = [...this.#lossesMs.slice(1 - MOST_LATE), nowMs];
  }

  /** @param {number} timeUs */
  #noteTime(timeUs) {
    this.#frames += 1;
    if (timeUs < this.#lastUs) this.#back = [...this.#back, this.#frames];
    this.#lastUs = timeUs;
    if (this.#back.length) this.#back = this.#back.filter((frame) => this.#frames - frame < BACK_WITHIN_FRAMES);
  }
}
