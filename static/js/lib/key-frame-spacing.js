// @ts-check
/** The distance between the frames of a stream that is sent as key frames alone. Pure. */

/** Cameras usually send a key frame every one to four seconds. */
const USUAL_S = 2;
const MOST_S = 30;

export class KeyFrameSpacing {
  #startS = NaN;
  seconds = USUAL_S;

  /** @param {number} startS of a key frame on the media timeline */
  note(startS) {
    const spacingS = startS - this.#startS;
    if (spacingS > 0 && spacingS <= MOST_S) this.seconds = spacingS;
    this.#startS = startS;
  }
}
