// @ts-check
/** Paces the commands of a movement that lasts while it is held: not too many, renewed in time, and always a stop. */
import { ApiError } from './http.js';

/** Seconds until the server stops the movement by itself. */
export const TIMEOUT_S = 1;
const RENEW_MS = (1000 * TIMEOUT_S) / 2;
const PER_S = 5;
const GAP_MS = 1000 / PER_S;
/** A browser opens six connections to a server; a stop always finds a free one. */
const MAX_IN_FLIGHT = 3;
/** A move or a stop on its way to the server has arrived after this time, also without an answer. */
const ARRIVED_MS = 300;
const STOP_AGAIN_MS = 300;
const STOP_TRIES = 4;

/**
 * @template T
 * @typedef {object} PacerOptions
 * @property {(value: T) => Promise<unknown>} send
 * @property {() => Promise<unknown>} stop
 * @property {(one: T, other: T) => boolean} isSame
 * @property {(error: unknown) => void} onProblem called for a command that failed; the movement has ended
 * @property {() => number} [nowMs]
 */

/**
 * - The first command of a movement is sent immediately, further ones at most five times a second; a newer one replaces
 *   a waiting one, and the last one is renewed at half of its time.
 * - A stop is sent immediately, whatever is under way. The server may get a command after the stop that was sent before
 *   it: then a second stop follows. A stop that fails is repeated.
 * - stop() sends a stop whether or not the pacer moves the head, because a preset or a tour may move it.
 * - After a failure, and after a command that replaces the movement, the pacer sends nothing until the movement has been
 *   released.
 *
 * @template T
 */
export class CommandPacer {
  #options;
  #nowMs;
  /** @type {T|null} */
  #wanted = null;
  #isNew = false;
  #isRefused = false;
  #needsStop = false;
  /** Counts moves, other commands and stops: after a newer one, a stop is not repeated. */
  #turn = 0;
  #sentAtMs = -Infinity;
  /** Times of the commands of the last second. @type {number[]} */
  #recentMs = [];
  /** @type {Set<Promise<void>>} */
  #flying = new Set();
  /** Stops under way. @type {Set<Promise<unknown>>} */
  #stopping = new Set();
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** @param {PacerOptions<T>} options */
  constructor(options) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get isMoving() {
    return this.#wanted !== null;
  }

  /** Move like this until another call; null: stop. @param {T|null} value */
  set(value) {
    if (value === null) {
      this.#release();
      return;
    }
    if (this.#isRefused || (this.#wanted !== null && this.#options.isSame(value, this.#wanted))) return;
    if (this.#wanted === null) this.#sentAtMs = -Infinity; // a new movement waits for none before it
    this.#wanted = value;
    this.#isNew = true;
    this.#sendIfDue();
  }

  /** Stop whatever moves the head. Resolves after the last attempt; a failure goes to `onProblem`. */
  async stop() {
    this.#end();
    this.#isRefused = false;
    await this.#stop();
  }

  /**
   * End the movement without a stop, because another command replaces it. Resolves once the server has the moves and
   * stops under way, because the command would be broken off by one that arrives after it. False: a newer movement, command or stop came.
   */
  async supersede() {
    this.#isRefused ||= this.#wanted !== null;
    this.#end();
    this.#needsStop = false;
    this.#turn += 1;
    const turn = this.#turn;
    const underWay = [...this.#flying, ...this.#stopping];
    if (underWay.length) {
      await Promise.race([Promise.all(underWay), new Promise((resolve) => setTimeout(resolve, ARRIVED_MS))]);
    }
    return turn === this.#turn;
  }

  #release() {
    this.#end();
    this.#isRefused = false;
    if (this.#needsStop) void this.#stop();
  }

  #end() {
    this.#wanted = null;
    this.#clearTimer();
  }

  #clearTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #sendIfDue() {
    this.#clearTimer();
    if (this.#wanted === null || this.#flying.size >= MAX_IN_FLIGHT) return; // an answer calls this again
    const nowMs = this.#nowMs();
    this.#recentMs = this.#recentMs.filter((ms) => nowMs - ms < 1000);
    const [oldestMs = -Infinity] = this.#recentMs.length < PER_S ? [] : this.#recentMs;
    const waitMs = Math.max(this.#sentAtMs + (this.#isNew ? GAP_MS : RENEW_MS), oldestMs + 1000) - nowMs;
    if (waitMs <= 0) this.#send(this.#wanted, nowMs);
    else this.#timer = setTimeout(() => this.#sendIfDue(), waitMs);
  }

  /** @param {T} value @param {number} nowMs */
  #send(value, nowMs) {
    this.#isNew = false;
    this.#needsStop = true;
    this.#turn += 1;
    this.#sentAtMs = nowMs;
    this.#recentMs.push(nowMs);
    const flight = this.#options.send(value).then(
      () => {
        this.#flying.delete(flight);
        this.#sendIfDue();
      },
      (error) => {
        this.#flying.delete(flight);
        this.#failed(error);
      },
    );
    this.#flying.add(flight);
    this.#timer = setTimeout(() => this.#sendIfDue(), RENEW_MS);
  }

  /** @param {unknown} error */
  #failed(error) {
    if (this.#wanted === null) return; // released meanwhile, and stopped
    this.#end();
    this.#isRefused = true;
    // Another user moves the head: it is not ours to stop.
    if (error instanceof ApiError && error.code === 'ptz_in_use') this.#needsStop = false;
    if (this.#needsStop) void this.#stop();
    this.#options.onProblem(error);
  }

  async #sendStop() {
    const answer = this.#options.stop();
    const arrival = answer.catch(() => {});
    this.#stopping.add(arrival);
    try {
      await answer;
    } finally {
      this.#stopping.delete(arrival);
    }
  }

  async #stop(tries = 1) {
    this.#needsStop = false;
    this.#turn += 1;
    const turn = this.#turn;
    const before = [...this.#flying];
    try {
      await this.#sendStop();
    } catch (error) {
      if (turn !== this.#turn) return;
      if (tries === STOP_TRIES || !mayPass(error)) {
        this.#options.onProblem(error);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, STOP_AGAIN_MS));
      if (turn === this.#turn) await this.#stop(tries + 1);
      return;
    }
    if (!before.length) return;
    await Promise.all(before);
    if (turn === this.#turn) await this.#stop();
  }
}

/** True for a failure that may pass. @param {unknown} error */
function mayPass(error) {
  return error instanceof ApiError && (error.code === 'server_unreachable' || error.status >= 500);
}
