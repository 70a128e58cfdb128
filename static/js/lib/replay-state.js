// @ts-check
/** The state of the replay player, without any DOM, timer or request: the player passes its observations in. */

/**
 * @typedef {import('./replay-session.js').ReplayRequest} ReplayRequest
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./replay-text.js').Phase} Phase
 * @typedef {'idle'|'active'|'ended'|'broken'} Stage `idle`: nothing is chosen; `ended`: the recording has ended;
 *   `broken`: the browser cannot play it
 * @typedef {{nowMs: number, problem: Problem|null, isBusy: boolean, isPending: boolean, isStopped: boolean,
 *   isAtEnd: boolean, waitsForRecording: boolean}} Facts `problem`, `isBusy`, `isPending`: see ReplaySession;
 *   `isStopped`, `isAtEnd`: the video is paused, has ended; `waitsForRecording`: the recorder has not written more yet
 * @typedef {{gap: {fromMs: number, toMs: number}|null, isNew: boolean, hasMoved: boolean, isFirst: boolean}} Observation
 *   `gap`: time without a recording that was skipped; `isNew`: the frame has another time; `hasMoved`: the video has
 *   moved; `isFirst`: for the first time since the load
 */

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const GAP_MS = 3000;
/** A longer step between two observations is a seek. */
const STEP_S = 8;
const STALL_MS = 2500;
const CAUGHT_UP_MS = 700;
/** The longest wait for a frame that was requested exactly. */
const EXACT_MS = 8000;
/** A held key repeats 30 times a second: a slow recorder must not move the picture long after its release. */
const MOST_OWED_STEPS = 10;

export class ReplayState {
  /** @type {Stage} */
  stage = 'idle';
  /** @type {Phase} */
  phase = 'idle';
  /** @type {ReplayRequest|null} */
  request = null;
  /** Time of the frame on screen; null before the first one. @type {number|null} */
  frameMs = null;
  /** Time of the frame to show first, if it is not the first one that arrives. @type {number|null} */
  exactMs = null;
  /** The user has paused. */
  isPaused = false;
  /** True after the session was given back, because the player was not used. */
  isSuspended = false;
  /** Steps to frames that are not loaded yet; negative: back. */
  owedSteps = 0;
  /** @type {Problem|null} */
  problem = null;
  #speed = 1;
  /** True while the speed is limited because playing has caught up with the present. */
  #isHeldTo1 = false;
  #movedAtMs = 0;
  #lastTimeS = -1;

  /** Time of the frame on screen, in ms; before the first frame, the requested time. */
  get atMs() {
    return this.frameMs ?? this.request?.atMs ?? null;
  }

  get hasFrame() {
    return this.frameMs !== null;
  }

  get speed() {
    return this.#speed;
  }

  set speed(speed) {
    this.#speed = SPEEDS.includes(speed) ? speed : 1;
    this.#isHeldTo1 = false;
  }

  /** Return the playback rate. @param {boolean} isSlow the recorder sends no faster than real time */
  rate(isSlow) {
    return isSlow || this.#isHeldTo1 ? Math.min(1, this.#speed) : this.#speed;
  }

