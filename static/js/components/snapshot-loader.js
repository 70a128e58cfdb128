// @ts-check
import { backoffMs } from '../lib/backoff.js';
import { JobQueue } from '../lib/job-queue.js';

/**
 * @typedef {import('./snapshot-image.js').SnapshotImage} SnapshotImage
 * @typedef {{image: SnapshotImage, cameraId: number, profileToken: string|null, askDevice: boolean,
 *   onShown: ((takenAt: Date|null) => void)|null, cachedTried: boolean, notBeforeMs: number, failures: number}} Entry
 */

const TICK_MS = 1500;
const MAX_PAUSE_MS = 600_000;

/**
 * Keeps snapshots fresh: loads the server's newest one first, then one from the device, and again every `refreshMs`
 * while the element is on screen and the tab is visible. After failures the device is asked ever more rarely.
 */
export class SnapshotLoader {
  #api;
  #refreshMs;
  #queue;
  /** @type {Map<SnapshotImage, Entry>} */
  #entries = new Map();
  /** @type {Set<Element>} */
  #onScreen = new Set();
  #observer;
  #timer;

  /**
   * @param {Pick<import('../lib/api.js').Api, 'snapshot'>} api
   * @param {{refreshMs: number, parallel?: number}} how
   */
  constructor(api, { refreshMs, parallel = 2 }) {
    this.#api = api;
    this.#refreshMs = refreshMs;
    this.#queue = new JobQueue(parallel);
    this.#observer = new IntersectionObserver(
      (changes) => {
        for (const change of changes) {
          if (change.isIntersecting) this.#onScreen.add(change.target);
          else this.#onScreen.delete(change.target);
        }
        this.#load();
      },
      { rootMargin: '200px' },
    );
    this.#timer = setInterval(() => this.#load(), TICK_MS);
  }

  /** @param {number} ms */
  set refreshMs(ms) {
    this.#refreshMs = ms;
    for (const entry of this.#entries.values()) {
      const taken = entry.image.takenAt?.getTime() ?? 0;
      if (!entry.failures) entry.notBeforeMs = Math.min(entry.notBeforeMs, taken + ms);
    }
  }

  /**
   * @param {SnapshotImage} image
   * @param {{cameraId: number, profileToken: string|null, askDevice: boolean,
   *   onShown?: (takenAt: Date|null) => void}} what
   */
  set(image, { cameraId, profileToken, askDevice, onShown }) {
    const entry = this.#entries.get(image);
    if (entry && entry.cameraId === cameraId && entry.profileToken === profileToken) {
      if (askDevice && !entry.askDevice) Object.assign(entry, { failures: 0, notBeforeMs: 0 });
      entry.askDevice = askDevice;
      return;
    }
    this.#entries.set(image, {
      image,
      cameraId,
      profileToken,
      askDevice,
      onShown: onShown ?? null,
      cachedTried: false,
      notBeforeMs: 0,
      failures: 0,
    });
    this.#observer.observe(image);
  }

  /** @param {SnapshotImage} image */
  remove(image) {
    this.#entries.delete(image);
    this.#onScreen.delete(image);
    this.#observer.unobserve(image);
  }

  close() {
    clearInterval(this.#timer);
    this.#observer.disconnect();
    this.#queue.close();
    this.#entries.clear();
  }

  #load() {
    if (document.hidden) return;
    const now = Date.now();
    for (const entry of this.#entries.values()) {
      if (!this.#onScreen.has(entry.image)) continue;
      const key = `${entry.cameraId} ${entry.profileToken ?? ''}`;
      if (!entry.cachedTried) this.#queue.add(key, () => this.#ask(entry, true), { first: true });
      else if (entry.askDevice && entry.notBeforeMs <= now) this.#queue.add(key, () => this.#ask(entry, false));
    }
  }

  /** @param {Entry} entry @param {boolean} cached */
  async #ask(entry, cached) {
    if (!this.#entries.has(entry.image)) return;
    entry.cachedTried = true;
    try {
      const { blob, takenAt } = await this.#api.snapshot(entry.cameraId, { profileToken: entry.profileToken, cached });
      if (this.#entries.get(entry.image) !== entry) return;
      const when = takenAt ?? (cached ? null : new Date());
      await entry.image.show(blob, when);
      entry.onShown?.(when);
      entry.failures = 0;
      entry.notBeforeMs = (when?.getTime() ?? 0) + this.#refreshMs;
    } catch {
      if (cached) return;
      entry.failures += 1;
      entry.notBeforeMs = Date.now() + backoffMs(entry.failures, { startMs: this.#refreshMs, maxMs: MAX_PAUSE_MS });
    }
  }
}
