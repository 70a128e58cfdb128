// @ts-check
/** The distance between the frames of a stream that is sent as key frames alone. Pure. */

/** Cameras usually send a key frame every one to four seconds. */
const USUAL_S = 2;
const MOST_S = 30;
const KEPT_COUNT = 5;
/** A smaller change is variation of the camera: the text about it would be read out again and again. */
const CHANGED_SHARE = 0.25;

export class KeyFrameSpacing {
  #startS = NaN;
  /** The last spacings. @type {number[]} */
  #spacingsS = [];
  seconds = USUAL_S;

  /** @param {number} startS of a key frame on the media timeline */
  note(startS) {
    const spacingS = startS - this.#startS;
    this.#startS = startS;
    if (!(spacingS > 0 && spacingS <= MOST_S)) return;
    this.#spacingsS = [...this.#spacingsS, spacingS].slice(-KEPT_COUNT);
    const sorted = [...this.#spacingsS].sort((a, b) => a - b);
    const medianS = sorted[(sorted.length - 1) >> 1] ?? spacingS;
    const isFirst = sorted.length === 1;
    if (isFirst || Math.abs(medianS - this.seconds) > CHANGED_SHARE * this.seconds) this.seconds = medianS;
  }
}