  /** How long the picture has not moved, in seconds. @param {number} nowMs */
  waitedS(nowMs) {
    return (nowMs - this.#movedAtMs) / 1000;
  }

  // ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Play a recording from a time. `isLoaded`: its frame is loaded; `exact`: start at the frame of this time.
   *
   * @param {ReplayRequest} request
   * @param {{nowMs: number, isPaused: boolean, isLoaded: boolean, exact: boolean}} how
   */
  go(request, { nowMs, isPaused, isLoaded, exact }) {
    this.#reset('active', nowMs);
    this.request = request;
    this.isPaused = isPaused;
    this.frameMs = isLoaded ? request.atMs : null;
    this.exactMs = exact && !isLoaded ? request.atMs : null;
  }

  /** @param {number} nowMs */
  close(nowMs) {
    this.#reset('idle', nowMs);
    this.request = null;
    this.frameMs = null;
  }

  /** Return what the Play button does now. @param {{hasProblem: boolean, isStopped: boolean}} facts */
  playAction({ hasProblem, isStopped }) {
    if (this.stage === 'idle') return 'choose';
    if (hasProblem) return 'retry';
    if (this.phase === 'ended') return 'extend';
    if (this.isSuspended) return 'wake';
    return !isStopped || (!this.isPaused && this.phase === 'loading') ? 'pause' : 'play';
  }

  /** The user has paused or resumed. @param {boolean} isPaused @param {number} nowMs */
  setPaused(isPaused, nowMs) {
    this.isPaused = isPaused;
    this.owedSteps = 0;
    this.#movedAtMs = nowMs;
  }

  /** The user wants the next frame (1) or the previous one (-1). @param {1|-1} direction */
  oweStep(direction) {
    this.owedSteps = Math.max(-MOST_OWED_STEPS, Math.min(MOST_OWED_STEPS, this.owedSteps + direction));
  }

  // ── Observations ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Other media was loaded. @param {number} startMs time of its first frame @param {number} nowMs */
  loaded(startMs, nowMs) {
    this.stage = 'active';
    this.frameMs = null;
    this.#lastTimeS = -1;
    this.#movedAtMs = nowMs;
    if (this.request && this.exactMs === null) this.request = { ...this.request, atMs: startMs };
  }

  /** True if the wait for the exact frame has taken too long. @param {number} nowMs */
  isExactOverdue(nowMs) {
    return nowMs - this.#movedAtMs >= EXACT_MS;
  }

  /**
   * The video shows a frame.
   *
   * @param {{nowMs: number, timeS: number, frameMs: number}} frame `timeS`: the video's time; `frameMs`: the frame's time
   * @returns {Observation}
   */
  observe({ nowMs, timeS, frameMs }) {
    const beforeMs = this.frameMs;
    const passedS = timeS - this.#lastTimeS;
    const isFirst = this.#lastTimeS < 0;
    const isStep = beforeMs !== null && !isFirst && passedS >= 0 && passedS < STEP_S;
    const gap = isStep && frameMs - beforeMs > passedS * 1000 + GAP_MS ? { fromMs: beforeMs, toMs: frameMs } : null;
    const hasMoved = timeS !== this.#lastTimeS;
    if (hasMoved) {
      this.#movedAtMs = nowMs;
      this.problem = null;
      if (this.stage === 'broken') this.stage = 'active';
    }
    this.#lastTimeS = timeS;
    this.frameMs = frameMs;
    return { gap, isNew: frameMs !== beforeMs, hasMoved, isFirst };
  }

  /** The video has ended. */
  end() {
    this.stage = 'ended';
  }

  /** A step back from the end has shown another frame. */
  leaveEnd() {
    if (this.stage === 'ended') this.stage = 'active';
  }

  /** The browser cannot play this. @param {Problem} problem */
  break(problem) {
    this.stage = 'broken';
    this.problem = problem;
  }

  /** The session was given back. @param {number|null} frameMs exact time of the frame on screen */
  suspend(frameMs) {
    this.isSuspended = true;
    if (frameMs !== null) this.frameMs = frameMs;
  }

  /** Set the phase. @param {Facts} facts @returns {boolean} true if it has changed */
  update(facts) {
    const before = this.phase;
    this.phase = this.#phase(facts);
    if (this.phase === 'caught-up') this.#isHeldTo1 = true;
    return this.phase !== before;
  }

  /** @param {Facts} facts @returns {Phase} */
  #phase({ nowMs, problem, isBusy, isPending, isStopped, isAtEnd, waitsForRecording }) {
    const stalledMs = nowMs - this.#movedAtMs;
    if (this.stage === 'idle') return 'idle';
    if (this.stage === 'ended' || isAtEnd) return 'ended';
    if (this.isSuspended) return 'paused';
    if (problem && !(this.hasFrame && stalledMs < CAUGHT_UP_MS)) return 'problem'; // loaded media plays on first
    if (this.stage === 'broken' && !isBusy) return 'broken';
    if (isPending || !this.hasFrame || this.exactMs !== null) return 'loading';
    if (this.isPaused || isStopped) return 'paused';
    if (stalledMs > CAUGHT_UP_MS && waitsForRecording) return 'caught-up';
    return stalledMs > STALL_MS ? 'stalled' : 'playing';
  }

  /** @param {Stage} stage @param {number} nowMs */
  #reset(stage, nowMs) {
    this.stage = stage;
    this.#isHeldTo1 = this.isSuspended = false;
    this.exactMs = null;
    this.owedSteps = 0;
    this.problem = null;
    this.#movedAtMs = nowMs;
  }
}
