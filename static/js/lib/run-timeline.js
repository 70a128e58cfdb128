// @ts-check
/**
 * Maps positions on a run's timeline to the recorder's times. A recording's gaps take no playing time, so the mapping
 * is linear only within a piece. Pure; positions in seconds, times in ms since 1970.
 */
import { SAME_FRAME_S, seekTimeIn } from './frame-times.js';

/**
 * @typedef {{startS: number, takenMs: number, times: number[]}} Piece `times`: presentation times of its frames, sorted
 */

export class RunTimeline {
  /** @type {Piece[]} sorted, not overlapping */
  #pieces = [];

  /** Add the newest piece. It replaces the pieces from its start on. @param {Piece} piece */
  add(piece) {
    this.dropFrom(piece.startS);
    this.#pieces.push(piece);
  }

  /** Remove the pieces from a position on. @param {number} startS */
  dropFrom(startS) {
    while ((this.#pieces.at(-1)?.startS ?? -Infinity) > startS - SAME_FRAME_S) this.#pieces.pop();
  }

  /** Remove the pieces that end before a position. @param {number} beforeS */
  forget(beforeS) {
    const kept = this.#pieces.findIndex((_, at) => (this.#pieces[at + 1]?.startS ?? Infinity) > beforeS);
    if (kept > 0) this.#pieces.splice(0, kept);
  }

  /** Time of the first frame; null without pieces. */
  get beginsMs() {
    return this.#pieces[0]?.takenMs ?? null;
  }

  /** Return the time of the frame at a position; null without pieces. @param {number} atS */
  dateAt(atS) {
    const piece = this.#pieces.findLast(({ startS }) => startS <= atS + SAME_FRAME_S) ?? this.#pieces[0];
    return piece ? piece.takenMs + (atS - piece.startS) * 1000 : null;
  }

  /** Return the position of a time; null if it is in none of the pieces. @param {number} takenMs */
  positionOf(takenMs) {
    for (const [at, piece] of [...this.#pieces.entries()].reverse()) {
      const inside = (takenMs - piece.takenMs) / 1000;
      if (inside >= 0 && inside < this.#lengthOf(at)) return piece.startS + inside;
    }
    return null;
  }

  /**
   * Return the position to seek to for the frame at a position (0), the next one (1) or the previous one (-1); null if
   * that frame is not loaded.
   *
   * @param {number} atS
   * @param {0|1|-1} direction
   * @param {(timeS: number) => boolean} isLoaded
   */
  seekTimeOf(atS, direction, isLoaded) {
    return seekTimeIn(this.#pieces.flatMap(({ times }) => times).filter(isLoaded), atS, direction);
  }

  /** Return the start of the frame that is shown at a position; null before the first frame. @param {number} atS */
  frameStartOf(atS) {
    for (const { times } of [...this.#pieces].reverse()) {
      const found = times.findLast((time) => time <= atS + SAME_FRAME_S);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** Return the start of the frame after the one at a position; null if it is not loaded. @param {number} atS */
  nextFrameStartOf(atS) {
    for (const { times } of this.#pieces) {
      const found = times.find((time) => time > atS + SAME_FRAME_S);
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
