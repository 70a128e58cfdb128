// @ts-check
import { backoffMs } from '../lib/backoff.js';
import { JobQueue } from '../lib/job-queue.js';

/**
 * @typedef {import('./snapshot-image.js').SnapshotImage} SnapshotImage
 * @typedef {{refreshMs: number, settleMs?: number}} Pace how old a picture may become, and how long one stays after it
 *   was loaded, however old it is
 * @typedef {{image: SnapshotImage, cameraId: number, profileToken: string|null, askDevice: boolean,
 *   onShown: ((takenAt: Date|null) => void)|null, cachedTried: boolean, takenMs: number, loadedMs: number,
 *   failures: number, retryAtMs: number}} Entry
 */

const TICK_MS = 1500;
const MAX_PAUSE_MS = 600_000;

/**
 * Keeps snapshots fresh: loads the server's newest one first, then one from the device, and again once it is too old
 * while the element is on screen and the tab is visible. After failures the device is asked ever more rarely.
 */
export class SnapshotLoader {
  #api;
  #refreshMs;
  #settleMs;
  #queue;
  #isHeld = false;
  #isLinkThin;
  /** @type {Map<SnapshotImage, Entry>} */
  #entries = new Map();
  /** @type {Set<Element>} */
  #onScreen = new Set();
  #observer;
  #timer;

  /**
   * @param {Pick<import('../lib/api.js').Api, 'snapshot'>} api
   * @param {Pace & {parallel?: number, isLinkThin?: () => boolean}} how `isLinkThin`: true while live media needs the
   *   whole link; no picture is requested then
   */
  constructor(api, { refreshMs, settleMs = 0, parallel = 2, isLinkThin = () => false }) {
    this.#api = api;
    this.#refreshMs = refreshMs;
    this.#settleMs = settleMs;
    this.#isLinkThin = isLinkThin;
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

  /** True while something more important loads: no picture is requested. @param {boolean} isHeld */
  set isHeld(isHeld) {
    this.#isHeld = isHeld;
    this.#load();
  }

  /** @param {Pace} pace */
  set pace({ refreshMs, settleMs = 0 }) {
    this.#refreshMs = refreshMs;
    this.#settleMs = settleMs;
  }

  /**
   * @param {SnapshotImage} image
   * @param {{cameraId: number, profileToken: string|null, askDevice: boolean,
   *   onShown?: (takenAt: Date|null) => void}} what
   */
  set(image, { cameraId, profileToken, askDevice, onShown }) {
    const entry = this.#entries.get(image);
    if (entry && entry.cameraId === cameraId && entry.profileToken === profileToken) {
      if (askDevice && !entry.askDevice) entry.failures = 0;
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
      takenMs: -Infinity,
      loadedMs: -Infinity,
      failures: 0,
      retryAtMs: 0,
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
    if (document.hidden || this.#isHeld || this.#isLinkThin()) return;
    const now = Date.now();
    for (const entry of this.#entries.values()) {
      if (!this.#onScreen.has(entry.image)) continue;
      const key = `${entry.cameraId} ${entry.profileToken ?? ''}`;
      if (!entry.cachedTried) this.#queue.add(key, () => this.#ask(entry, true), { first: true });
      else if (entry.askDevice && this.#dueMs(entry) <= now) this.#queue.add(key, () => this.#ask(entry, false));
    }
  }

  /** When the device is to be asked for its next picture. @param {Entry} entry */
  #dueMs({ failures, retryAtMs, takenMs, loadedMs }) {
    return failures ? retryAtMs : Math.max(takenMs + this.#refreshMs, loadedMs + this.#settleMs);
  }

  /** @param {Entry} entry @param {boolean} cached */
  async #ask(entry, cached) {
    if (!this.#entries.has(entry.image) || this.#isLinkThin()) return;
    entry.cachedTried = true;
    try {
      const { blob, takenAt } = await this.#api.snapshot(entry.cameraId, { profileToken: entry.profileToken, cached });
      if (this.#entries.get(entry.image) !== entry) return;
      const when = takenAt ?? (cached ? null : new Date());
      await entry.image.show(blob, when);
      entry.onShown?.(when);
      entry.failures = 0;
      entry.takenMs = when?.getTime() ?? -Infinity;
      entry.loadedMs = Date.now();
    } catch {
      if (cached) return;
      entry.failures += 1;
      entry.retryAtMs = Date.now() + backoffMs(entry.failures, { startMs: this.#refreshMs, maxMs: MAX_PAUSE_MS });
    }
  }
}
