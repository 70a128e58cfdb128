// @ts-check
/**
 * One viewer of one channel over the page's WebSocket. It has the interface of LiveSession: `view`, the same methods,
 * the events 'change' and 'open'. On 'open' the page sets `sink`, which gets the media of `view.run`.
 *
 * Emits 'unplayable' {reason, codec} if the channel needs HLS. `codec`: the codec that this browser does not decode;
 * null for other reasons.
 */
import { retryDelayS } from './recovery.js';
import { phaseOf } from './stream-phase.js';

/**
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {import('./live-session.js').View} View
 * @typedef {import('./live-socket.js').LiveInit} LiveInit
 * @typedef {import('./live-socket.js').LiveFragments} LiveFragments
 * @typedef {{init: (codecs: string, data: Uint8Array<ArrayBuffer>) => void,
 *   append: (fragments: LiveFragments) => void}} Sink
 * @typedef {{cameraId: number, profileToken: string, audio?: boolean}} PlayRequest
 * @typedef {Pick<import('./live-socket.js').LiveSocket, 'watch'|'leave'|'wake'|'isUp'|'failures'|'wasEverUp'>} Socket
 * @typedef {import('./refusals.js').Reason} Reason
 */

const FAILURES_ENOUGH = 3;
const LEAVE_OLD_AFTER_MS = 8000;
/** Some cameras refresh the picture gradually and send no IDR frame at all. ffmpeg plays that, MediaSource does not. */
const NO_KEY_FRAME_MS = 12_000;
/** The server sends the stream's state every two seconds. A longer pause means that the machine slept. */
const BETWEEN_STATES_MS = 4000;
const BROKE_FIRST_MS = 400;
const BROKE_MOST_MS = 8000;

/** One watch request on the socket, and the sink of its media. */
class Watch {
  id = 0;
  /** @type {Sink|null} */
  sink = null;
  opened = false;
  /** @type {LiveInit|null} */
  init = null;
  /** How long media has arrived, in ms. */
  flowedMs = 0;
  /** @type {number|null} */
  #flowedAtMs = null;

  /** @param {Stream} stream @param {number} nowMs */
  hears(stream, nowMs) {
    if (this.#flowedAtMs !== null) this.flowedMs += Math.min(BETWEEN_STATES_MS, nowMs - this.#flowedAtMs);
    this.#flowedAtMs = isFlowing(stream) ? nowMs : null;
  }
}

/**
 * True if media arrives that ffmpeg could start with. A silent camera is no reason to change to HLS. Neither is a
 * camera whose key frame the server still waits for: HLS would wait for it, too.
 *
 * @param {Stream} stream
 */
function isFlowing({ status, bitrate_kbps: kbps, waiting_for: waits }) {
  return Boolean(kbps) && (status === 'running' || waits === 'buffering');
}

export class SocketSession extends EventTarget {
  #socket;
  #plays;
  #random;
  /** @type {PlayRequest|null} */
  #request = null;
  /** @type {Watch|null} */
  #watch = null;
  /** The previous watch: it stays on screen until the first frame of the present one. @type {Watch|null} */
  #old = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #leavingOld = null;
  /** @type {Stream|null} */
  #stream = null;
  /** @type {Problem|null} */
  #problem = null;
  /** @type {string[]} */
  #usedBy = [];
  #run = 0;
  #attempt = 0;
  #ended = false;
  #offline = false;
  #isSuspended = false;
  #shown = false;
  #stalledS = 0;
  /** @type {number|null} */
  #retryAtMs = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {Socket} socket @param {{plays: (codecs: string) => boolean, random?: () => number}} parts */
  constructor(socket, { plays, random = Math.random }) {
    super();
    this.#socket = socket;
    this.#plays = plays;
    this.#random = random;
  }

  /** @returns {View & {hasAudio: boolean|null}} */
  get view() {
    return {
      phase: phaseOf({
        wanted: this.#request !== null,
        ended: this.#ended,
        offline: this.#offline,
        problem: this.#problem,
        stream: this.#stream,
        shown: this.#shown || this.#old !== null,
        stalledS: this.#stalledS,
      }),
      problem: this.#problem,
      usedBy: this.#problem ? this.#usedBy : [],
      stream: this.#stream,
      playlistUrl: null,
      run: this.#run,
      retryAtMs: this.#retryAtMs,
      stalledS: this.#stalledS,
      shown: this.#shown,
      hasAudio: this.#watch?.init?.hasAudio ?? null,
    };
  }

