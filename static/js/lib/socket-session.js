// @ts-check
/**
 * One viewer of one channel over the page's WebSocket. On 'open' the owner (ChannelPlayer, through LiveTransport) sets
 * `sink`, which gets the media of the present start.
 *
 * Emits 'unplayable' {reason, codec} if the channel needs HLS. `codec`: the codec that this browser does not decode;
 * null for other reasons.
 */
import { BaseSession } from './base-session.js';

/**
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {import('./live-socket.js').SocketInit} SocketInit
 * @typedef {import('./live-socket.js').SocketFragments} SocketFragments
 * @typedef {{init: (codecs: string, data: Uint8Array<ArrayBuffer>, isReordered: boolean) => void,
 *   append: (fragments: SocketFragments) => void}} Sink made by sinkOf() in components/live-player.js
 * @typedef {{cameraId: number, profileToken: string, audio?: boolean, keyFramesOnly?: boolean}} SocketRequest
 * @typedef {Pick<import('./live-socket.js').LiveSocket, 'watch'|'leave'|'wake'|'isUp'|'failures'|'wasEverUp'>} Socket
 * @typedef {import('./refusals.js').Reason} Reason
 */

const MAX_FAILURES = 3;
const LEAVE_OLD_AFTER_MS = 8000;
/** A try waits for its key frame. Its end is the quality ladder's task. */
const LEAVE_OLD_AFTER_TRY_MS = 25_000;
/** Some cameras refresh the picture gradually and send no IDR frame at all. ffmpeg plays that, MediaSource does not. */
const NO_KEY_FRAME_MS = 12_000;
/** The server sends the stream's state every two seconds. A longer pause means that the machine slept. */
const BETWEEN_STATES_MS = 4000;
/** The code of a server that lets this user start no more streams at the moment. */
const JOIN_LIMIT = 'join_limit';
const RESTART = { firstMs: 0, startMs: 400, maxMs: 8000, jitter: 0.15 };

/** One watch request on the socket, and the sink of its media. */
class Watch {
  id = 0;
  /** @type {Sink|null} */
  sink = null;
  isOpen = false;
  /** @type {SocketInit|null} */
  init = null;
  /** How long media may arrive without a key frame, in ms. */
  #keyWithinMs;
  /** How long media has arrived, in ms. */
  #flowedMs = 0;
  /** @type {number|null} */
  #flowedAtMs = null;

  /** @param {number} keyWithinMs */
  constructor(keyWithinMs) {
    this.#keyWithinMs = keyWithinMs;
  }

  /** True if media has come for so long without a key frame that none is to be expected. */
  get lacksKeyFrame() {
    return !this.isOpen && this.#flowedMs >= this.#keyWithinMs;
  }

