// @ts-check
/**
 * Decides which decoded frames are shown. Live, each frame is shown as soon as it is decoded. While the decoder catches
 * up, after a start or a blocked network, most frames are already replaced by newer ones: then only a few are shown.
 */

/** A frame with more newer ones behind it in the decoder is old. */
const MOST_BEHIND = 3;
/** Old frames are shown at this distance, so that a long burst does not look like a stall. */
const OLD_EVERY_MS = 150;

export class ShownFrames {
  /** Times of the frames in the decoder, in the order of decoding. @type {number[]} */
  #decodingUs = [];
  #shownMs = -Infinity;

  /** A sample was handed to the decoder. @param {number} timeUs */
  decoding(timeUs) {
    this.#decodingUs.push(timeUs);
  }

  /** True if this decoded frame is to be shown. @param {number} timeUs @param {number} nowMs */
  isShown(timeUs, nowMs) {
    const at = this.#decodingUs.indexOf(timeUs);
    if (at >= 0) this.#decodingUs.splice(0, at + 1); // a decoder gives no frame for a damaged sample
    const isOld = this.#decodingUs.length > MOST_BEHIND;
    if (isOld && nowMs - this.#shownMs < OLD_EVERY_MS) return false;
    this.#shownMs = nowMs;
    return true;
  }

  /** The decoder's queue was dropped. */
  reset() {
    this.#decodingUs = [];
  }
}

/** Maps the time of a shown frame to the time at which it arrived at the server. */
export class ShownClock {
  /** The frame at `startS` arrived at `takenMs`. @type {{startS: number, takenMs: number}|null} */
  #stamp = null;
  /** @type {{timeUs: number, atMs: number}|null} */
  #shown = null;

  /** @param {number} startS @param {number|null} takenMs null if the fragment does not say it */
  stamp(startS, takenMs) {
    if (takenMs !== null) this.#stamp = { startS, takenMs };
  }

  /** A frame was shown. @param {number} timeUs @param {number} atMs */
  shown(timeUs, atMs) {
    this.#shown = { timeUs, atMs };
  }

  /**
   * Return the arrival time of the frame on screen, in ms; null while unknown. Reports of shown frames come a few times
   * a second: up to the next report the picture counts as moving.
   *
   * @param {number} nowMs @param {{isMoving: boolean, reportMs: number}} how
   */
  dateMs(nowMs, { isMoving, reportMs }) {
    if (!this.#stamp || !this.#shown) return null;
    const sinceMs = isMoving ? Math.min(reportMs, Math.max(0, nowMs - this.#shown.atMs)) : 0;
    return this.#stamp.takenMs + this.#shown.timeUs / 1000 - this.#stamp.startS * 1000 + sinceMs;
  }
}
