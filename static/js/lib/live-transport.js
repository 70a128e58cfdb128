// @ts-check
/**
 * Plays a channel over the WebSocket if that works, otherwise over HLS. It falls back by itself, remembers the reason,
 * and has the interface of both sessions. After a while, and after the camera was away, it tries the socket again while
 * HLS plays; the socket takes over with its first frame.
 *
 * Emits, for a listener (ChannelPlayer) that plays another profile instead and prevents the default:
 *   'codec' {profileToken, codec}  this browser does not decode the stream's codec
 *   'unplayable'                   the socket cannot play the stream, and HLS is next
 */
import { RETRY_WITHIN_MS, Refusals } from './refusals.js';

/**
 * @typedef {import('./hls-session.js').HlsSession} HlsSession
 * @typedef {import('./socket-session.js').SocketSession} SocketSession
 * @typedef {import('./refusals.js').Reason} Reason
 * @typedef {{cameraId: number, profileToken: string, accept: string[], converting?: boolean, audio?: boolean,
 *   transport?: 'hls'|null, keyFramesOnly?: boolean, isSmall?: boolean}} PlayRequest
 *   `converting`: this browser does not decode the camera's codec, so ffmpeg converts it; `transport`: set by the user;
 *   `keyFramesOnly`: over the socket, key frames alone; `isSmall`: over the socket, small video that the server makes of the
 *   stream, whatever its codec
 * @typedef {'socket'|'hls'} Transport
 */

const HLS_REASONS = /** @type {Record<Reason|'unsupported'|'converting'|'asked', string>} */ ({
  codec: 'this browser does not decode the camera’s codec',
  socket: 'no WebSocket could be opened',
  no_key_frame: 'the camera sends no key frames',
  unsupported: 'this browser has no MediaSource',
  converting: 'the picture is converted',
  asked: 'the address asks for it',
});

export class LiveTransport extends EventTarget {
  #socketSession;
  #hlsSession;
  /** @type {Transport} */
  #transport = 'socket';
  /** @type {PlayRequest|null} */
  #request = null;
  #reason = '';
  #refusals = new Refusals();
  /** True while the socket is tried again and HLS plays. */
  #isRetrying = false;
  /** Runs until the next try, or until the present try is given up. @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;
  #wasAway = false;
  #hasEmittedCodec = false;
  /** The reason for HLS, if it is one that may pass. @type {Reason|null} */
  #passingReason = null;

