// @ts-check
/**
 * One channel's recordings being played: at most one session on the server, and of many wishes in a row (a drag) only
 * the last is carried out. Its pictures come over the page's socket, or by HLS where there is none.
 *
 * Tells 'load' with what to play (a run, or an address) and when its first picture was taken; 'missed' when pictures were
 * lost on their way and are to be sought anew; 'changed' for the rest.
 */

import { ApiError, problemOf } from './api.js';
import { ReplayFeed } from './replay-feed.js';

/**
 * @typedef {import('./api.js').Api} Api @typedef {import('./api.js').Problem} Problem @typedef {import('./api.js').Stream} Stream
 * @typedef {{cameraId: number, recordingToken: string, channel?: number|null, atMs: number}} Place `channel`: of whose
 *   recordings the server finds the right one by the time
 * @typedef {{url: string|null, run: import('./replay-feed.js').ReplayRun|null, startMs: number}} Load one of `url`, `run`
 * @typedef {import('./live-socket.js').LiveSocket} Socket
 */

const STATUS_MS = 1000;

const RETURN_MS = 8000;

/** A socket that is not open by then is not waited for. */
const SOCKET_MS = 1500;

/** Pictures that were lost so often in so long are not sought over it any more. */
const MISSES = 3;
const MISSES_MS = 60_000;

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

  #socket;
  /** @type {ReplayFeed|null} */
  #feed = null;
  /** The newest run that was loaded, and the one that the last wish began. */
  #loadedRun = 0;
  #wishedRun = 0;
  /** @type {number[]} */
  #missedMs = [];
  /** Came while a later wish was carried out; it is played should that fail. @type {import('./replay-feed.js').ReplayRun|null} */
  #passedOver = null;

  /**
   * @param {Pick<Api, 'startPlayback'|'seekPlayback'|'stopStream'|'streamStatus'>} api
   * @param {string[]} accept
   * @param {Socket|null} [socket] null: by HLS
   */
  constructor(api, accept, socket = null) {
    super();
    this.#api = api;
    this.#accept = accept;
    this.#socket = socket;
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

  /** Whether what was loaded last is not what was wished last: that is being carried out, or its pictures are to come. */
  get isOnItsWay() {
    return this.#busy || (this.#feed !== null && this.#loadedRun < this.#wishedRun);
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

  /** This browser does not play what comes over the socket: by HLS from the next wish on. */
  avoidSocket() {
    this.#socket = null;
    this.#leaveFeed();
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
        if (load) this.#load(load);
      } catch (error) {
        if (!this.#wanted && !this.#closed) this.#failed(error);
      }
    }
    this.#busy = false;
    if (this.#closed) await this.#end(false);
    this.#changed();
  }

  /** @param {unknown} error of the last wish: what was on its way before is all there is */
  #failed(error) {
    this.#problem = problemOf(error);
    const run = this.#passedOver;
    if (run && this.#feed && run.number >= this.#wishedRun) this.#loadRun(run);
  }

  /** @param {import('./replay-feed.js').ReplayRun} run */
  #loadRun(run) {
    this.#passedOver = null;
    this.#loadedRun = run.number;
    this.#load({ url: null, run, startMs: run.startMs });
  }

  /** @param {Load} load */
  #load(load) {
    if (!this.#wanted && !this.#closed) this.dispatchEvent(new CustomEvent('load', { detail: load }));
  }

  /** @param {Place} place @returns {Promise<Load|null>} null: its pictures come over the socket */
  async #carryOut(place) {
    if (this.#stream && isOneSource(this.#source, place)) {
      try {
        const sought = await this.#api.seekPlayback(this.#stream.stream_id, new Date(place.atMs));
        this.#stream = { ...this.#stream, waiting_for: null }; // it waited at another place
        this.#source = place;
        return this.#byUrl(sought.playlist_url, Date.parse(sought.start_time));
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
    this.#join(started);
    return this.#byUrl(started.playlist_url, place.atMs);
  }

  /** @param {string} playlistUrl @param {number} startMs @returns {Load|null} */
  #byUrl(playlistUrl, startMs) {
    this.#wishedRun = Number(/\/run(\d+)\.m3u8/.exec(playlistUrl)?.[1] ?? 0);
    return this.#feed ? null : { url: this.#named(playlistUrl), run: null, startMs };
  }

  /** Has its pictures sent here, where a socket can be had. @param {Stream} stream */
  #join(stream) {
    const socket = this.#socket;
    if (!socket || !stream.viewer_id || (socket.failures > 0 && !socket.wasEverUp)) return;
    const feed = new ReplayFeed(socket, { streamId: stream.stream_id, viewerId: stream.viewer_id });
    this.#feed = feed;
    this.#loadedRun = this.#wishedRun = 0;
    this.#passedOver = null;
    /** @param {string} type @param {(event: Event) => void} work */
    const on = (type, work) => feed.addEventListener(type, (event) => feed === this.#feed && work(event));
    on('run', (event) => {
      const run = /** @type {CustomEvent<import('./replay-feed.js').ReplayRun>} */ (event).detail;
      if (run.number < this.#wishedRun) return;
      if (this.#wanted || (this.#busy && run.number === this.#wishedRun)) this.#passedOver = run; // of a wish before
      else this.#loadRun(run);
      this.#changed();
    });
    on('segments', () => this.#goOverToHls());
    on('refused', () => this.#goOverToHls());
    on('missed', () => this.#missed());
    setTimeout(() => feed === this.#feed && !feed.hasJoined && this.#goOverToHls(), SOCKET_MS);
  }

  /** From now on this session is watched by its playlist. */
  #goOverToHls() {
    this.#leaveFeed();
    const stream = this.#stream;
    if (this.#busy || !stream || !this.#source) return; // what is under way has an address in the end
    const { atMs } = this.#source;
    void this.#api.streamStatus(stream.stream_id).then(
      ({ playlist_url: url }) => {
        if (stream.stream_id === this.#stream?.stream_id) this.#load({ url: this.#named(url), run: null, startMs: atMs });
      },
      (error) => {
        this.#problem = problemOf(error);
        this.#changed();
      },
    );
  }

  /** Whether all that is wanted is here: nothing was missed. */
  get #hasAll() {
    return (this.#feed?.isComplete ?? false) && !this.isOnItsWay;
  }

  #missed() {
    if (this.#hasAll) return;
    const nowMs = Date.now();
    this.#missedMs = [...this.#missedMs.filter((ms) => nowMs - ms < MISSES_MS), nowMs];
    if (this.#missedMs.length > MISSES) this.avoidSocket();
    this.dispatchEvent(new Event('missed'));
  }

  #leaveFeed() {
    this.#feed?.leave();
    this.#feed = null;
  }

  /** The recorder takes its time: the address is there already, and its playlist waits. @param {Place} place */
  async #waited(place) {
    const status = await this.#api.streamStatus(/** @type {Stream} */ (this.#stream).stream_id);
    return this.#byUrl(status.playlist_url, place.atMs);
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
    this.#leaveFeed();
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
      if (status.status === 'stopped') throw new ApiError('not_found', '');
      this.#stream = { ...status, viewer_id: stream.viewer_id };
      this.#problem = ['failed', 'reconnecting', 'stalled'].includes(status.status) ? status.error : null;
      this.#isTried = true;
    } catch (error) {
      if (stream !== this.#stream || this.#busy) return;
      const problem = problemOf(error);
      if (problem.code === 'not_found') this.#ended();
      else this.#problem = problem;
    }
    this.#changed();
  }

  /** Its session is no more. What is here of the run may be all of it, and a player of segments finds out by itself. */
  #ended() {
    this.#stream = null;
    this.#isTried = false;
    if (this.#feed && !this.#hasAll) this.#problem = { code: 'stream_ended', detail: '' };
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
