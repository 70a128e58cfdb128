// @ts-check
import { ApiError } from './api.js';
import { backoffMs } from './backoff.js';

const AFTER_FAILURE = { startMs: 1000, maxMs: 10_000 };

/**
 * Runs some work repeatedly, one run at a time, until `stop()`. The work returns the pause before its next run, or null
 * to stop, unless `soon()` was called during the run. After failures the pause grows up to ten seconds.
 */
export class Poller {
  #work;
  #timer = /** @type {ReturnType<typeof setTimeout>|null} */ (null);
  #running = false;
  #busy = false;
  #again = false;
  #failures = 0;

  /** @param {() => Promise<number|null>} work resolves to the pause in ms */
  constructor(work) {
    this.#work = work;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    if (this.#busy)
      this.#again = true; // a run from before the last stop() still works
    else void this.#poll();
  }

  stop() {
    this.#running = false;
    this.#again = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Run the work now; during a run, immediately after it. */
  soon() {
    if (!this.#running) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    void this.#poll();
  }

  async #poll() {
    this.#busy = true;
    /** @type {number|null} */
    let pauseMs;
    try {
      pauseMs = await this.#work();
      this.#failures = 0;
    } catch (error) {
      // A server that is away is expected. Any other error is a bug of this page and is reported.
      if (!(error instanceof ApiError)) globalThis.reportError?.(error);
      pauseMs = backoffMs(this.#failures, AFTER_FAILURE);
      this.#failures += 1;
    }
    this.#busy = false;
    if (!this.#running) return;
    if (this.#again) pauseMs = 0;
    this.#again = false;
    if (pauseMs === null) this.#running = false;
    else this.#timer = setTimeout(() => void this.#poll(), pauseMs);
  }
}
