// @ts-check
/**
 * Plays one channel's recordings, with at most one session on the server. Of several requests in a row (a drag), only
 * the last one is sent. The media comes over the page's socket, or over HLS if there is none.
 *
 * Emits 'load' with a Load (a run or an address, and the time of its first frame); 'missed' if media was lost and the
 * player has to seek again; 'changed' for everything else.
 */

import { ApiError, problemOf } from './api.js';
import { ReplayMedia } from './replay-media.js';

/**
 * @typedef {import('./api.js').Api} Api
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {{cameraId: number, recordingToken: string, channel?: number|null, atMs: number}} ReplayRequest
 *   `channel`: not sent; requests of one channel share a session, because the server finds the channel by the recording,
 *   and the recording that plays by the time
 * @typedef {{url: string|null, run: import('./replay-media.js').ReplayRun|null, startMs: number}} Load
 *   either `url` or `run` is set
 * @typedef {import('./live-sockets.js').PageSocket} Socket
 */

const STATUS_MS = 1000;

const STOP_WAIT_MS = 8000;

/** The longest wait for the socket; after it the session plays over HLS. */
const SOCKET_MS = 1500;

/** After more than MISSES losses of media within MISSES_MS the session plays over HLS. */
const MISSES = 3;
const MISSES_MS = 60_000;

/**
 * Sessions of this page that are being stopped. Some recorders play one recording at a time, so the next session starts
 * only after these have ended.
 *
 * @type {Map<ReplaySession, Promise<unknown>>}
 */
const stopping = new Map();

export class ReplaySession extends EventTarget {
  #api;
  #accept;
  /** @type {Stream|null} */
  #stream = null;
  /** @type {ReplayRequest|null} */
  #source = null;
  /** @type {ReplayRequest|null} */
  #wanted = null;
  /** @type {ReplayRequest|null} */
  #lastRequest = null;
  /** Channels that play without their audio. @type {Set<string>} */
  #withoutAudio = new Set();
  /** @type {Problem|null} */
  #problem = null;
  #isRetrying = false;
  /** The quality of the next requests. @type {import('./replay-quality.js').Wanted} */
  wantedQuality = { quality: 'full', keyFramesOnly: false };
  #busy = false;
  #closed = true;
  /** @type {Promise<void>} */
  #carryingOut = Promise.resolve();
  /** @type {ReturnType<typeof setInterval>|null} */
  #timer = null;

  #socket;
  #plays;
  /** @type {ReplayMedia|null} */
  #media = null;
  /** The newest run that was loaded, and the run that the last request started. */
  #loadedRun = 0;
  #requestedRun = 0;
  /** @type {number[]} */
  #missedMs = [];
  /**
   * A run that arrived while a later request was under way. It is played if that request fails.
   *
   * @type {import('./replay-media.js').ReplayRun|null}
   */
  #passedOver = null;

  /**
   * @param {Pick<Api, 'startPlayback'|'seekPlayback'|'stopStream'|'streamStatus'>} api
   * @param {string[]} accept
   * @param {Socket|null} [socket] null: over HLS
   * @param {{plays?: (codecs: string) => boolean}} [how] `plays`: true if this browser plays the codecs (RFC 6381)
   */
  constructor(api, accept, socket = null, { plays = () => true } = {}) {
    super();
    this.#plays = plays;
    this.#api = api;
    this.#accept = accept;
    this.#socket = socket;
  }

  /** The present problem, or null. */
  get problem() {
    return this.#problem;
  }

  /** True if there is a problem and the server tries again. */
  get isRetrying() {
    return this.#problem !== null && this.#isRetrying;
  }

  /** True while a request is under way. */
  get isBusy() {
    return this.#busy;
  }

  /** True if the media of the last request has not been loaded yet. */
  get isPending() {
    return this.#busy || (this.#media !== null && this.#loadedRun < this.#requestedRun);
  }

  get stream() {
    return this.#stream;
  }

  /** Play a recording from a time. @param {ReplayRequest} request */
  go(request) {
    this.#closed = false;
    this.#wanted = this.#lastRequest = request;
    this.#problem = null;
    this.#isRetrying = false;
    this.#timer ??= setInterval(() => void this.#pollStatus(), STATUS_MS);
    if (!this.#busy) this.#carryingOut = this.#carryOutRequests();
    this.#changed();
  }

  /** Use HLS from the next request on, because this browser does not play the socket's media. */
  avoidSocket() {
    this.#socket = null;
    this.#leaveFeed();
  }

  /** True if the channel on screen plays without its audio, because this browser could not decode it. */
  get isAudioLeftOut() {
    return this.#lastRequest !== null && this.#withoutAudio.has(channelOf(this.#lastRequest));
  }

  /** Leave the audio of this channel out from the next request on, or play it again. @param {boolean} isLeftOut */
  set isAudioLeftOut(isLeftOut) {
    if (!this.#lastRequest) return;
    if (isLeftOut) this.#withoutAudio.add(channelOf(this.#lastRequest));
    else this.#withoutAudio.delete(channelOf(this.#lastRequest));
    if (isLeftOut) this.#media?.leaveAudioOut();
  }

  /** Stop the session. @param {{keepalive?: boolean}} [how] `keepalive`: the page is being closed */
  close({ keepalive = false } = {}) {
    this.#closed = true;
    this.#wanted = null;
    this.#problem = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    const stopped = Promise.allSettled([this.#end(keepalive), this.#carryingOut]).then(() => {
      if (stopping.get(this) === stopped) stopping.delete(this);
    });
    stopping.set(this, stopped);
    this.#changed();
  }

