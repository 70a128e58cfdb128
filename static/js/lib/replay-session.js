// @ts-check
/**
 * One recording being played: at most one session on the server, and of many wishes in a row (a drag) only the last is
 * carried out. Tells 'load' with the address to play and when its first picture was taken, and 'changed' for the rest.
 */

import { problemOf } from './api.js';

/**
 * @typedef {import('./api.js').Api} Api @typedef {import('./api.js').Problem} Problem @typedef {import('./api.js').Stream} Stream
 * @typedef {{cameraId: number, recordingToken: string, atMs: number}} Place
 * @typedef {{url: string, startMs: number}} Load
 */

const STATUS_MS = 2000;

export class ReplaySession extends EventTarget {
  #api;
  #accept;
  /** @type {Stream|null} */
  #stream = null;
  /** @type {{cameraId: number, recordingToken: string}|null} */
  #source = null;
  /** @type {Place|null} */
  #wanted = null;
  /** @type {Problem|null} */
  #problem = null;
  #busy = false;
  #closed = true;
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
    this.#timer ??= setInterval(() => void this.#look(), STATUS_MS);
    if (!this.#busy) void this.#turn();
    this.#changed();
  }

  /** Gives the recorder's session back. @param {{keepalive?: boolean}} [how] `keepalive`: the page is being closed */
  close({ keepalive = false } = {}) {
    this.#closed = true;
    this.#wanted = null;
    this.#problem = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    void this.#end(keepalive);
    this.#changed();
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
    const isSame = this.#source?.cameraId === place.cameraId && this.#source.recordingToken === place.recordingToken;
    if (this.#stream && isSame) {
      try {
        const sought = await this.#api.seekPlayback(this.#stream.stream_id, new Date(place.atMs));
        return { url: this.#named(sought.playlist_url), startMs: Date.parse(sought.start_time) };
      } catch (error) {
        const { code } = problemOf(error);
        // It has ended meanwhile (nobody watched for a while): then a new one.
        if (code === 'not_ready') return this.#waited(place);
        if (code !== 'not_found') throw error;
        this.#stream = null;
      }
    }
    await this.#end(false);
    const started = await this.#api.startPlayback({ ...place, time: new Date(place.atMs), accept: this.#accept });
    this.#stream = started;
    this.#source = { cameraId: place.cameraId, recordingToken: place.recordingToken };
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
