// @ts-check
/** Finds out if a live picture moves, and how to help one that stands still. Pure: the player passes its observations in. */

/**
 * @typedef {'none'|'edge'|'reload'|'restart'} Step `edge`: seek to the newest frame; `reload`: load the playlist again;
 *   `restart`: start the session again
 * @typedef {{nowMs: number, timeS: number, frames: number|null, isReady: boolean, isStopped: boolean,
 *   isHidden: boolean, spacingS?: number}} Sample
 *   `timeS`: the video's time; `frames`: its count of frames, null if it has none; `isReady`: it has a frame;
 *   `isStopped`: the browser has paused it; `isHidden`: the tab is hidden, where browsers show and count no frames;
 *   `spacingS`: usual time between two frames if it is long
 * @typedef {{moves: boolean, isFirst: boolean, stalledS: number, step: Step}} Seen `isFirst`: it starts to move
 */

/** A picture counts as moving for so long after its last new frame. */
const STANDS_AFTER_S = 2;
/**
 * The player looks every 250 ms. In a longer time without a look the page itself stood still (a sleep, or a busy machine),
 * and a busy page shows frames later, too. Browsers let a hidden page look once a second.
 */
const MOST_BETWEEN_LOOKS_MS = 500;
const MOST_WHILE_HIDDEN_MS = 2000;
/** After a step of help the player shows frames again that it had shown before. */
const SHOWS_AGAIN_FOR_S = 2;

export class StallWatch {
  #isMoving = false;
  #movedAtMs = 0;
  #lookedAtMs = 0;
  #stepsTaken = 0;
  #helpedAtMs = 0;
  #stoodAtS = -1;
  #lastTimeS = -1;
  /** @type {number|null} */
  #lastFrames = null;

  get isMoving() {
    return this.#isMoving;
  }

  /** Watch another stream. @param {number} nowMs */
  begin(nowMs) {
    this.#isMoving = false;
    this.#stepsTaken = 0;
    this.#stoodAtS = -1;
    this.#lastTimeS = -1;
    this.#lastFrames = null;
    this.#movedAtMs = this.#lookedAtMs = nowMs;
  }

  /** Watch the same stream again, which was loaded anew as one of the steps. */
  beginReload() {
    this.#isMoving = false;
    this.#stoodAtS = -1;
    this.#lastTimeS = -1;
    this.#lastFrames = null;
  }

  /** Start the time of a stall now: the user has paused, or the machine woke up. @param {number} nowMs */
  excuse(nowMs) {
    this.#movedAtMs = this.#lookedAtMs = nowMs;
  }

  /** Each step of help is returned once per stall. @param {Sample} sample @returns {Seen} */
  look({ nowMs, timeS, frames, isReady, isStopped, isHidden, spacingS = 0 }) {
    this.#movedAtMs += standstillMs(nowMs - this.#lookedAtMs, isHidden ? MOST_WHILE_HIDDEN_MS : MOST_BETWEEN_LOOKS_MS);
    this.#lookedAtMs = nowMs;
    const hasChanged = isHidden || frames === null ? timeS !== this.#lastTimeS : frames !== this.#lastFrames;
    const isFirstLook = this.#lastTimeS < 0;
    this.#lastTimeS = timeS;
    this.#lastFrames = frames;
    if (hasChanged && !isFirstLook && isReady && !isStopped && !this.#isShownAgain(nowMs, timeS)) {
      const isFirst = !this.#isMoving;
      this.#isMoving = true;
      this.#movedAtMs = nowMs;
      this.#stepsTaken = 0;
      this.#stoodAtS = timeS;
      return { moves: true, isFirst, stalledS: 0, step: 'none' };
    }
    const stalledS = Math.max(0, (nowMs - this.#movedAtMs) / 1000 - spacingS);
    this.#isMoving &&= stalledS < STANDS_AFTER_S;
    const step = isReady ? nextStep(stalledS, this.#stepsTaken) : 'none';
    if (step !== 'none') {
      this.#stepsTaken += 1;
      this.#helpedAtMs = nowMs;
    }
    return { moves: false, isFirst: false, stalledS, step };
  }

  /**
   * True for a frame from before the stall: a seek to the newest frame decodes the last ones again.
   *
   * @param {number} nowMs @param {number} timeS
   */
  #isShownAgain(nowMs, timeS) {
    return this.#stepsTaken > 0 && timeS <= this.#stoodAtS && nowMs - this.#helpedAtMs < SHOWS_AGAIN_FOR_S * 1000;
  }
}

/** Return the part of the time since the last look that belongs to no stall; negative if the clock was set back. @param {number} sinceMs @param {number} mostMs */
function standstillMs(sinceMs, mostMs) {
  return sinceMs < 0 ? sinceMs : Math.max(0, sinceMs - mostMs);
}

/** @param {number} stalledS @param {number} stepsTaken @returns {Step} */
function nextStep(stalledS, stepsTaken) {
  if (stepsTaken === 0 && stalledS >= 4) return 'edge';
  if (stepsTaken === 1 && stalledS >= 9) return 'reload';
  if (stepsTaken >= 2 && stalledS >= 9 + 12 * (stepsTaken - 1)) return 'restart';
  return 'none';
}
