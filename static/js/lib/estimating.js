// @ts-check
/** Estimates of an export's size, requested once the user has stopped changing the range. */
import { exactDuration, fileSize } from './format.js';
import { ApiError } from './http.js';

/**
 * @typedef {import('./export-types.js').Estimate} Estimate
 * @typedef {import('./exports-api.js').WantedRange} WantedRange
 */

/** The server may have to ask the recorder, so that not every step of a drag is a request. */
const AFTER_MS = 500;

/** Emits 'estimate' with the text to show. Only the newest ranges count. */
export class Estimating extends EventTarget {
  #api;
  #afterMs;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;
  /** @type {AbortController|null} */
  #request = null;
  #key = '';

  /** @param {Pick<import('./exports-api.js').ExportsApi, 'estimate'>} api @param {{afterMs?: number}} [options] */
  constructor(api, { afterMs = AFTER_MS } = {}) {
    super();
    this.#api = api;
    this.#afterMs = afterMs;
  }

  /** Estimate these ranges; none: forget the last ones. @param {WantedRange[]} ranges */
  show(ranges) {
    const key = JSON.stringify(ranges);
    if (key === this.#key) return;
    this.#key = key;
    this.#request?.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!ranges.length) {
      this.#emit('');
      return;
    }
    this.#emit('Estimating the size…');
    this.#timer = setTimeout(() => void this.#ask(ranges), this.#afterMs);
  }

  /** @param {WantedRange[]} ranges */
  async #ask(ranges) {
    const request = new AbortController();
    this.#request = request;
    try {
      const estimate = await this.#api.estimate(ranges, request.signal);
      if (!request.signal.aborted) this.#emit(estimateText(estimate, requestedS(ranges)));
    } catch (error) {
      if (request.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#key = ''; // the same ranges may be asked again
      this.#emit(`The size is not known: ${error.message}`);
    }
  }

  /** @param {string} text */
  #emit(text) {
    this.dispatchEvent(new CustomEvent('estimate', { detail: text }));
  }
}

/** @param {WantedRange[]} ranges */
function requestedS(ranges) {
  return ranges.reduce((sum, { startMs, endMs }) => sum + (endMs - startMs), 0) / 1000;
}

/**
 * Return the size in words, and what is missing.
 *
 * @param {Estimate} estimate
 * @param {number} wantedS length of the requested ranges together
 * @returns {string} `about 66 MB`
 */
export function estimateText({ seconds, bytes, about, free_bytes: free }, wantedS) {
  const recordedS = seconds ?? 0;
  if (recordedS <= 0) return 'Nothing is recorded in this range.';
  const parts = [`${about ? 'about ' : ''}${fileSize(bytes)}`];
  if (wantedS - recordedS >= 1) parts.push(`only ${exactDuration(recordedS)} are recorded`);
  if (bytes * 2 > free) parts.push(`too little disk space is free: ${fileSize(free)}`);
  return parts.join(', ');
}
