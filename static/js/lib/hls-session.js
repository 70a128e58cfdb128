// @ts-check
/**
 * One viewer of one stream over HLS: starts the stream, polls its status, and starts it again if the session is gone
 * (the server restarted, or stopped an idle session while the machine slept).
 *
 * On 'open' `view.playlistUrl` can be played; it comes once in each start, and the player then loads the address again.
 */

import { ApiError, problemOf } from './api.js';
import { BaseSession } from './base-session.js';

/**
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {{cameraId: number, profileToken: string, accept: string[]}} HlsRequest
 * @typedef {Pick<import('./api.js').Api, 'startStream'|'stopStream'|'streamStatus'>} StreamApi
 */

const POLL_CONNECTING_MS = 200;
const POLL_WAITING_MS = 500;
const POLL_PLAYING_MS = 2000;
const POLL_OFFLINE_MS = 1500;
/** A restart costs the server a new viewer, often a new ffmpeg. */
const RESTART = { firstMs: 0, startMs: 3000, maxMs: 30_000, jitter: 0.15 };

/** @extends {BaseSession<HlsRequest>} */
export class HlsSession extends BaseSession {
  #api;
  /** @type {string|null} */
  #viewerId = null;
  #isOpen = false;
  #isPolling = false;

  /** @param {StreamApi} api @param {{random?: () => number}} [options] */
  constructor(api, { random = Math.random } = {}) {
    super({ restart: RESTART, random });
    this.#api = api;
  }

  /** @override */
  get view() {
    return { ...this.state.view, playlistUrl: this.#playlistUrl() };
  }

  /**
   * Return the playlist's address with the viewer id: its fetches keep this viewer alive and count as no second one.
   */
  #playlistUrl() {
    const url = this.state.stream?.playlist_url;
    if (!url) return null;
    return this.#viewerId && !url.includes('?') ? `${url}?viewer=${encodeURIComponent(this.#viewerId)}` : url;
  }

  /** @override @param {HlsRequest} request */
  play(request) {
    this.release();
    super.play(request);
  }

  /** Check the stream now, because the machine woke up or the network is back. */
  wake() {
    if (!this.isWanted) return;
    if (this.state.problem) {
      if (this.state.retryAtMs !== null) this.retry();
    } else if (!this.#isPolling) {
      void this.#poll(this.state.startNumber, { restartIfStopped: true });
    }
  }

  /** @override @param {number} seconds */
  playerStalls(seconds) {
    const before = this.state.phase;
    super.playerStalls(seconds);
    const { phase } = this.state;
    if (phase !== before && phase !== 'playing' && !this.#isPolling) void this.#poll(this.state.startNumber);
  }

  /** @override @protected @param {{keepalive?: boolean}} [how] */
  release({ keepalive = false } = {}) {
    const { stream } = this.state;
    const viewerId = this.#viewerId;
    super.release();
    this.#viewerId = null;
    this.#isOpen = false;
    this.#leave(stream, viewerId, keepalive);
  }

  /** @override @protected */
  start() {
    void this.#start();
  }

  async #start() {
    const { request, stream: oldStream } = this.state;
    const oldViewerId = this.#viewerId;
    if (!request) return;
    this.clearTimer();
    this.state.beginStart();
    this.#viewerId = null;
    this.#isOpen = false;
    const { startNumber } = this.state;
    this.changed();
    let stream;
    try {
      stream = await this.#api.startStream(request);
    } catch (error) {
      if (startNumber === this.state.startNumber) this.#startFailed(error);
      return;
    }
    // Leave as the old viewer only now that the new one has joined, so that the session never is without a viewer.
    if (oldViewerId !== stream.viewer_id) this.#leave(oldStream, oldViewerId);
    if (startNumber !== this.state.startNumber) {
      this.#leave(stream, stream.viewer_id ?? null);
      return;
    }
    this.state.stream = stream;
    this.#viewerId = stream.viewer_id ?? null;
    if (stream.status === 'failed' && stream.error) {
      this.fail(stream.error);
      return;
    }
    this.#openWhenReady();
    this.changed();
    this.later(POLL_CONNECTING_MS, () => this.#poll(startNumber));
  }

  /** @param {unknown} error */
  #startFailed(error) {
    const { code, detail } = problemOf(error);
    if (code === 'server_unreachable') {
      this.state.isOffline = true;
      const delayMs = this.nextDelayMs(code) ?? 0;
      this.changed();
      this.later(delayMs, () => this.start());
    } else this.fail({ code, detail }, error instanceof ApiError ? error : {});
  }

  /** @param {number} startNumber @param {{restartIfStopped?: boolean}} [how] */
  async #poll(startNumber, { restartIfStopped = false } = {}) {
    const { stream } = this.state;
    if (startNumber !== this.state.startNumber || !stream) return;
    this.clearTimer();
    this.#isPolling = true;
    /** @type {Stream} */
    let now;
    try {
      now = await this.#api.streamStatus(stream.stream_id);
    } catch (error) {
      if (startNumber === this.state.startNumber) this.#pollFailed(error);
      return;
    } finally {
      this.#isPolling = false;
    }
    if (startNumber !== this.state.startNumber) return;
    const wasOffline = this.state.isOffline;
    this.state.isOffline = false;
    if (now.status === 'stopped') {
      if (restartIfStopped) this.start();
      else this.#end();
      return;
    }
    this.state.stream = { ...now, playlist_url: stream.playlist_url };
    if (now.status === 'failed') {
      this.fail(now.error ?? { code: 'internal_error', detail: 'The stream failed.' });
      return;
    }
    // The player cannot go on with a playlist that it began to load while the server was away: open it again.
    if (wasOffline && this.state.phase !== 'playing') this.#isOpen = false;
    this.#openWhenReady();
    this.changed();
    this.later(this.#pauseMs(), () => this.#poll(startNumber));
  }

  /** @param {unknown} error */
  #pollFailed(error) {
    if (error instanceof ApiError && error.status === 404) {
      this.start();
      return;
    }
    this.state.isOffline = problemOf(error).code === 'server_unreachable';
    this.changed();
    const { startNumber } = this.state;
    this.later(POLL_OFFLINE_MS, () => this.#poll(startNumber, { restartIfStopped: true }));
  }

  /** Emit 'open' as soon as media arrives. An earlier player would wait for a playlist that may never exist. */
  #openWhenReady() {
    const { stream } = this.state;
    if (this.#isOpen || !stream || (stream.status !== 'running' && stream.waiting_for !== 'buffering')) return;
    this.#isOpen = true;
    this.dispatchEvent(new Event('open'));
  }

  #pauseMs() {
    if (this.state.phase === 'playing') return POLL_PLAYING_MS;
    return this.#isOpen ? POLL_WAITING_MS : POLL_CONNECTING_MS;
  }

  #end() {
    this.release();
    this.state.hasEnded = true;
    this.changed();
  }

  /** @param {Stream|null} stream @param {string|null} viewerId @param {boolean} [keepalive] */
  #leave(stream, viewerId, keepalive = false) {
    if (!stream || !viewerId) return;
    this.#api.stopStream({ streamId: stream.stream_id, viewerId, keepalive }).catch(() => {
      // The session or the server is gone. A session without viewers ends by itself.
    });
  }
}
