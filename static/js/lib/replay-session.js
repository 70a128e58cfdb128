// @ts-check
/**
 * One channel's recordings being played: at most one session on the server, and of many wishes in a row (a drag) only
 * the last is carried out. Tells 'load' with the address to play and when its first picture was taken, and 'changed' for the rest.
 */

import { problemOf } from './api.js';

/**
 * @typedef {import('./api.js').Api} Api @typedef {import('./api.js').Problem} Problem @typedef {import('./api.js').Stream} Stream
 * @typedef {{cameraId: number, recordingToken: string, channel?: number|null, atMs: number}} Place `channel`: of whose
 *   recordings the server finds the right one by the time
 * @typedef {{url: string, startMs: number}} Load
 */

const STATUS_MS = 1000;

const RETURN_MS = 8000;

/**
 * What the players of this page are giving back: a recorder that plays one recording has to have it before it is asked
 * for another.
 *
 * @type {Map<ReplaySession, Promise<unknown>>}
 */
const returning = new Map();

export class ReplaySession extends EventTarget {
  #api;
  #accept;
  /** @type {Stream|null} */
  #stream = null;
  /** @type {Place|null} */
  #source = null;
  /** @type {Place|null} */
  #wanted = null;
  /** @type {Problem|null} */
  #problem = null;
  #isTried = false;
  #busy = false;
  #closed = true;
  /** @type {Promise<void>} */
  #turning = Promise.resolve();
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;

  /** @param {Pick<Api, 'startPlayback'|'seekPlayback'|'stopStream'|'streamStatus'>} api @param {string[]} accept */
  constructor(api, accept) {
    super();
    this.#api = api;
    this.#accept = accept;
  }

  /** What is wrong, null while nothing is. */
  get problem() {
    return this.#problem;
  }

  /** Whether the problem may pass, and the server works on it. */
  get isTried() {
    return this.#problem !== null && this.#isTried;
  }

  /** Whether a wish is being carried out. */
  get isBusy() {
    return this.#busy;
  }

  get stream() {
    return this.#stream;
  }

  /** Plays from there. @param {Place} place */
  go(place) {
    this.#closed = false;
    this.#wanted = place;
    this.#problem = null;
    this.#isTried = false;
    this.#timer ??= setInterval(() => void this.#look(), STATUS_MS);
    if (!this.#busy) this.#turning = this.#turn();
    this.#changed();
  }

  /** Gives the recorder's session back. @param {{keepalive?: boolean}} [how] `keepalive`: the page is being closed */
  close({ keepalive = false } = {}) {
    this.#closed = true;
    this.#wanted = null;
    this.#problem = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    const returned = Promise.allSettled([this.#end(keepalive), this.#turning]).then(() => {
      if (returning.get(this) === returned) returning.delete(this);
    });
    returning.set(this, returned);
    this.#changed();
  }

  /** Until the others have given back what they had; no longer than that takes where all is well. */
  async #othersReturned() {
    const others = [...returning].filter(([session]) => session !== this).map(([, returned]) => returned);
    if (!others.length) return;
    await Promise.race([Promise.all(others), new Promise((resolve) => setTimeout(resolve, RETURN_MS))]);
  }

  async #turn() {
    this.#busy = true;
    while (this.#wanted) {
      const place = this.#wanted;
      this.#wanted = null;
      try {
        const load = await this.#carryOut(place);
        if (!this.#wanted && !this.#closed) this.dispatchEvent(new CustomEvent('load', { detail: load }));
      } catch (error) {
        if (!this.#wanted && !this.#closed) this.#problem = problemOf(error);
      }
    }
    this.#busy = false;
    if (this.#closed) await this.#end(false);
    this.#changed();
  }

  /** @param {Place} place @returns {Promise<Load>} */
  async #carryOut(place) {
    if (this.#stream && isOneSource(this.#source, place)) {
      try {
        const sought = await this.#api.seekPlayback(this.#stream.stream_id, new Date(place.atMs));
        this.#stream = { ...this.#stream, waiting_for: null }; // it waited at another place
        return { url: this.#named(sought.playlist_url), startMs: Date.parse(sought.start_time) };
      } catch (error) {
        const { code } = problemOf(error);
        // It has ended meanwhile (nobody watched for a while): then a new one.
        if (code === 'not_ready') return this.#waited(place);
        if (code !== 'not_found' && code !== 'not_yours') throw error; // a new login has left the old one's behind
        this.#stream = null;
      }
    }
    await this.#end(false);
    await this.#othersReturned();
    const { cameraId, recordingToken, atMs } = place;
    const started = await this.#api.startPlayback({ cameraId, recordingToken, time: new Date(atMs), accept: this.#accept });
    this.#stream = started;
    this.#source = place;
    return { url: this.#named(started.playlist_url), startMs: place.atMs };
  }

  /** The recorder takes its time: the address is there already, and its playlist waits. @param {Place} place @returns {Promise<Load>} */
  async #waited(place) {
    const status = await this.#api.streamStatus(/** @type {Stream} */ (this.#stream).stream_id);
    return { url: this.#named(status.playlist_url), startMs: place.atMs };
  }

  /** Who fetches: else a player without a name would count as one more viewer. @param {string} url */
  #named(url) {
    const viewer = this.#stream?.viewer_id;
    return viewer ? `${url}?viewer=${encodeURIComponent(viewer)}` : url;
  }

  /** @param {boolean} keepalive */
  async #end(keepalive) {
    const stream = this.#stream;
    this.#stream = null;
    this.#source = null;
    if (!stream) return;
    try {
      await this.#api.stopStream({ streamId: stream.stream_id, viewerId: stream.viewer_id, keepalive });
    } catch {
      // It ends by itself when nobody fetches any more.
    }
  }

  async #look() {
    const stream = this.#stream;
    if (!stream || this.#busy) return;
    try {
      const status = await this.#api.streamStatus(stream.stream_id);
      if (stream !== this.#stream || this.#busy) return;
      this.#stream = { ...status, viewer_id: stream.viewer_id };
      this.#problem = ['failed', 'reconnecting', 'stalled'].includes(status.status) ? status.error : null;
      this.#isTried = true;
    } catch (error) {
      if (stream !== this.#stream || this.#busy) return;
      const problem = problemOf(error);
      if (problem.code === 'not_found') this.#stream = null;
      else this.#problem = problem;
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('changed'));
  }
}

/** Whether one session plays both. @param {Place|null} one @param {Place} other */
export function isOneSource(one, other) {
  if (one?.cameraId !== other.cameraId) return false;
  return one.recordingToken === other.recordingToken || (typeof one.channel === 'number' && one.channel === other.channel);
}
