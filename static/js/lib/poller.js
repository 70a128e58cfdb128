// @ts-check
import { ApiError } from './api.js';

/**
 * Does something again and again, one at a time, until stopped. The work says how long to wait until the next time;
 * a failure waits longer each time, up to ten seconds.
 */
export class Poller {
  #work;
  #timer = /** @type {ReturnType<typeof setTimeout>|null} */ (null);
  #running = false;
  #busy = false;
  #again = false;
  #failures = 0;

  /** @param {() => Promise<number>} work resolves to the pause in ms */
  constructor(work) {
    this.#work = work;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    void this.#turn();
  }

  stop() {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Now rather than later; while one turn is under way, right after it. */
  soon() {
    if (!this.#running) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    void this.#turn();
  }

  async #turn() {
    this.#busy = true;
    let pauseMs;
    try {
      pauseMs = await this.#work();
      this.#failures = 0;
    } catch (error) {
      // A server that is away is expected; anything else is a mistake of ours and must not stay silent.
      if (!(error instanceof ApiError)) globalThis.reportError?.(error);
      this.#failures += 1;
      pauseMs = Math.min(10_000, 1000 * 2 ** (this.#failures - 1));
    }
    this.#busy = false;
    if (!this.#running) return;
    if (this.#again) pauseMs = 0;
    this.#again = false;
    this.#timer = setTimeout(() => void this.#turn(), pauseMs);
  }
}
