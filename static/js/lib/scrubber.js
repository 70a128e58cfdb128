// @ts-check
/**
 * Turns a drag of the playhead into seeks: the next seek starts only when the frame of the last one is shown. So frames
 * appear while the pointer moves, and the recorder gets one seek at a time.
 */

const LONGEST_MS = 2000; // the longest wait for the frame of a seek

/** @template T */
export class Scrubber {
  #go;
  #nowMs;
  /** @type {{target: T}|null} */
  #next = null;
  /** @type {number|null} */
  #wentMs = null;

  /** @param {(target: T) => void} go @param {() => number} [nowMs] */
  constructor(go, nowMs = Date.now) {
    this.#go = go;
    this.#nowMs = nowMs;
  }

  /** The pointer has moved. @param {T} target */
  to(target) {
    this.#next = { target };
    if (this.#wentMs === null || this.#nowMs() - this.#wentMs > LONGEST_MS) this.#seekNext();
  }

  /** The frame of the last seek is on screen, or the seek has failed. */
  shown() {
    this.#wentMs = null;
    this.#seekNext();
  }

  /** Drop the waiting target, because the pointer was released. */
  end() {
    this.#next = null;
    this.#wentMs = null;
  }

  #seekNext() {
    const next = this.#next;
    if (!next) return;
    this.#next = null;
    this.#wentMs = this.#nowMs();
    this.#go(next.target);
  }
}
