// @ts-check
/**
 * How a channel comes to this page: over the socket where that works, else by HLS. It falls back by itself, remembers
 * why, and has the face of either session.
 */

/**
 * @typedef {import('./live-session.js').LiveSession} LiveSession
 * @typedef {import('./socket-session.js').SocketSession} SocketSession
 * @typedef {import('./socket-session.js').Reason} Reason
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
  /** Channels that the socket cannot show. @type {Map<string, Reason>} */
  #refused = new Map();
  /** No channel can be. @type {Reason|'unsupported'|null} */
  #allRefused = null;

  /** @param {{socketSession: SocketSession|null, hlsSession: LiveSession}} sessions */
  constructor({ socketSession, hlsSession }) {
    super();
    this.#socketSession = socketSession;
    this.#hlsSession = hlsSession;
    if (!socketSession) this.#allRefused = 'unsupported';
    for (const session of [socketSession, hlsSession]) {
      for (const type of ['open', 'change']) {
        session?.addEventListener(type, () => session === this.#session && this.dispatchEvent(new Event(type)));
      }
    }
    socketSession?.addEventListener('unplayable', (event) => this.#fallBack(/** @type {CustomEvent<Reason>} */ (event).detail));
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
    this.#wish = wish;
    const key = keyOf(wish);
    const asked = wish.way === 'hls' ? 'asked' : null;
    const why = wish.converting ? 'converting' : (asked ?? this.#allRefused ?? this.#refused.get(key) ?? null);
    this.#way = why ? 'hls' : 'socket';
    this.#reason = why ? WAY_REASONS[why] : '';
    if (before !== this.#session) before.leave();
    if (this.#way === 'socket') this.#socketSession?.play(wish);
    else this.#hlsSession.play(wish);
  }

  /** @param {boolean} sound whether the viewer listens; HLS has its sound always */
  hear(sound) {
    if (this.#wish) this.#wish = { ...this.#wish, sound };
    if (this.#way === 'socket') this.#socketSession?.hear(sound);
  }

  stop() {
    this.#session.stop();
  }

  leave() {
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
    if (this.#way === 'socket') this.#fallBack('codec');
    else this.#hlsSession.playerFailed(problem);
  }

  /** @param {Reason} reason */
  #fallBack(reason) {
    const wish = this.#wish;
    if (!wish || this.#way === 'hls') return;
    if (reason === 'socket') this.#allRefused = reason;
    else this.#refused.set(keyOf(wish), reason);
    this.play(wish);
  }
}

/** @param {Wish} wish */
function keyOf(wish) {
  return `${wish.cameraId} ${wish.profileToken}`;
}
