// @ts-check
/** A try of better rungs, of one tile or of several together. Pure; times are passed in. */

/**
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {{id: string, from: RungName, to: RungName}} TryStep of one tile
 * @typedef {TryStep & {unseenMs: number|null}} Running `unseenMs`: when the tile had no frame yet; null while the page is
 *   hidden
 */

const TRY_MS = 10_000;
/** A stream plays for this time on screen before its try counts as a success. */
const SHOWN_MS = 7000;
/** The same for rungs that the link is known to carry. */
const SURE_TRY_MS = 3000;
const SURE_SHOWN_MS = 2000;
/**
 * A try begins with a key frame, which may take 26 s with long groups of frames. Then the old picture is held for three
 * seconds. The player shows the new stream after 35 s, also without a frame.
 */
const NO_FRAME_MS = 30_000;

export class QualityTry {
  burstKbps;
  isOfSeveral;
  /** @type {Running[]} */
  #steps;
  /** When the try began; null while the page is hidden. @type {number|null} */
  #sinceMs;

  /** @param {readonly TryStep[]} steps @param {{burstKbps: number|null, nowMs: number}} how `burstKbps`: throughput of bursts before it */
  constructor(steps, { burstKbps, nowMs }) {
    this.#steps = steps.map((step) => ({ ...step, unseenMs: nowMs }));
    this.isOfSeveral = steps.length > 1;
    this.burstKbps = burstKbps;
    this.#sinceMs = nowMs;
  }

  /** The steps that have not been judged. @returns {readonly TryStep[]} */
  get steps() {
    return this.#steps;
  }

  /** @param {string} id @returns {TryStep|null} */
  stepOf(id) {
    return this.#steps.find((step) => step.id === id) ?? null;
  }

  /** Leave one tile out. @param {string} id */
  leave(id) {
    this.#steps = this.#steps.filter((step) => step.id !== id);
  }

  /** The page is hidden: the try waits, because a hidden page shows no frames. */
  rest() {
    this.#sinceMs = null;
    for (const step of this.#steps) step.unseenMs = null;
  }

  /**
   * Judge the steps. Those that are judged leave the try.
   *
   * @param {{isLate: boolean, isSure: boolean, lacksFrame: (id: string) => boolean}} state `isSure`: the link is known to
   *   carry the rungs
   * @param {number} nowMs
   * @returns {{failed: TryStep[], passed: TryStep[]}}
   */
  judge({ isLate, isSure, lacksFrame }, nowMs) {
    const forMs = nowMs - (this.#sinceMs ??= nowMs);
    const [tryMs, shownMs] = isSure ? [SURE_TRY_MS, SURE_SHOWN_MS] : [TRY_MS, SHOWN_MS];
    for (const step of this.#steps) if (lacksFrame(step.id)) step.unseenMs = nowMs;
    const failed = this.#steps.filter(({ id }) => isLate || (forMs >= NO_FRAME_MS && lacksFrame(id)));
    const passed = this.#steps.filter((step) => {
      const isShown = nowMs - (step.unseenMs ??= nowMs) >= shownMs;
      return forMs >= tryMs && isShown && !failed.includes(step);
    });
    this.#steps = this.#steps.filter((step) => !failed.includes(step) && !passed.includes(step));
    return { failed, passed };
  }
}
