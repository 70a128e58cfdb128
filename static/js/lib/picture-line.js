// @ts-check
/**
 * Which picture lies where on a run's time line, and when it was taken. A recording's gaps take no playing time, so that
 * the two go together only piece by piece. Pure; places in seconds, times in ms since 1970.
 */
import { SAME_PICTURE_S, besideIn } from './picture-times.js';

/** @typedef {{startS: number, takenMs: number, times: number[]}} Piece `times`: when its pictures are shown, sorted */

export class PictureLine {
  /** @type {Piece[]} sorted, apart */
  #pieces = [];

  /** @param {Piece} piece what follows those before, and takes the place of what was there */
  add(piece) {
    this.dropFrom(piece.startS);
    this.#pieces.push(piece);
  }

  /** What lies there or later is not there any more. @param {number} startS */
  dropFrom(startS) {
    while ((this.#pieces.at(-1)?.startS ?? -Infinity) > startS - SAME_PICTURE_S) this.#pieces.pop();
  }

  /** What ends before is not needed any more. @param {number} beforeS */
  forget(beforeS) {
    const kept = this.#pieces.findIndex((_, at) => (this.#pieces[at + 1]?.startS ?? Infinity) > beforeS);
    if (kept > 0) this.#pieces.splice(0, kept);
  }

  /** When the first picture was taken; null where there is none. */
  get beginsMs() {
    return this.#pieces[0]?.takenMs ?? null;
  }

  /** When what is shown at a place was taken; null before there is anything. @param {number} atS */
  dateAt(atS) {
    const piece = this.#pieces.findLast(({ startS }) => startS <= atS + SAME_PICTURE_S) ?? this.#pieces[0];
    return piece ? piece.takenMs + (atS - piece.startS) * 1000 : null;
  }

  /** Where a moment lies; null where it is not among these. @param {number} takenMs */
  placeOf(takenMs) {
    for (const [at, piece] of [...this.#pieces.entries()].reverse()) {
      const inside = (takenMs - piece.takenMs) / 1000;
      if (inside >= 0 && inside < this.#lengthOf(at)) return piece.startS + inside;
    }
    return null;
  }

  /**
   * Where to go for the picture shown at a place (0), the next or the one before; null where that is not among these.
   *
   * @param {number} atS
   * @param {0|1|-1} direction
   * @param {(timeS: number) => boolean} isLoaded
   */
  beside(atS, direction, isLoaded) {
    return besideIn(this.#pieces.flatMap(({ times }) => times).filter(isLoaded), atS, direction);
  }

  /** When the picture that is shown at a place begins; null before there is any. @param {number} atS */
  beginOf(atS) {
    for (const { times } of [...this.#pieces].reverse()) {
      const found = times.findLast((time) => time <= atS + SAME_PICTURE_S);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** @param {number} at */
  #lengthOf(at) {
    const piece = /** @type {Piece} */ (this.#pieces[at]);
    const next = this.#pieces[at + 1];
    if (next) return next.startS - piece.startS;
    const [first = piece.startS, second = first + 0.04] = piece.times;
    return (piece.times.at(-1) ?? first) - first + (second - first);
  }
}
