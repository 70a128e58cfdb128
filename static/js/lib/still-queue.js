// @ts-check
/**
 * Loads small stills for pictures whose stream the link does not carry: one after another for the whole page, and with
 * pauses, so that a part of the link stays free. Pure but for its timer.
 */

/**
 * @typedef {() => Promise<number|null>} Load returns how long the bytes of a still took, in ms, without the time that its
 *   device took to make it; null if there was none
 * @typedef {{load: Load, dueMs: number}} Entry `dueMs`: earliest time of the next still
 */

/** The pause after a still is so many times as long as its loading: the stills use a third of the link. */
const PAUSE_SHARE = 2;
const LEAST_PAUSE_MS = 500;
/** Time between two stills of one channel, so that its device has few requests. */
const EACH_MS = 5000;
const AFTER_FAILURE_MS = 20_000;

export class StillQueue {
  /** @type {Map<object, Entry>} */
  #entries = new Map();
  #isLoading = false;
  #freeMs = -Infinity;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /** Load stills again and again until `remove()`. @param {object} owner @param {Load} load */
  add(owner, load) {
    this.#entries.set(owner, { load, dueMs: -Infinity });
    this.#schedule();
  }

  /** @param {object} owner */
  remove(owner) {
    this.#entries.delete(owner);
    this.#schedule();
  }

  #schedule() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const next = this.#next;
    if (this.#isLoading || !next) return;
    const waitMs = Math.max(next.dueMs, this.#freeMs) - performance.now();
    this.#timer = setTimeout(() => void this.#load(next), Math.max(0, waitMs));
  }

  /** The entry that has waited longest. @returns {Entry|null} */
  get #next() {
    return [...this.#entries.values()].sort((a, b) => a.dueMs - b.dueMs)[0] ?? null;
  }

  /** @param {Entry} entry */
  async #load(entry) {
    this.#isLoading = true;
    const loadMs = await entry.load().catch(() => null);
    const nowMs = performance.now();
    this.#isLoading = false;
    this.#freeMs = nowMs + Math.max(LEAST_PAUSE_MS, PAUSE_SHARE * (loadMs ?? 0));
    entry.dueMs = nowMs + (loadMs === null ? AFTER_FAILURE_MS : EACH_MS);
    this.#schedule();
  }
}
