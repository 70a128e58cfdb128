// @ts-check
/**
 * A drag of the playhead, carried out place by place: the next one only once the picture of the last is there, so that
 * pictures show while the pointer moves, however fast it does, and the recorder is never asked for two at once.
 */

const LONGEST_MS = 2000; // a picture that does not come holds nothing up for longer

/** @template T */
export class Scrubber {
  #go;
  #nowMs;
  /** @type {{place: T}|null} */
  #next = null;
  /** @type {number|null} */
  #wentMs = null;

  /** @param {(place: T) => void} go @param {() => number} [nowMs] */
  constructor(go, nowMs = Date.now) {
    this.#go = go;
    this.#nowMs = nowMs;
  }

  /** The pointer is there now. @param {T} place */
  to(place) {
    this.#next = { place };
    if (this.#wentMs === null || this.#nowMs() - this.#wentMs > LONGEST_MS) this.#turn();
  }

  /** A picture of the last place is on screen, or none will come. */
  shown() {
    this.#wentMs = null;
    this.#turn();
  }

  /** The pointer let go: what is still waiting is dropped. */
  end() {
    this.#next = null;
    this.#wentMs = null;
  }

  #turn() {
    const next = this.#next;
    if (!next) return;
    this.#next = null;
    this.#wentMs = this.#nowMs();
    this.#go(next.place);
  }
}
