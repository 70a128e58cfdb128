// @ts-check
/**
 * Loads snapshots, a few at a time, so that sixteen tiles overload neither the recorder nor the browser's six
 * connections. A key is queued only once.
 */
export class JobQueue {
  #limit;
  /** @type {Map<string, () => Promise<void>>} */
  #waiting = new Map();
  /** @type {Set<string>} */
  #active = new Set();
  #closed = false;

  /** @param {number} limit */
  constructor(limit) {
    this.#limit = limit;
  }

  /** @param {string} key @param {() => Promise<void>} job @param {{first?: boolean}} [how] */
  add(key, job, { first = false } = {}) {
    if (this.#closed || this.#active.has(key)) return;
    if (first) {
      const others = [...this.#waiting].filter(([other]) => other !== key);
      this.#waiting = new Map([[key, job], ...others]);
    } else {
      this.#waiting.set(key, job);
    }
    this.#pump();
  }

  /** Drop the waiting jobs. Running jobs end by themselves. */
  close() {
    this.#closed = true;
    this.#waiting.clear();
  }

  #pump() {
    while (this.#active.size < this.#limit) {
      const next = this.#waiting.entries().next();
      if (next.done) return;
      const [key, job] = next.value;
      this.#waiting.delete(key);
      this.#active.add(key);
      job()
        .catch(() => {})
        .finally(() => {
          this.#active.delete(key);
          this.#pump();
        });
    }
  }
}
