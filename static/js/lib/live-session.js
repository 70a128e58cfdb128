// @ts-check
/**
 * One viewer's wish to see one stream, and what it takes to keep it: start, ask how it goes, start again when the
 * session is gone (a server restart, an idle end while the machine slept), back off when it fails, give the place up.
 *
 * It knows no element. The page tells it what the player sees (`playerShows`, `playerStands`) and listens for
 *   'change'  the view is different (see `view`)
 *   'open'    there is a playlist to play: `view.playlistUrl`; a new `view.run` means load it anew
 */

import { ApiError, problemOf } from './api.js';
import { retryDelayS } from './recovery.js';
import { phaseOf } from './stream-phase.js';

/**
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {{cameraId: number, profileToken: string, accept: string[]}} Source
 * @typedef {{phase: import('./stream-phase.js').Phase, problem: Problem|null, usedBy: string[], stream: Stream|null,
 *   playlistUrl: string|null, run: number, retryAtMs: number|null, stalledS: number, shown: boolean}} View
 * @typedef {Pick<import('./api.js').Api, 'startStream'|'stopStream'|'streamStatus'>} StreamApi
 */

const POLL_CONNECTING_MS = 200;
const POLL_WAITING_MS = 500;
const POLL_PLAYING_MS = 2000;

export class LiveSession extends EventTarget {
  #api;
  #random;
  /** @type {Source|null} */
  #source = null;
  /** @type {Stream|null} */
  #stream = null;
  /** @type {string|null} */
  #viewerId = null;
  #run = 0;
  #attempt = 0;
  #ended = false;
  #offline = false;
  #shown = false;
  #opened = false;
  #stalledS = 0;
  #asking = false;
  /** @type {Problem|null} */
  #problem = null;
  /** @type {string[]} */
  #usedBy = [];
  /** @type {number|null} */
  #retryAtMs = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {StreamApi} api @param {{random?: () => number}} [parts] */
  constructor(api, { random = Math.random } = {}) {
    super();
    this.#api = api;
    this.#random = random;
  }

  /** @returns {View} */
  get view() {
    return {
      phase: phaseOf({
        wanted: this.#source !== null,
        ended: this.#ended,
        offline: this.#offline,
        problem: this.#problem,
        stream: this.#stream,
        shown: this.#shown,
        stalledS: this.#stalledS,
      }),
      problem: this.#problem,
      usedBy: this.#usedBy,
      stream: this.#stream,
      playlistUrl: this.#playlistUrl(),
      run: this.#run,
      retryAtMs: this.#retryAtMs,
      stalledS: this.#stalledS,
      shown: this.#shown,
    };
  }