  /** Wait until the other players of this page have stopped their sessions, but at most STOP_WAIT_MS. */
  async #othersStopped() {
    const others = [...stopping].filter(([session]) => session !== this).map(([, stopped]) => stopped);
    if (!others.length) return;
    await Promise.race([Promise.all(others), new Promise((resolve) => setTimeout(resolve, STOP_WAIT_MS))]);
  }

  /** Carry out the newest request, and the newer ones that come meanwhile. */
  async #carryOutRequests() {
    this.#busy = true;
    while (this.#wanted) {
      const request = this.#wanted;
      this.#wanted = null;
      try {
        const load = await this.#carryOut(request);
        if (load) this.#load(load);
      } catch (error) {
        if (!this.#wanted && !this.#closed) this.#failed(error);
      }
    }
    this.#busy = false;
    if (this.#closed) await this.#end(false);
    this.#changed();
  }

  /** The last request failed: play the run that came before it, if there is one. @param {unknown} error */
  #failed(error) {
    this.#problem = problemOf(error);
    const run = this.#passedOver;
    if (run && this.#media && run.number >= this.#requestedRun) this.#loadRun(run);
  }

  /** @param {import('./replay-media.js').ReplayRun} run */
  #loadRun(run) {
    this.#passedOver = null;
    this.#loadedRun = run.number;
    this.#load({ url: null, run, startMs: run.startMs });
  }

  /** @param {Load} load */
  #load(load) {
    if (!this.#wanted && !this.#closed) this.dispatchEvent(new CustomEvent('load', { detail: load }));
  }

  /** @param {ReplayRequest} request @returns {Promise<Load|null>} null: the media comes over the socket */
  async #carryOut(request) {
    if (this.#stream && isOneSource(this.#source, request)) {
      try {
        const sought = await this.#api.seekPlayback(this.#stream.stream_id, new Date(request.atMs), this.wantedQuality);
        const { replay_quality, has_sub_recording } = sought;
        // The old value is about the old request.
        this.#stream = { ...this.#stream, replay_quality, has_sub_recording, waiting_for: null };
        this.#source = request;
        return this.#loadOf(sought.playlist_url, Date.parse(sought.start_time));
      } catch (error) {
        const { code } = problemOf(error);
        if (code === 'not_ready') return this.#loadSlowly(request);
        // The session has ended (not_found: it had no viewer for a while), or belongs to an earlier login (not_yours):
        // start a new one.
        if (code !== 'not_found' && code !== 'not_yours') throw error;
        this.#stream = null;
      }
    }
    await this.#end(false);
    await this.#othersStopped();
    const { cameraId, recordingToken, atMs } = request;
    const time = new Date(atMs);
    const started = await this.#api.startPlayback({ cameraId, recordingToken, time, accept: this.#accept, ...this.wantedQuality });
    this.#stream = started;
    this.#source = request;
    this.#join(started);
    return this.#loadOf(started.playlist_url, request.atMs);
  }

  /**
   * Note the run that was started. Return what the player loads; null if the run comes over the socket.
   *
   * @param {string} playlistUrl
   * @param {number} startMs
   * @returns {Load|null}
   */
  #loadOf(playlistUrl, startMs) {
    // the name that ReplayRun.playlist_name in sessions/replay/run.py gives to a playlist
    this.#requestedRun = Number(/\/run(\d+)\.m3u8/.exec(playlistUrl)?.[1] ?? 0);
    return this.#media ? null : { url: this.#withViewer(playlistUrl), run: null, startMs };
  }

  /** Join the session over the socket, if there is one. @param {Stream} stream */
  #join(stream) {
    const socket = this.#socket;
    const link = socket?.at(stream.camera_id);
    if (!socket || !link || !stream.viewer_id || (link.failures > 0 && !link.wasEverUp)) return;
    const source = { streamId: stream.stream_id, viewerId: stream.viewer_id };
    const media = new ReplayMedia(socket, source, { leavesAudioOut: this.isAudioLeftOut, plays: this.#plays });
    this.#media = media;
    this.#loadedRun = this.#requestedRun = 0;
    this.#passedOver = null;
    /** @param {string} type @param {(event: Event) => void} work */
    const on = (type, work) => media.addEventListener(type, (event) => media === this.#media && work(event));
    on('run', (event) => {
      const run = /** @type {CustomEvent<import('./replay-media.js').ReplayRun>} */ (event).detail;
      if (run.number < this.#requestedRun) return;
      // A newer request is waiting or under way: keep this run for the case that it fails.
      if (this.#wanted || (this.#busy && run.number === this.#requestedRun)) this.#passedOver = run;
      else this.#loadRun(run);
      this.#changed();
    });
    on('segments', () => this.#goOverToHls());
    on('refused', () => this.#goOverToHls());
    on('missed', () => this.#missed());
    on('audio-left-out', () => {
      if (this.#source) this.#withoutAudio.add(channelOf(this.#source));
      this.#changed();
    });
    setTimeout(() => media === this.#media && !media.hasJoined && this.#goOverToHls(), SOCKET_MS);
  }

  /** Play this session over HLS from now on. */
  #goOverToHls() {
    this.#leaveFeed();
    const stream = this.#stream;
    if (this.#busy || !stream || !this.#source) return; // the request that is under way ends with an address
    const { atMs } = this.#source;
    void this.#api.streamStatus(stream.stream_id).then(
      ({ playlist_url: url }) => {
        if (stream.stream_id === this.#stream?.stream_id) this.#load({ url: this.#withViewer(url), run: null, startMs: atMs });
      },
      (error) => {
        this.#problem = problemOf(error);
        this.#changed();
      },
    );
  }

  /** True if the run is complete in this browser, so that nothing can be missed. */
  get #hasAll() {
    return (this.#media?.isComplete ?? false) && !this.isPending;
  }

  #missed() {
    if (this.#hasAll) return;
    const nowMs = Date.now();
    this.#missedMs = [...this.#missedMs.filter((ms) => nowMs - ms < MISSES_MS), nowMs];
    if (this.#missedMs.length > MISSES) this.avoidSocket();
    this.dispatchEvent(new Event('missed'));
  }

  #leaveFeed() {
    this.#media?.leave();
    this.#media = null;
  }

  /** Return the address although the recorder is slow: its playlist request waits. @param {ReplayRequest} request */
  async #loadSlowly(request) {
    const status = await this.#api.streamStatus(/** @type {Stream} */ (this.#stream).stream_id);
    return this.#loadOf(status.playlist_url, request.atMs);
  }

  /**
   * Return an address with the viewer id; otherwise the player's fetches count as another viewer.
   *
   * @param {string} url
   */
  #withViewer(url) {
    const viewer = this.#stream?.viewer_id;
    return viewer ? `${url}?viewer=${encodeURIComponent(viewer)}` : url;
  }

  /** @param {boolean} keepalive */
  async #end(keepalive) {
    const stream = this.#stream;
    this.#stream = null;
    this.#source = null;
    this.#leaveFeed();
    if (!stream) return;
    try {
      await this.#api.stopStream({ streamId: stream.stream_id, viewerId: stream.viewer_id, keepalive });
    } catch {
      // The session ends by itself without a viewer.
    }
  }

  async #pollStatus() {
    const stream = this.#stream;
    if (!stream || this.#busy) return;
    try {
      const status = await this.#api.streamStatus(stream.stream_id);
      if (stream !== this.#stream || this.#busy) return;
      if (status.status === 'stopped') throw new ApiError('not_found', '');
      this.#stream = { ...status, viewer_id: stream.viewer_id };
      this.#problem = ['failed', 'reconnecting', 'stalled'].includes(status.status) ? status.error : null;
      this.#isRetrying = true;
    } catch (error) {
      if (stream !== this.#stream || this.#busy) return;
      const problem = problemOf(error);
      if (problem.code === 'not_found') this.#ended();
      else this.#problem = problem;
    }
    this.#changed();
  }

  /**
   * The session has ended on the server. That is a problem only if media is missing; an HLS player notices this itself.
   */
  #ended() {
    this.#stream = null;
    this.#isRetrying = false;
    if (this.#media && !this.#hasAll) this.#problem = { code: 'stream_ended', detail: '' };
  }

  #changed() {
    this.dispatchEvent(new Event('changed'));
  }
}

/** Return a key of the requested channel. @param {ReplayRequest} request */
function channelOf({ cameraId, channel, recordingToken }) {
  return `${cameraId} ${channel ?? recordingToken}`;
}

/** True if one session plays both requests. @param {ReplayRequest|null} one @param {ReplayRequest} other */
export function isOneSource(one, other) {
  if (one?.cameraId !== other.cameraId) return false;
  return one.recordingToken === other.recordingToken || (typeof one.channel === 'number' && one.channel === other.channel);
}