  get isWanted() {
    return this.#request !== null;
  }

  get isSuspended() {
    return this.#isSuspended;
  }

  /** The receiver of the present run's media. @param {Sink} sink */
  set sink(sink) {
    if (this.#watch) this.#watch.sink = sink;
  }

  /**
   * Start a channel. The channel before stays on screen until the first frame of this one.
   *
   * @param {PlayRequest} request
   */
  play(request) {
    this.#request = request;
    this.#attempt = 0;
    this.#begin();
  }

  /** Turn the channel's audio on or off. @param {boolean} isOn */
  setAudio(isOn) {
    if (!this.#request || Boolean(this.#request.audio) === isOn) return;
    if (this.#isSuspended) this.#request = { ...this.#request, audio: isOn };
    else this.play({ ...this.#request, audio: isOn });
  }

  /** Stop the media until `resume()`. The last frame stays on screen. */
  suspend() {
    const watch = this.#watch;
    if (!this.#request || !watch || this.#problem) return;
    this.#clearTimer();
    this.#leaveOld();
    this.#socket.leave(watch.id);
    this.#watch = null;
    this.#isSuspended = true;
  }

  resume() {
    if (this.#isSuspended) this.retry();
  }

  stop() {
    this.#giveUp();
    this.#changed();
  }

  leave() {
    this.#giveUp();
  }

  /** Start again immediately, without waiting for a timer. */
  retry() {
    if (!this.#request) return;
    this.#attempt = 0;
    this.#begin();
  }

  wake() {
    if (!this.#request || this.#isSuspended) return;
    this.#socket.wake();
    if (this.#problem && this.#retryAtMs !== null) this.retry();
  }

  /** The player reports that the picture moves: that of this run, or that of the previous watch, still on screen. */
  playerPlays() {
    const before = this.view.phase;
    this.#stalledS = 0;
    if (this.#old && !this.#watch?.opened) return;
    this.#shown = true;
    this.#attempt = 0;
    this.#leaveOld();
    if (this.view.phase !== before) this.#changed();
  }

  /** The player reports a picture that stands still. @param {number} seconds for how long */
  playerStalls(seconds) {
    const before = this.view.phase;
    this.#stalledS = seconds;
    const now = this.view.phase;
    if (now !== before || now === 'stalled') this.#changed();
  }

  /**
   * Start again because the player broke: immediately the first time, then with a growing delay until a picture moves.
   */
  playerBroke() {
    if (!this.#request || this.#problem || this.#offline || this.#isSuspended) return;
    const delayMs = this.#attempt === 0 ? 0 : Math.min(BROKE_MOST_MS, BROKE_FIRST_MS * 2 ** (this.#attempt - 1));
    this.#attempt += 1;
    this.#later(delayMs * (0.85 + 0.3 * this.#random()), () => this.#begin({ fresh: true }));
  }

  /** The player cannot play this stream. @param {Problem} problem */
  playerFailed(problem) {
    if (this.#request && !this.#problem) this.#fail(problem);
  }

  /**
   * @param {{fresh?: boolean}} [how] `fresh`: start with the next key frame, not with the fragments that the server
   *   keeps, because these broke the decoder
   */
  #begin({ fresh = false } = {}) {
    const request = this.#request;
    if (!request) return;
    this.#clearTimer();
    if (fresh) this.#shown = false;
    this.#keepOld();
    this.#run += 1;
    this.#ended = this.#isSuspended = false;
    this.#shown = false;
    this.#stalledS = 0;
    this.#problem = null;
    this.#retryAtMs = null;
    this.#stream = null;
    this.#offline = !this.#socket.isUp && this.#socket.wasEverUp;
    const watch = new Watch();
    this.#watch = watch;
    watch.id = this.#socket.watch(
      { cameraId: request.cameraId, profileToken: request.profileToken, audio: Boolean(request.audio), fresh },
      {
        onInit: (init, data) => this.#onInit(watch, init, data),
        onFragments: (fragments) => watch.sink?.append(fragments),
        onStream: (stream) => watch === this.#watch && this.#onStream(stream),
        onProblem: (refusal) => watch === this.#watch && this.#fail(refusal, refusal),
        onLink: (isUp) => this.#onLink(watch, isUp),
      },
    );
    this.#changed();
  }

  /** @param {Watch} watch @param {LiveInit} init @param {Uint8Array<ArrayBuffer>} data */
  #onInit(watch, init, data) {
    watch.init = init;
    if (watch === this.#watch && !watch.opened) {
      if (!this.#plays(init.codecs)) {
        if (init.audio) this.setAudio(false); // the browser may play the video alone
        else this.#unplayable('codec', init.codec);
        return;
      }
      watch.opened = true;
      this.dispatchEvent(new Event('open'));
      this.#changed();
    }
    watch.sink?.init(init.codecs, data);
  }

  /** @param {Stream} stream */
  #onStream(stream) {
    const wasFailed = this.#problem !== null;
    this.#stream = stream;
    if (stream.status === 'stopped') {
      this.#giveUp();
      this.#ended = true;
    } else if (stream.status === 'failed' && stream.error) {
      // The server tries again by itself while the session has viewers.
      this.#problem = stream.error;
      this.#retryAtMs = null;
    } else {
      if (wasFailed) this.#problem = null;
      const watch = this.#watch;
      watch?.hears(stream, Date.now());
      if (watch && !watch.opened && watch.flowedMs >= NO_KEY_FRAME_MS) {
        this.#unplayable('no_key_frame');
        return;
      }
    }
    this.#changed();
  }

  /** @param {Watch} watch @param {boolean} isUp */
  #onLink(watch, isUp) {
    if (watch !== this.#watch) {
      if (!isUp) this.#leaveOld();
      return;
    }
    if (!isUp) {
      this.#offline = true;
      // After a reconnect the server starts again with an init section, maybe on another timeline.
      watch.opened = false;
      watch.sink = null;
      watch.flowedMs = 0;
      if (!this.#socket.wasEverUp && this.#socket.failures >= FAILURES_ENOUGH) {
        this.#unplayable('socket');
        return;
      }
    } else {
      this.#offline = false;
      this.#run += 1;
      this.#problem = null;
    }
    this.#changed();
  }

  /** @param {Problem} problem @param {Partial<import('./live-socket.js').Refusal>} [refusal] */
  #fail({ code, detail }, { usedBy = [], retryAfterS = null } = {}) {
    this.#clearTimer();
    this.#problem = { code, detail };
    this.#usedBy = usedBy;
    const own = retryDelayS(code, this.#attempt++, this.#random);
    const delayS = own === null ? null : Math.max(own, retryAfterS ?? 0);
    this.#retryAtMs = delayS === null ? null : Date.now() + delayS * 1000;
    this.#changed();
    if (delayS !== null) this.#later(delayS * 1000, () => this.#begin());
  }

  /** @param {Reason} reason @param {string|null} [codec] */
  #unplayable(reason, codec = null) {
    this.dispatchEvent(new CustomEvent('unplayable', { detail: { reason, codec } }));
  }

  #giveUp() {
    this.#clearTimer();
    this.#leaveOld();
    if (this.#watch) this.#socket.leave(this.#watch.id);
    this.#watch = null;
    this.#request = null;
    this.#run += 1;
    this.#ended = this.#offline = this.#isSuspended = this.#shown = false;
    this.#stalledS = 0;
    this.#problem = null;
    this.#retryAtMs = null;
  }

  /** Keep the present watch on screen until the next one has a frame, but at most LEAVE_OLD_AFTER_MS. */
  #keepOld() {
    const watch = this.#watch;
    if (!watch) return;
    if (!watch.opened || !this.#shown || this.#offline) {
      this.#socket.leave(watch.id);
      return;
    }
    this.#leaveOld();
    this.#old = watch;
    this.#leavingOld = setTimeout(() => this.#leaveOld(), LEAVE_OLD_AFTER_MS);
  }

  #leaveOld() {
    if (this.#leavingOld !== null) clearTimeout(this.#leavingOld);
    this.#leavingOld = null;
    if (!this.#old) return;
    this.#socket.leave(this.#old.id);
    this.#old = null;
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** @param {number} ms @param {() => void} work */
  #later(ms, work) {
    this.#clearTimer();
    this.#timer = setTimeout(work, ms);
  }

  #clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