  /** @param {Stream} stream @param {number} nowMs */
  note(stream, nowMs) {
    if (this.#flowedAtMs !== null) this.#flowedMs += Math.min(BETWEEN_STATES_MS, nowMs - this.#flowedAtMs);
    this.#flowedAtMs = isFlowing(stream) ? nowMs : null;
  }

  /** The connection is lost. After a reconnect the server starts with an init section, maybe on another timeline. */
  reset() {
    this.isOpen = false;
    this.sink = null;
    this.#flowedMs = 0;
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

/** @extends {BaseSession<SocketRequest>} */
export class SocketSession extends BaseSession {
  #socket;
  #plays;
  /** @type {Watch|null} */
  #watch = null;
  /** The previous watch: it stays on screen until the first frame of the present one. @type {Watch|null} */
  #old = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #leavingOld = null;
  #isSuspended = false;
  /** True if another engine waits for the media until the server receives the stream again. */
  #mustRewatch = false;
  /** Channels whose audio broke the decoder: their picture plays alone. @type {Set<string>} */
  #refusedAudio = new Set();

  /** @param {Socket} socket @param {{plays: (codecs: string) => boolean, random?: () => number}} options */
  constructor(socket, { plays, random = Math.random }) {
    super({ restart: RESTART, random });
    this.#socket = socket;
    this.#plays = plays;
  }

  /** @override */
  get view() {
    return { ...this.state.view, hasAudio: this.#watch?.init?.hasAudio ?? null, isAudioRefused: this.#isAudioRefused };
  }

  /** @override */
  get isSuspended() {
    return this.#isSuspended;
  }

  /** The receiver of the present start's media. @param {Sink} sink */
  set sink(sink) {
    if (this.#watch) this.#watch.sink = sink;
  }

  /** Turn the channel's audio on or off. @param {boolean} isOn */
  setAudio(isOn) {
    const { request } = this.state;
    if (!request || Boolean(request.audio) === isOn) return;
    if (isOn) this.#refusedAudio.delete(keyOf(request)); // the user wants another try
    // Key frames come without audio.
    if (this.#isSuspended || request.keyFramesOnly) this.state.request = { ...request, audio: isOn };
    else this.play({ ...request, audio: isOn });
  }

  /** Stop the media until `resume()`. The last frame stays on screen. */
  suspend() {
    const watch = this.#watch;
    if (!this.isWanted || !watch || this.state.problem) return;
    this.clearTimer();
    this.#leaveOld();
    this.#socket.leave(watch.id);
    this.#watch = null;
    this.#isSuspended = true;
  }

  resume() {
    if (this.#isSuspended) this.retry();
  }

  /** Check the connection now, because the machine woke up or the network is back. */
  wake() {
    if (!this.isWanted || this.#isSuspended) return;
    this.#socket.wake();
    if (this.state.problem && this.state.retryAtMs !== null) this.retry();
  }

  /**
   * Play another stream because the link does not carry this one. This one's media ends immediately, so that the other
   * one does not wait behind it; its last frame stays on screen until the other one's first.
   *
   * @param {SocketRequest} request
   */
  replace(request) {
    this.state.request = request;
    this.start({ endsOld: true });
  }

  /**
   * Try a better stream: it starts with its next key frame, because the frames since the last one, sent together, would
   * make a link late that carries the stream. The present one plays until then.
   *
   * @param {SocketRequest} request
   */
  tryBetter(request) {
    this.state.request = request;
    this.start({ isTry: true });
  }

  /**
   * Watch the same stream again, from its last key frame on; if the server does not receive it, as soon as it does. The
   * picture on screen stays until the first new frame.
   */
  rewatch() {
    if (!this.isWanted || !this.#watch?.isOpen || this.state.isOffline) return;
    this.#mustRewatch = this.state.problem !== null;
    if (this.#mustRewatch) return;
    this.start();
    if (this.#old) this.#leaveOldLater(); // it may be older than the watch whose engine has failed
  }

  /** @override */
  playerPlays() {
    // Until the present watch has media, the moving picture is that of the previous one.
    if (this.#old && !this.#watch?.isOpen) {
      this.state.stalledS = 0;
      return;
    }
    super.playerPlays();
    this.#leaveOld();
  }

  /** @override @param {{isMedia?: boolean}} [how] */
  restartForPlayer(how = {}) {
    if (!how.isMedia || !this.leaveAudioOut()) super.restartForPlayer();
  }

  /**
   * Play the picture alone, because the browser refused the media. False if there was no audio in it: then the audio is
   * not the reason.
   */
  leaveAudioOut() {
    const { request } = this.state;
    if (!request || !this.#watch?.init?.audio) return false;
    this.#refusedAudio.add(keyOf(request));
    this.start({ isBroken: true });
    return true;
  }

  get #isAudioRefused() {
    const { request } = this.state;
    return request !== null && Boolean(request.audio) && this.#refusedAudio.has(keyOf(request));
  }

  /** @override @protected */
  release() {
    this.#leaveOld();
    if (this.#watch) this.#socket.leave(this.#watch.id);
    this.#watch = null;
    this.#isSuspended = this.#mustRewatch = false;
    super.release();
  }

  /**
   * @override
   * @protected
   * @param {{isBroken?: boolean, endsOld?: boolean, isTry?: boolean, isQueued?: boolean}} [how] `isBroken`: start with the next key frame, not with the
   *   fragments that the server keeps, because these broke the decoder; `endsOld`: end the present watch immediately;
   *   `isTry`: start with the next key frame; `isQueued`: the server had to let the start before wait
   */
  start({ isBroken = false, endsOld = false, isTry = false, isQueued = false } = {}) {
    const { request } = this.state;
    if (!request) return;
    this.clearTimer();
    const insteadOf = endsOld ? this.#watch?.id : undefined;
    this.#keepOld({ isShown: this.state.isShown && !isBroken, forMs: isTry ? LEAVE_OLD_AFTER_TRY_MS : LEAVE_OLD_AFTER_MS });
    this.state.beginStart();
    this.state.isQueued = isQueued;
    this.#isSuspended = this.#mustRewatch = false;
    this.state.isOffline = !this.#socket.isUp && this.#socket.wasEverUp;
    const isFresh = isBroken || isTry;
    // Without the held key frame a stream may take a minute until its next one (H.264+).
    const watch = new Watch(isFresh ? Infinity : NO_KEY_FRAME_MS);
    this.#watch = watch;
    const { cameraId, profileToken, keyFramesOnly = false } = request;
    const audio = Boolean(request.audio) && !this.#isAudioRefused && !keyFramesOnly;
    watch.id = this.#socket.watch(
      { cameraId, profileToken, audio, fresh: isFresh, keyFramesOnly },
      {
        onInit: (init, data) => this.#onInit(watch, init, data),
        onFragments: (fragments) => watch.sink?.append(fragments),
        onStream: (stream) => watch === this.#watch && this.#onStream(stream),
        onProblem: (refusal) => watch === this.#watch && this.#onRefusal(refusal, { isTry }),
        onMessage: ({ type }) => watch === this.#watch && this.#setQueued(type === 'waiting'),
        onLink: (isUp) => this.#onLink(watch, isUp),
      },
      { insteadOf },
    );
    this.changed();
  }

  /**
   * Wait for another turn if the server limits the starts: the picture on screen stays. Any other refusal is a problem.
   *
   * @param {import('./live-socket.js').Refusal} refusal @param {{isTry: boolean}} how of the refused start
   */
  #onRefusal(refusal, how) {
    if (refusal.code !== JOIN_LIMIT) {
      this.fail(refusal, refusal);
      return;
    }
    this.later(this.nextDelayMs(refusal.code, refusal.retryAfterS ?? 0) ?? 0, () => this.start({ ...how, isQueued: true }));
    this.#setQueued(true);
  }

  /** @param {boolean} isQueued */
  #setQueued(isQueued) {
    if (this.state.isQueued === isQueued) return;
    this.state.isQueued = isQueued;
    this.changed();
  }

  /** @param {Watch} watch @param {SocketInit} init @param {Uint8Array<ArrayBuffer>} data */
  #onInit(watch, init, data) {
    watch.init = init;
    if (watch === this.#watch && !watch.isOpen) {
      if (!this.#plays(init.codecs)) {
        if (!this.leaveAudioOut()) this.#unplayable('codec', init.codec);
        return;
      }
      watch.isOpen = true;
      this.dispatchEvent(new Event('open'));
      this.changed();
    }
    watch.sink?.init(init.codecs, data, init.isReordered);
  }

  /** @param {Stream} stream */
  #onStream(stream) {
    if (stream.status === 'stopped') {
      this.release();
      this.state.hasEnded = true;
      this.changed();
      return;
    }
    this.state.stream = stream;
    if (stream.status === 'failed' && stream.error) {
      // The server tries again by itself while the session has viewers.
      this.state.clearProblem();
      this.state.problem = stream.error;
    } else {
      this.state.clearProblem();
      if (this.#mustRewatch) {
        this.rewatch();
        return;
      }
      const watch = this.#watch;
      if (watch && !watch.isOpen && stream.waiting_for === 'hls') {
        this.#unplayable('codec', stream.source_codec);
        return;
      }
      watch?.note(stream, Date.now());
      if (watch?.lacksKeyFrame) {
        this.#unplayable('no_key_frame');
        return;
      }
    }
    this.changed();
  }

  /** @param {Watch} watch @param {boolean} isUp */
  #onLink(watch, isUp) {
    if (watch !== this.#watch) {
      if (!isUp) this.#leaveOld();
      return;
    }
    this.state.isOffline = !isUp;
    if (isUp) {
      this.state.startNumber += 1;
      this.state.clearProblem();
    } else {
      watch.reset();
      this.#mustRewatch = false;
      if (!this.#socket.wasEverUp && this.#socket.failures >= MAX_FAILURES) {
        this.#unplayable('socket');
        return;
      }
    }
    this.changed();
  }

  /** @param {Reason} reason @param {string|null} [codec] */
  #unplayable(reason, codec = null) {
    this.dispatchEvent(new CustomEvent('unplayable', { detail: { reason, codec } }));
  }

  /**
   * Keep the present watch on screen until the next one has a frame, but at most for some seconds.
   *
   * @param {{isShown: boolean, forMs: number}} how `isShown`: the watch has a good picture on screen
   */
  #keepOld({ isShown, forMs }) {
    const watch = this.#watch;
    if (!watch) return;
    if (!watch.isOpen || !isShown || this.state.isOffline) {
      this.#socket.leave(watch.id);
      return;
    }
    this.#leaveOld();
    this.#old = watch;
    this.state.showsPrevious = true;
    this.#leaveOldLater(forMs);
  }

  #leaveOldLater(forMs = LEAVE_OLD_AFTER_MS) {
    if (this.#leavingOld !== null) clearTimeout(this.#leavingOld);
    this.#leavingOld = setTimeout(() => this.#leaveOld(), forMs);
  }

  #leaveOld() {
    if (this.#leavingOld !== null) clearTimeout(this.#leavingOld);
    this.#leavingOld = null;
    if (this.#old) this.#socket.leave(this.#old.id);
    this.#old = null;
    this.state.showsPrevious = false;
  }
}

/** @param {SocketRequest} request */
function keyOf({ cameraId, profileToken }) {
  return `${cameraId} ${profileToken}`;
}
