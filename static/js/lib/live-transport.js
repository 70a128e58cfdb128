// @ts-check
/**
 * How a channel comes to this page: over the socket where that works, else by HLS. It falls back by itself, remembers
 * why, and has the face of either session. After a while, and when the camera was away, the socket is tried again
 * beside what plays, and takes over with its first picture.
 *
 * Tells 'codec' {profileToken, codec} where a stream turns out to be nothing this browser plays. A page that knows better
 * than to have it converted plays something else, and prevents the default.
 */
import { LOOK_MS, Refusals } from './refusals.js';

/**
 * @typedef {import('./live-session.js').LiveSession} LiveSession
 * @typedef {import('./socket-session.js').SocketSession} SocketSession
 * @typedef {import('./refusals.js').Reason} Reason
 * @typedef {{cameraId: number, profileToken: string, accept: string[], converting?: boolean, sound?: boolean, way?: 'hls'|null}} Wish
 *   `converting`: this browser cannot show what the camera sends, so ffmpeg has to; `way`: asked for by the user
 * @typedef {'socket'|'hls'} Way
 */

export const WAY_REASONS = /** @type {Record<Reason|'unsupported'|'converting'|'asked', string>} */ ({
  codec: 'this browser does not decode what the camera sends',
  socket: 'no WebSocket could be opened',
  no_key_frame: 'the camera sends no complete frames to begin with',
  unsupported: 'this browser has no MediaSource',
  converting: 'the picture is converted',
  asked: 'the address asks for it',
});

export class LiveTransport extends EventTarget {
  #socketSession;
  #hlsSession;
  /** @type {Way} */
  #way = 'socket';
  /** @type {Wish|null} */
  #wish = null;
  #reason = '';
  #refusals = new Refusals();
  /** The socket is being tried again. */
  #isLooking = false;
  /** When to try it again, or to give the present try up. @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;
  #wasAway = false;
  #saidCodec = false;
  /** Why it is not the socket, where that may change. @type {Reason|null} */
  #refused = null;

