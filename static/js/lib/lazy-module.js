// @ts-check
/** A module that a page imports later: when it is needed, or before that while the browser is idle. */

/** @template T */
export class LazyModule {
  #load;
  #onFailed;
  /** @type {Promise<T>|null} */
  #loading = null;
  /** @type {T|null} */
  loaded = null;

  /**
   * @param {() => Promise<T>} load is called once, and again after a failure
   * @param {() => void} onFailed
   */
  constructor(load, onFailed) {
    this.#load = load;
    this.#onFailed = onFailed;
  }

  /**
   * Return the module; null, after `onFailed`, if it cannot be loaded. After an update of the app its file may be gone.
   *
   * @returns {Promise<T|null>}
   */
  async get() {
    try {
      return await this.#loadOnce();
    } catch {
      this.#onFailed();
      return null;
    }
  }

  /** Load the module before it is needed. A failure is not reported: `get()` loads it again. */
  async prepare() {
    await this.#loadOnce().catch(() => {});
  }

  #loadOnce() {
    this.#loading ??= this.#load().then(
      (loaded) => (this.loaded = loaded),
      (error) => {
        this.#loading = null;
        throw error;
      },
    );
    return this.#loading;
  }
}
