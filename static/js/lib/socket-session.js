// @ts-check
/**
 * One viewer of one channel over the page's WebSocket. On 'open' the owner (ChannelPlayer, through LiveTransport) sets
 * `sink`, which gets the media of the present start.
 *
 * Emits 'unplayable' {reason, codec} if the channel needs HLS. `codec`: the codec that this browser does not decode;
 * null for other reasons.
 */
import { BaseSession } from './base-session.js';
import { SocketWatch } from './socket-watch.js';

/**
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {import('./live-socket.js').SocketInit} SocketInit
 * @typedef {import('./socket-watch.js').Sink} Sink
 * @typedef {{cameraId: number, profileToken: string, audio?: boolean, keyFramesOnly?: boolean,
 *   isSmall?: boolean}} SocketRequest
 * @typedef {Pick<import('./live-sockets.js').PageSocket, 'watch'|'leave'|'wake'|'at'>} Socket
 * @typedef {import('./refusals.js').Reason} Reason
 */

const MAX_FAILURES = 3;
const LEAVE_OLD_AFTER_MS = 8000;
/** A try waits for its next key frame. The quality ladder ends a try earlier. */
const LEAVE_OLD_AFTER_TRY_MS = 80_000;
/** The code of a server that lets this user start no more streams at the moment. */
const JOIN_LIMIT = 'join_limit';
const RESTART = { firstMs: 0, startMs: 400, maxMs: 8000, jitter: 0.15 };

