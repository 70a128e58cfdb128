// @ts-check
/** Loads the images of thumbnails, a few at a time, so that connections stay free for playback. Pure but for its timer. */

/**
 * @template T
 * @typedef {{url: string, isUrgent: boolean, resolve: (loaded: T|null) => void}} Job
 */

const MOST_AT_A_TIME = 4;
const HELD_MS = 500;

/** @template T */
export class ThumbnailQueue {
  #load;
  #mayLoad;
  #limit;
  /** @type {Map<object, Job<T>>} */
  #waiting = new Map();
  #active = 0;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;

  /**
   * @param {(url: string) => Promise<T>} load
   * @param {() => boolean} mayLoad false while playback needs the link
   * @param {number} [limit] how many load at a time
   */
  constructor(load, mayLoad, limit = MOST_AT_A_TIME) {
    this.#load = load;
    this.#mayLoad = mayLoad;
    this.#limit = limit;
  }

  /**
   * Load an image for a place of the page. A later call for this place replaces an earlier one that still waits.
   *
   * @param {object} owner
   * @param {string} url
   * @param {{isUrgent?: boolean}} [how] urgent ones load first
   * @returns {Promise<T|null>} null if it was removed, or if it cannot be loaded
   */
  load(owner, url, { isUrgent = false } = {}) {
    this.remove(owner);
    return new Promise((resolve) => {
      this.#waiting.set(owner, { url, isUrgent, resolve });
      this.#pump();
    });
  }

  /** The place is gone, or shows another thumbnail. @param {object} owner */
  remove(owner) {
    this.#waiting.get(owner)?.resolve(null);
    this.#waiting.delete(owner);
  }

  #pump() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#active < this.#limit && this.#waiting.size) {
      if (!this.#mayLoad()) {
        this.#timer = setTimeout(() => this.#pump(), HELD_MS);
        return;
      }
      const [owner, job] = this.#next();
      this.#waiting.delete(owner);
      void this.#run(job);
    }
  }

  /** @returns {[object, Job<T>]} */
  #next() {
    const waiting = [...this.#waiting];
    return /** @type {[object, Job<T>]} */ (waiting.find(([, { isUrgent }]) => isUrgent) ?? waiting[0]);
  }

  /** @param {Job<T>} job */
  async #run({ url, resolve }) {
    this.#active += 1;
    const loaded = await this.#load(url).catch(() => null);
    this.#active -= 1;
    resolve(loaded);
    this.#pump();
  }
}
