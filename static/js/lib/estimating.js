// @ts-check
/** Estimates of an export's size, requested once the user has stopped changing the range. */
import { exactDuration, fileSize } from './format.js';
import { ApiError } from './http.js';

/**
 * @typedef {import('./export-types.js').Estimate} Estimate
 * @typedef {import('./exports-api.js').Sized} Sized
 */

/** The server may have to ask the recorder, so that not every step of a drag is a request. */
const AFTER_MS = 500;

/** Emits 'estimate' with the text to show. Only the newest request counts. */
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

  /** Estimate an export; without ranges: forget the last one. @param {Sized} sized */
  show(sized) {
    const key = JSON.stringify(sized);
    if (key === this.#key) return;
    this.#key = key;
    this.#request?.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!sized.ranges.length) {
      this.#emit('');
      return;
    }
    this.#emit('Estimating the size…');
    this.#timer = setTimeout(() => void this.#ask(sized), this.#afterMs);
  }

  /** @param {Sized} sized */
  async #ask(sized) {
    const request = new AbortController();
    this.#request = request;
    try {
      const estimate = await this.#api.estimate(sized, request.signal);
      if (!request.signal.aborted) this.#emit(estimateText(estimate, requestedS(sized)));
    } catch (error) {
      if (request.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#key = ''; // the same export may be asked again
      this.#emit(`The size is not known: ${error.message}`);
    }
  }

  /** @param {string} text */
  #emit(text) {
    this.dispatchEvent(new CustomEvent('estimate', { detail: text }));
  }
}

/** @param {Sized} sized */
function requestedS({ ranges }) {
  return ranges.reduce((sum, { startMs, endMs }) => sum + (endMs - startMs), 0) / 1000;
}

/**
 * Return a text about the size and the missing space.
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