  /** The playlist's address in this viewer's name, so that its fetches keep this place and count as no other. */
  #playlistUrl() {
    const url = this.#stream?.playlist_url;
    if (!url) return null;
    return this.#viewerId && !url.includes('?') ? `${url}?viewer=${encodeURIComponent(this.#viewerId)}` : url;
  }

  get isWanted() {
    return this.#source !== null;
  }

  /** @param {Source} source the one before is given up */
  play(source) {
    this.#giveUp();
    this.#source = source;
    this.#attempt = 0;
    void this.#start();
  }

  /** The viewer had enough. */
  stop() {
    this.#giveUp();
    this.#changed();
  }

  /** The page is being closed: the place is given up with a request that outlives it. */
  leave() {
    this.#giveUp({ keepalive: true });
  }

  /** Starts over at once, whatever it is waiting for. */
  retry() {
    if (!this.#source) return;
    this.#attempt = 0;
    void this.#start();
  }

  /** The page woke up or the network is back: what was true before may not be. */
  wake() {
    if (!this.#source) {
      return;
    }
    if (this.#problem) {
      if (this.#retryAtMs !== null) this.retry();
    } else if (!this.#asking) {
      void this.#poll(this.#run, { restartIfStopped: true });
    }
  }

  /** The picture moves. */
  playerShows() {
    const before = this.view.phase;
    this.#shown = true;
    this.#stalledS = 0;
    this.#attempt = 0;
    if (this.view.phase !== before) this.#changed();
  }

  /** The picture has stood still for so long. @param {number} seconds */
  playerStands(seconds) {
    const before = this.view.phase;
    this.#stalledS = seconds;
    const now = this.view.phase;
    if (now !== before && now !== 'playing' && !this.#asking) void this.#poll(this.#run);
    if (now !== before || now === 'stalled') this.#changed();
  }

  /** The player has lost this run: begin anew, at once the first time, then ever more slowly until a picture moves. */
  playerBroke() {
    if (!this.#source || this.#problem || this.#offline) return;
    const delayS = this.#attempt === 0 ? 0 : (retryDelayS('player', this.#attempt - 1, this.#random) ?? 30);
    this.#attempt += 1;
    this.#later(delayS * 1000, () => this.#start());
  }

  /** The player cannot go on with this run. @param {Problem} problem */
  playerFailed(problem) {
    if (this.#source && !this.#problem) this.#fail(problem, null);
  }

  /** @param {{keepalive?: boolean}} [how] */
  #giveUp({ keepalive = false } = {}) {
    this.#clearTimer();
    this.#run += 1;
    const stream = this.#stream;
    const viewerId = this.#viewerId;
    this.#source = null;
    this.#stream = null;
    this.#viewerId = null;
    this.#reset();
    if (stream && viewerId) {
      this.#api.stopStream({ streamId: stream.stream_id, viewerId, keepalive }).catch(() => {
        // Gone already, or the server is: the session ends by itself without its viewer.
      });
    }
  }

  #reset() {
    this.#ended = false;
    this.#offline = false;
    this.#shown = false;
    this.#opened = false;
    this.#stalledS = 0;
    this.#problem = null;
    this.#usedBy = [];
    this.#retryAtMs = null;
  }

  async #start() {
    const source = this.#source;
    if (!source) return;
    this.#clearTimer();
    this.#run += 1;
    const run = this.#run;
    const old = this.#stream;
    const oldViewerId = this.#viewerId;
    this.#reset();
    this.#stream = null;
    this.#viewerId = null;
    this.#changed();
    let stream;
    try {
      stream = await this.#api.startStream(source);
    } catch (error) {
      if (run === this.#run) this.#startFailed(error);
      return;
    }
    if (old && oldViewerId && oldViewerId !== stream.viewer_id) {
      // The place of the run before is given back once the new one is held, so that the session outlives the change.
      this.#api.stopStream({ streamId: old.stream_id, viewerId: oldViewerId }).catch(() => {});
    }
    if (run !== this.#run) {
      if (stream.viewer_id) {
        this.#api.stopStream({ streamId: stream.stream_id, viewerId: stream.viewer_id }).catch(() => {});
      }
      return;
    }
    this.#stream = stream;
    this.#viewerId = stream.viewer_id ?? null;
    if (stream.status === 'failed' && stream.error) {
      this.#fail(stream.error, null);
      return;
    }
    this.#openWhenReady();
    this.#changed();
    this.#later(POLL_CONNECTING_MS, () => this.#poll(run));
  }

  /** @param {unknown} error */
  #startFailed(error) {
    if (error instanceof ApiError && error.code === 'server_unreachable') {
      this.#offline = true;
      const delayS = retryDelayS(error.code, this.#attempt++, this.#random) ?? 5;
      this.#changed();
      this.#later(delayS * 1000, () => this.#start());
      return;
    }
    this.#usedBy = error instanceof ApiError ? error.usedBy : [];
    this.#fail(problemOf(error), error instanceof ApiError ? error.retryAfterS : null);
  }

  /** @param {Problem} problem @param {number|null} retryAfterS */
  #fail(problem, retryAfterS) {
    this.#clearTimer();
    this.#problem = problem;
    const own = retryDelayS(problem.code, this.#attempt++, this.#random);
    const delayS = own === null ? null : Math.max(own, retryAfterS ?? 0);
    this.#retryAtMs = delayS === null ? null : Date.now() + delayS * 1000;
    this.#changed();
    if (delayS !== null) this.#later(delayS * 1000, () => this.#start());
  }

  /** @param {number} run @param {{restartIfStopped?: boolean}} [how] */
  async #poll(run, { restartIfStopped = false } = {}) {
    const stream = this.#stream;
    if (run !== this.#run || !stream) return;
    this.#clearTimer();
    this.#asking = true;
    /** @type {Stream} */
    let now;
    try {
      now = await this.#api.streamStatus(stream.stream_id);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof ApiError && error.status === 404) {
        void this.#start();
        return;
      }
      this.#offline = error instanceof ApiError && error.code === 'server_unreachable';
      this.#changed();
      this.#later(1500, () => this.#poll(run, { restartIfStopped: true }));
      return;
    } finally {
      this.#asking = false;
    }
    if (run !== this.#run) return;
    const wasOffline = this.#offline;
    this.#offline = false;
    if (now.status === 'stopped') {
      if (restartIfStopped) void this.#start();
      else this.#end();
      return;
    }
    this.#stream = { ...now, playlist_url: stream.playlist_url };
    if (now.status === 'failed') {
      this.#fail(now.error ?? { code: 'internal_error', detail: 'The stream failed.' }, null);
      return;
    }
    // What the player had begun to load while nothing answered is lost.
    if (wasOffline && this.view.phase !== 'playing') this.#opened = false;
    this.#openWhenReady();
    this.#changed();
    this.#later(this.#pauseMs(), () => this.#poll(run));
  }

  /** The player begins as soon as pictures flow: before, it would only wait for a playlist that may never come. */
  #openWhenReady() {
    const stream = this.#stream;
    if (this.#opened || !stream || (stream.status !== 'running' && stream.waiting_for !== 'buffering')) return;
    this.#opened = true;
    this.dispatchEvent(new Event('open'));
  }

  #pauseMs() {
    if (this.view.phase === 'playing') return POLL_PLAYING_MS;
    return this.#opened ? POLL_WAITING_MS : POLL_CONNECTING_MS;
  }

  #end() {
    this.#giveUp();
    this.#ended = true;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** @param {number} ms @param {() => Promise<void>} work */
  #later(ms, work) {
    this.#clearTimer();
    this.#timer = setTimeout(() => void work(), ms);
  }

  #clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