  /** @param {{socketSession: SocketSession|null, hlsSession: LiveSession}} sessions */
  constructor({ socketSession, hlsSession }) {
    super();
    this.#socketSession = socketSession;
    this.#hlsSession = hlsSession;
    socketSession?.addEventListener('open', () => this.#takeOver());
    hlsSession.addEventListener('change', () => this.#lookWhenBack());
    for (const session of [socketSession, hlsSession]) {
      for (const type of ['open', 'change']) {
        session?.addEventListener(type, () => session === this.#session && this.#passOn(type));
      }
    }
    socketSession?.addEventListener('unplayable', (event) => {
      const { reason, codec } = /** @type {CustomEvent<{reason: Reason, codec: string|null}>} */ (event).detail;
      if (this.#isLooking || !this.#isTaken(codec)) this.#refuse(reason);
    });
  }

  get #session() {
    return this.#way === 'socket' && this.#socketSession ? this.#socketSession : this.#hlsSession;
  }

  get view() {
    return { ...this.#session.view, way: this.#way, wayReason: this.#reason };
  }

  get isWanted() {
    return this.#wish !== null && this.#session.isWanted;
  }

  /** @param {import('./socket-session.js').Sink} sink */
  set sink(sink) {
    if (this.#socketSession) this.#socketSession.sink = sink;
  }

  /** @param {Wish} wish */
  play(wish) {
    const before = this.#session;
    this.#endLook();
    this.#saidCodec = false;
    this.#wish = wish;
    const refused = this.#refusalOf(wish);
    const asked = wish.way === 'hls' ? 'asked' : null;
    const unsupported = this.#socketSession ? null : 'unsupported';
    const why = wish.converting ? 'converting' : (asked ?? unsupported ?? refused?.reason ?? null);
    this.#way = why ? 'hls' : 'socket';
    this.#reason = why ? WAY_REASONS[why] : '';
    if (before !== this.#session) before.leave();
    if (this.#way === 'socket') this.#socketSession?.play(wish);
    else this.#hlsSession.play(wish);
    this.#refused = why && why === refused?.reason ? refused.reason : null;
    this.#lookLater();
  }

  /** @param {boolean} sound whether the viewer listens; HLS has its sound always */
  hear(sound) {
    if (this.#wish) this.#wish = { ...this.#wish, sound };
    if (this.#way === 'socket') this.#socketSession?.hear(sound);
  }

  /** The viewer has paused: what is sent over the socket is not sent until `resume()`. */
  rest() {
    if (this.#way === 'socket') this.#socketSession?.rest();
  }

  get isResting() {
    return this.#way === 'socket' && (this.#socketSession?.isResting ?? false);
  }

  resume() {
    if (this.#way === 'socket') this.#socketSession?.resume();
  }

  stop() {
    this.#endLook();
    this.#session.stop();
  }

  leave() {
    this.#endLook();
    this.#session.leave();
  }

  retry() {
    this.#session.retry();
  }

  wake() {
    this.#session.wake();
  }

  playerShows() {
    this.#session.playerShows();
  }

  /** @param {number} seconds */
  playerStands(seconds) {
    this.#session.playerStands(seconds);
  }

  playerBroke() {
    this.#session.playerBroke();
  }

  /** @param {import('./api.js').Problem} problem */
  playerFailed(problem) {
    if (this.#way === 'socket') this.#refuse('codec');
    else if (!this.#isTaken(this.#hlsSession.view.stream?.source_codec)) this.#hlsSession.playerFailed(problem);
  }

  /** @param {string} type */
  #passOn(type) {
    const codec = this.#session.view.stream?.source_codec;
    if (codec && !this.#wish?.accept.includes(codec) && this.#isTaken(codec)) return;
    this.dispatchEvent(new Event(type));
  }

  /** Whether the page plays something else, now that it knows. @param {string|null|undefined} codec */
  #isTaken(codec) {
    const wish = this.#wish;
    if (!codec || !wish || wish.converting || this.#saidCodec) return false;
    this.#saidCodec = true;
    return !this.dispatchEvent(new CustomEvent('codec', { cancelable: true, detail: { profileToken: wish.profileToken, codec } }));
  }

  // ── What the socket cannot show, and whether it can by now ───────────────────────────────────────────────────────

  /** @param {Wish} wish */
  #refusalOf(wish) {
    return this.#refusals.of(EVERY_CHANNEL) ?? this.#refusals.of(keyOf(wish));
  }

  /** @param {Reason} reason */
  #refuse(reason) {
    const wish = this.#wish;
    if (!wish || (this.#way === 'hls' && !this.#isLooking)) return;
    this.#refusals.add(reason === 'socket' ? EVERY_CHANNEL : keyOf(wish), reason);
    if (this.#way === 'socket') this.play(wish);
    else {
      this.#endLook(); // it is no better: what plays goes on
      this.#refused = reason;
      this.#lookLater();
    }
  }

  #lookLater() {
    const leftMs = this.#refused && this.#wish ? (this.#refusalOf(this.#wish)?.leftMs ?? Infinity) : Infinity;
    if (leftMs !== Infinity) this.#timer = setTimeout(() => this.#look(), leftMs);
  }

  /** A camera that was away may have become another one. */
  #lookWhenBack() {
    if (!this.#refused || this.#isLooking) return;
    const status = this.#hlsSession.view.stream?.status;
    if (status === 'stalled' || status === 'reconnecting' || status === 'failed') this.#wasAway = true;
    else if (status === 'running' && this.#wasAway) this.#look();
  }

  #look() {
    const reason = this.#refused;
    this.#clearTimer();
    if (!reason || !this.#wish || !this.#hlsSession.isWanted) return;
    this.#isLooking = true;
    this.#timer = setTimeout(() => this.#refuse(reason), LOOK_MS);
    this.#socketSession?.play(this.#wish);
  }

  #endLook() {
    this.#clearTimer();
    if (this.#isLooking) this.#socketSession?.leave();
    this.#isLooking = this.#wasAway = false;
  }

  /** The socket has its first pictures. */
  #takeOver() {
    const wish = this.#wish;
    if (!wish || !this.#isLooking) return;
    this.#isLooking = this.#wasAway = false;
    this.#clearTimer();
    this.#refusals.lapse(EVERY_CHANNEL);
    this.#refusals.lapse(keyOf(wish));
    this.#refused = null;
    this.#way = 'socket';
    this.#reason = '';
    this.#hlsSession.leave();
  }

  #clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const EVERY_CHANNEL = '';

/** @param {Wish} wish */
function keyOf(wish) {
  return `${wish.cameraId} ${wish.profileToken}`;
}
