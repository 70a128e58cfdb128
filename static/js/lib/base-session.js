// @ts-check
/**
 * Base of HlsSession and SocketSession: one viewer of one stream. It keeps the state, the retries and the player's
 * reports; a subclass starts and stops the media in `start()` and `release()`.
 *
 * No DOM. The owner (ChannelPlayer, through LiveTransport) passes the player's reports on (`playerPlays`,
 * `playerStalls`, ...) and listens for the events
 *   'change'  `view` has changed
 *   'open'    the media of the present start (`view.startNumber`) can be played
 */
import { backoffMs } from './backoff.js';
import { retryDelayS } from './recovery.js';
import { SessionState } from './session-state.js';

/** @typedef {import('./api.js').Problem} Problem @typedef {import('./session-state.js').View} View */

/** @template Request */
export class BaseSession extends EventTarget {
  /** @protected @type {SessionState<Request>} */
  state = new SessionState();
  #restart;
  #random;
  /** Failed tries since a picture moved. */
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {{restart: import('./backoff.js').Backoff, random: () => number}} options `restart`: delays after a broken player */
  constructor({ restart, random }) {
    super();
    this.#restart = restart;
    this.#random = random;
  }

  /** @returns {View} */
  get view() {
    return this.state.view;
  }

  get isWanted() {
    return this.state.isWanted;
  }

  /** True while the viewer has paused for so long that the session gets no media. */
  get isSuspended() {
    return false;
  }

  /** Start a stream instead of the one before. @param {Request} request */
  play(request) {
    this.state.request = request;
    this.#attempts = 0;
    this.start();
  }

  /** Stop watching, on the user's request. */
  stop() {
    this.release();
    this.changed();
  }

  /** Stop watching while the page is being closed or needs no stream. */
  leave() {
    this.release({ keepalive: true });
  }

  /** Start again immediately, without waiting for a timer. */
  retry() {
    if (!this.isWanted) return;
    this.#attempts = 0;
    this.start();
  }

  // ── Reports of the player ────────────────────────────────────────────────────────────────────────────────────────

  /** The picture moves. */
  playerPlays() {
    const { phase } = this.state;
    this.state.isShown = true;
    this.state.stalledS = 0;
    this.#attempts = 0;
    if (this.state.phase !== phase) this.changed();
  }

  /** The picture stands still. @param {number} seconds for how long */
  playerStalls(seconds) {
    const before = this.state.phase;
    this.state.stalledS = seconds;
    const { phase } = this.state;
    if (phase !== before || phase === 'stalled') this.changed();
  }

  /**
   * Start again because the player broke: immediately the first time, then after growing delays.
   *
   * @param {{isMedia?: boolean}} [_how] `isMedia`: the browser refused the media
   */
  restartForPlayer(_how) {
    if (!this.isWanted || this.state.problem || this.state.isOffline || this.isSuspended) return;
    const delayMs = backoffMs(this.#attempts, this.#restart, this.#random);
    this.#attempts += 1;
    this.later(delayMs, () => this.start({ isBroken: true }));
  }

  /** The player cannot play this stream. @param {Problem} problem */
  playerCannotPlay(problem) {
    if (this.isWanted && !this.state.problem) this.fail(problem);
  }

  // ── For subclasses ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Start the media of the request anew.
   *
   * @protected
   * @param {{isBroken?: boolean}} [_how] `isBroken`: the media of the start before broke the player
   */
  start(_how) {
    throw new Error('A subclass starts the media.');
  }

  /**
   * Give up the request and its media. `keepalive`: the request to the server outlives the page.
   *
   * @protected
   * @param {{keepalive?: boolean}} [_how]
   */
  release(_how) {
    this.clearTimer();
    this.state.clear();
  }

  /**
   * Show a problem, and start again after a delay if its code allows another try.
   *
   * @protected
   * @param {Problem} problem
   * @param {{usedBy?: string[], retryAfterS?: number|null}} [refusal] `retryAfterS`: the delay that the server wants
   */
  fail({ code, detail }, { usedBy = [], retryAfterS = null } = {}) {
    this.clearTimer();
    this.state.problem = { code, detail };
    this.state.usedBy = usedBy;
    const delayMs = this.nextDelayMs(code, retryAfterS ?? 0);
    this.state.retryAtMs = delayMs === null ? null : Date.now() + delayMs;
    if (delayMs !== null) this.later(delayMs, () => this.start());
    this.changed(); // a listener may start another stream: then this try is not needed
  }

  /**
   * Return the delay before the next try, and count the failed one; null if another try cannot help.
   *
   * @protected
   * @param {string} code
   * @param {number} [leastS]
   */
  nextDelayMs(code, leastS = 0) {
    const delayS = retryDelayS(code, this.#attempts, this.#random);
    this.#attempts += 1;
    return delayS === null ? null : Math.max(delayS, leastS) * 1000;
  }

  /** @protected */
  changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** Do some work later, instead of the work that is waiting. @protected @param {number} ms @param {() => unknown} work */
  later(ms, work) {
    this.clearTimer();
    this.#timer = setTimeout(() => void work(), ms);
  }

  /** @protected */
  clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