/** @extends {BaseSession<SocketRequest>} */
export class SocketSession extends BaseSession {
  #socket;
  #plays;
  /** @type {SocketWatch|null} */
  #watch = null;
  /** The previous watch: it stays on screen until the first frame of the present one. @type {SocketWatch|null} */
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
    const wanted = { ...request, audio: isOn };
    // Key frames and small video come without audio.
    if (this.#isSuspended || request.keyFramesOnly || request.isSmall) this.state.request = wanted;
    else if (this.#watch?.isTry && this.#watch.isAwaitingKey) this.tryBetter(wanted);
    else this.play(wanted);
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
   * Play another stream. If the previous one is the wanted one, and still on screen, it goes on.
   *
   * @override
   * @param {SocketRequest} request
   */
  play(request) {
    if (!this.#takeBack(request)) super.play(request);
  }

  /**
   * Play another stream because the link does not carry this one. This one's media ends immediately, so that the other
   * one does not wait behind it; its last frame stays on screen until the other one's first.
   *
   * @param {SocketRequest} request
   */
  replace(request) {
    if (this.#takeBack(request)) return;
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

  /** The user has chosen the stream that is being tried: start it with its last key frame, not with its next one. */
  endTry() {
    if (this.#watch?.isTry && this.#watch.isAwaitingKey) this.start();
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
    if (!this.#old) return;
    this.#old.canReturn = false; // its engine may be the one that has failed
    this.#leaveOldLater(); // it may be older than the watch whose engine has failed
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
    if (how.isMedia && this.leaveAudioOut()) return;
    // Media of the present watch is still on its way: the picture that stands still is that of an earlier one.
    if (this.#watch && !this.#watch.hasMedia) return;
    if (this.#old && this.#watch) this.#watch.isOpen = false; // until then the moving picture is that of the previous one
    super.restartForPlayer();
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

  /** The socket of the camera's server. */
  get #link() {
    return this.#socket.at(this.state.request?.cameraId);
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
    if (isBroken && this.#old) this.#old.canReturn = false; // its engine may be the broken one
    const insteadOf = endsOld ? this.#watch?.id : undefined;
    const content = this.#contentOf(request);
    const dropped = this.#keepOld({
      isShown: this.state.isShown && !isBroken,
      endsOld,
      forMs: isTry ? LEAVE_OLD_AFTER_TRY_MS : LEAVE_OLD_AFTER_MS,
    });
    this.state.beginStart();
    this.state.isQueued = isQueued;
    this.#isSuspended = this.#mustRewatch = false;
    this.state.isOffline = !this.#link.isUp && this.#link.wasEverUp;
    const fresh = isBroken || isTry;
    // A session without a viewer ends on the server, and its counts and segments with it.
    const isLeftLater = dropped?.shares(content) ?? false;
    if (dropped && !isLeftLater) this.#socket.leave(dropped.id);
    const watch = new SocketWatch(content, { startsFresh: fresh, isTry });
    this.#watch = watch;
    watch.id = this.#socket.watch(
      { ...content, fresh },
      {
        onInit: (init, data) => this.#onInit(watch, init, data),
        onFragments: (fragments) => watch.append(fragments),
        onStream: (stream) => this.#onState(watch, stream),
        onProblem: (refusal) => this.#onProblem(watch, refusal),
        onMessage: ({ type }) => watch === this.#watch && this.#setQueued(type === 'waiting'),
        onLink: (isUp) => this.#onLink(watch, isUp),
      },
      { insteadOf },
    );
    if (dropped && isLeftLater) this.#socket.leave(dropped.id);
    this.changed();
  }

  /** @param {boolean} isQueued */
  #setQueued(isQueued) {
    if (this.state.isQueued === isQueued) return;
    this.state.isQueued = isQueued;
    this.changed();
  }

  /** @param {SocketRequest} request @returns {import('./socket-watch.js').WatchContent} */
  #contentOf(request) {
    const { cameraId, profileToken, keyFramesOnly = false, isSmall = false } = request;
    const isRefused = this.#refusedAudio.has(keyOf(request));
    const audio = Boolean(request.audio) && !isRefused && !keyFramesOnly && !isSmall;
    return { cameraId, profileToken, audio, keyFramesOnly, isSmall };
  }

  /**
   * Go on with the previous watch instead of the present one. False if it is not the wanted one, or not on screen any
   * more.
   *
   * @param {SocketRequest} request
   */
  #takeBack(request) {
    const old = this.#old;
    if (!old?.canReturn || !old.isOf(this.#contentOf(request)) || !this.#link.isUp || !old.sink?.takeBack()) return false;
    this.clearTimer();
    if (this.#watch) this.#socket.leave(this.#watch.id);
    this.#watch = old;
    this.#old = null;
    this.#leaveOld(); // the timer and the state
    this.state.request = request;
    this.state.beginStart();
    this.state.isShown = true;
    this.#isSuspended = this.#mustRewatch = false;
    if (old.stream) this.#onStream(old.stream);
    else this.changed();
    return true;
  }

  /** @param {SocketWatch} watch @param {SocketInit} init @param {Uint8Array<ArrayBuffer>} data */
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

  /** @param {SocketWatch} watch @param {Stream} stream */
  #onState(watch, stream) {
    watch.stream = stream;
    if (watch === this.#watch) this.#onStream(stream);
  }

  /** @param {SocketWatch} watch @param {import('./live-socket.js').Refusal} refusal */
  #onProblem(watch, refusal) {
    if (watch === this.#old) this.#leaveOld();
    else if (watch === this.#watch && refusal.code === JOIN_LIMIT) this.#waitForTurn(watch, refusal);
    else if (watch === this.#watch) this.fail(refusal, refusal);
  }

  /**
   * The server limits the starts at the moment: the picture on screen stays until the next start.
   *
   * @param {SocketWatch} watch @param {import('./live-socket.js').Refusal} refusal
   */
  #waitForTurn({ isTry }, refusal) {
    const delayMs = this.nextDelayMs(refusal.code, refusal.retryAfterS ?? 0) ?? 0;
    this.later(delayMs, () => this.start({ isTry, isQueued: true }));
    if (this.#old?.canReturn) this.#leaveOldLater(delayMs + LEAVE_OLD_AFTER_MS);
    this.#setQueued(true);
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

  /** @param {SocketWatch} watch @param {boolean} isUp */
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
      if (!this.#link.wasEverUp && this.#link.failures >= MAX_FAILURES) {
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
   * @param {{isShown: boolean, endsOld: boolean, forMs: number}} how `isShown`: the watch has a good picture on screen;
   *   `endsOld`: no more media comes, only the last frame stays
   * @returns {SocketWatch|null} a watch that the caller has to leave
   */
  #keepOld({ isShown, endsOld, forMs }) {
    const watch = this.#watch;
    if (!watch) return null;
    if (!watch.isOpen || !isShown || this.state.isOffline) {
      if (!endsOld) return watch;
      if (this.#old) this.#end(this.#old);
      return null;
    }
    this.#leaveOld();
    this.#old = watch;
    if (endsOld) watch.canReturn = false; // the next watch begins instead of it
    this.state.showsPrevious = true;
    this.#leaveOldLater(forMs);
    return null;
  }

  /** @param {SocketWatch} watch */
  #end(watch) {
    this.#socket.leave(watch.id);
    watch.canReturn = false;
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
