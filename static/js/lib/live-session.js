// @ts-check
/**
 * One viewer of one stream over HLS: start the stream, poll its status, start again if the session is gone (the server
 * restarted, or stopped an idle session while the machine slept), back off after failures, and leave.
 *
 * No DOM. The page reports the player's state (`playerPlays`, `playerStalls`) and listens for the events
 *   'change'  `view` has changed
 *   'open'    `view.playlistUrl` can be played; load it again whenever `view.run` has changed
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

  /**
   * Return the playlist's address with the viewer id: its fetches keep this viewer alive and count as no second one.
   */
  #playlistUrl() {
    const url = this.#stream?.playlist_url;
    if (!url) return null;
    return this.#viewerId && !url.includes('?') ? `${url}?viewer=${encodeURIComponent(this.#viewerId)}` : url;
  }

  get isWanted() {
    return this.#source !== null;
  }

  /** Start a stream, and stop watching the one before. @param {Source} source */
  play(source) {
    this.#giveUp();
    this.#source = source;
    this.#attempt = 0;
    void this.#start();
  }

  /** Stop watching, on the user's request. */
  stop() {
    this.#giveUp();
    this.#changed();
  }

  /** Stop watching while the page is being closed: the request outlives the page. */
  leave() {
    this.#giveUp({ keepalive: true });
  }

  /** Start again immediately, without waiting for a timer. */
  retry() {
    if (!this.#source) return;
    this.#attempt = 0;
    void this.#start();
  }

  /** Check the stream now, because the machine woke up or the network is back. */
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

  /** The player reports that the picture moves. */
  playerPlays() {
    const before = this.view.phase;
    this.#shown = true;
    this.#stalledS = 0;
    this.#attempt = 0;
    if (this.view.phase !== before) this.#changed();
  }

  /** The player reports a picture that stands still. @param {number} seconds for how long */
  playerStalls(seconds) {
    const before = this.view.phase;
    this.#stalledS = seconds;
    const now = this.view.phase;
    if (now !== before && now !== 'playing' && !this.#asking) void this.#poll(this.#run);
    if (now !== before || now === 'stalled') this.#changed();
  }

  /**
   * Start again because the player broke: immediately the first time, then with a growing delay until a picture moves.
   */
  playerBroke() {
    if (!this.#source || this.#problem || this.#offline) return;
    const delayS = this.#attempt === 0 ? 0 : (retryDelayS('player', this.#attempt - 1, this.#random) ?? 30);
    this.#attempt += 1;
    this.#later(delayS * 1000, () => this.#start());
  }

  /** The player cannot play this stream. @param {Problem} problem */
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
        // The session or the server is gone. A session without viewers ends by itself.
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
      // Leave as the old viewer only now that the new one has joined, so that the session never is without a viewer.
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
    // The player cannot go on with a playlist that it began to load while the server was away: open it again.
    if (wasOffline && this.view.phase !== 'playing') this.#opened = false;
    this.#openWhenReady();
    this.#changed();
    this.#later(this.#pauseMs(), () => this.#poll(run));
  }

  /** Emit 'open' as soon as media arrives. An earlier player would wait for a playlist that may never exist. */
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