  /** @param {{socketSession: SocketSession|null, hlsSession: HlsSession}} sessions */
  constructor({ socketSession, hlsSession }) {
    super();
    this.#socketSession = socketSession;
    this.#hlsSession = hlsSession;
    hlsSession.addEventListener('change', () => this.#retryWhenBack());
    for (const session of [socketSession, hlsSession]) {
      session?.addEventListener('open', () => {
        if (session === socketSession) this.#changeToSocket(); // first: then `#session` is the socket's
        if (session === this.#session) this.#passOn(new Event('open'));
      });
      session?.addEventListener('change', () => session === this.#session && this.#passOn(new Event('change')));
    }
    socketSession?.addEventListener('unplayable', (event) => {
      const { reason, codec } = /** @type {CustomEvent<{reason: Reason, codec: string|null}>} */ (event).detail;
      if (this.#isRetrying || (!this.#offerCodec(codec) && this.#offer('unplayable'))) this.#giveUpSocket(reason);
    });
  }

  get #session() {
    return this.#transport === 'socket' && this.#socketSession ? this.#socketSession : this.#hlsSession;
  }

  get view() {
    return { ...this.#session.view, transport: this.#transport, transportReason: this.#reason };
  }

  get isWanted() {
    return this.#request !== null && this.#session.isWanted;
  }

  /** @param {import('./socket-session.js').Sink} sink */
  set sink(sink) {
    if (this.#socketSession) this.#socketSession.sink = sink;
  }

  /**
   * @param {PlayRequest} request
   * @param {{endsOld?: boolean, isTry?: boolean}} [how] over the socket; `endsOld`: the link does not carry the present
   *   stream, so its media ends immediately; `isTry`: it is not known whether the link carries the new stream
   */
  play(request, { endsOld = false, isTry = false } = {}) {
    const before = this.#session;
    this.#endRetry();
    this.#hasEmittedCodec = false;
    this.#request = request;
    const refused = this.#refusalOf(request);
    const asked = request.transport === 'hls' ? 'asked' : null;
    const unsupported = this.#socketSession ? null : 'unsupported';
    const why = request.converting ? 'converting' : (asked ?? unsupported ?? refused?.reason ?? null);
    this.#transport = why ? 'hls' : 'socket';
    this.#reason = why ? HLS_REASONS[why] : '';
    if (before !== this.#session) before.leave();
    if (this.#transport === 'hls') this.#hlsSession.play(request);
    else if (endsOld && this.#socketSession?.isWanted) this.#socketSession.replace(request);
    else if (isTry && this.#socketSession?.isWanted) this.#socketSession.tryBetter(request);
    else this.#socketSession?.play(request);
    this.#passingReason = why && why === refused?.reason ? refused.reason : null;
    this.#scheduleRetry();
  }

  /** Turn audio on or off; HLS always has it. @param {boolean} isOn */
  setAudio(isOn) {
    if (this.#request) this.#request = { ...this.#request, audio: isOn };
    if (this.#transport === 'socket') this.#socketSession?.setAudio(isOn);
  }

  /** The user has chosen the stream that is being tried. */
  endTry() {
    if (this.#transport === 'socket') this.#socketSession?.endTry();
  }

  /** Stop the socket's media until `resume()`, because the viewer has paused. HLS goes on. */
  suspend() {
    if (this.#transport === 'socket') this.#socketSession?.suspend();
  }

  get isSuspended() {
    return this.#transport === 'socket' && (this.#socketSession?.isSuspended ?? false);
  }

  resume() {
    if (this.#transport === 'socket') this.#socketSession?.resume();
  }

  /** Get the socket's media from the last key frame on, for another engine. HLS goes on. */
  rewatch() {
    if (this.#transport === 'socket') this.#socketSession?.rewatch();
  }

  stop() {
    this.#endRetry();
    this.#session.stop();
  }

  leave() {
    this.#endRetry();
    this.#session.leave();
  }

  retry() {
    this.#session.retry();
  }

  wake() {
    this.#session.wake();
  }

  playerPlays() {
    this.#session.playerPlays();
  }

  /** @param {number} seconds */
  playerStalls(seconds) {
    this.#session.playerStalls(seconds);
  }

  /** @param {{isMedia?: boolean}} [how] `isMedia`: the browser refused the media */
  restartForPlayer(how) {
    this.#session.restartForPlayer(how);
  }

  /** @param {import('./api.js').Problem} problem */
  playerCannotPlay(problem) {
    if (this.#transport === 'socket' && this.#socketSession?.leaveAudioOut()) return;
    if (this.#transport === 'socket' && this.#request?.isSmall && !this.#offer('unplayable')) return;
    if (this.#transport === 'socket') this.#giveUpSocket('codec');
    else if (!this.#offerCodec(this.#hlsSession.view.stream?.source_codec)) this.#hlsSession.playerCannotPlay(problem);
  }

  /** Emit an event of the session that plays, unless ChannelPlayer plays another profile now. @param {Event} event */
  #passOn(event) {
    const codec = this.#session.view.stream?.source_codec;
    if (codec && !this.#request?.accept.includes(codec) && this.#offerCodec(codec)) return;
    this.dispatchEvent(event);
  }

  /**
   * Emit 'codec', once after each play(). True if the listener (ChannelPlayer) plays another profile now: then it has
   * called play() meanwhile, and the caller's request is the old one.
   *
   * @param {string|null|undefined} codec
   */
  #offerCodec(codec) {
    const request = this.#request;
    if (!codec || !request || request.converting || request.isSmall || this.#hasEmittedCodec) return false;
    this.#hasEmittedCodec = true;
    return !this.#offer('codec', { profileToken: request.profileToken, codec });
  }

  /** Emit an event, and return false if its listener plays another profile now. @param {string} type @param {object} [detail] */
  #offer(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { cancelable: true, detail }));
  }

  // ── Channels that the socket cannot play, and further tries ──────────────────────────────────────────────────────

  /** @param {PlayRequest} request */
  #refusalOf(request) {
    return this.#refusals.of(EVERY_CHANNEL) ?? this.#refusals.of(keyOf(request));
  }

  /** @param {Reason} reason */
  #giveUpSocket(reason) {
    const request = this.#request;
    if (!request || (this.#transport === 'hls' && !this.#isRetrying)) return;
    this.#refusals.add(reason === 'socket' ? EVERY_CHANNEL : keyOf(request), reason);
    if (this.#transport === 'socket') this.play(request);
    else {
      this.#endRetry(); // HLS goes on
      this.#passingReason = reason;
      this.#scheduleRetry();
    }
  }

  #scheduleRetry() {
    const leftMs = this.#passingReason && this.#request ? (this.#refusalOf(this.#request)?.leftMs ?? Infinity) : Infinity;
    if (leftMs !== Infinity) this.#timer = setTimeout(() => this.#retrySocket(), leftMs);
  }

  /** Try the socket again once the camera is back: it may be another camera, or have other settings. */
  #retryWhenBack() {
    if (!this.#passingReason || this.#isRetrying) return;
    const status = this.#hlsSession.view.stream?.status;
    if (status === 'stalled' || status === 'reconnecting' || status === 'failed') this.#wasAway = true;
    else if (status === 'running' && this.#wasAway) this.#retrySocket();
  }

  #retrySocket() {
    const reason = this.#passingReason;
    this.#clearTimer();
    if (!reason || !this.#request || !this.#hlsSession.isWanted) return;
    this.#isRetrying = true;
    this.#timer = setTimeout(() => this.#giveUpSocket(reason), RETRY_WITHIN_MS);
    this.#socketSession?.play(this.#request);
  }

  #endRetry() {
    this.#clearTimer();
    if (this.#isRetrying) this.#socketSession?.leave();
    this.#isRetrying = this.#wasAway = false;
  }

  /** Change to the socket, which has its first frames. */
  #changeToSocket() {
    const request = this.#request;
    if (!request || !this.#isRetrying) return;
    this.#isRetrying = this.#wasAway = false;
    this.#clearTimer();
    this.#refusals.lapse(EVERY_CHANNEL);
    this.#refusals.lapse(keyOf(request));
    this.#passingReason = null;
    this.#transport = 'socket';
    this.#reason = '';
    this.#hlsSession.leave();
  }

  #clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const EVERY_CHANNEL = '';

/** @param {PlayRequest} request */
function keyOf(request) {
  return `${request.cameraId} ${request.profileToken}`;
}
