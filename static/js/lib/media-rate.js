// @ts-check
/** The rate of a run's media, from its fragments: bytes by playing time, not by the time of their arrival. Pure. */

/** A key frame has ten times the bytes of other frames: a shorter part says nothing. */
const LEAST_S = 1;

export class MediaRate {
  #fromS = NaN;
  #toS = NaN;
  /** Bytes of all fragments, and of the newest one, whose duration is unknown. */
  #bytes = 0;
  #newestBytes = 0;

  /** @param {number} startS place on the run's timeline @param {number} bytes */
  take(startS, bytes) {
    if (Number.isNaN(this.#fromS)) this.#fromS = startS;
    else if (startS <= this.#toS) return; // sent again after a lost connection to the recorder
    this.#toS = startS;
    this.#bytes += bytes;
    this.#newestBytes = bytes;
  }

  /** In kbit/s; null while unknown. */
  get kbps() {
    const forS = this.#toS - this.#fromS;
    return forS >= LEAST_S ? ((this.#bytes - this.#newestBytes) * 8) / 1000 / forS : null;
  }
}
