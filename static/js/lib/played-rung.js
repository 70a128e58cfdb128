// @ts-check
/**
 * The rung of the quality ladder that a ChannelPlayer plays: its kind, and the rung to fall back to if its stream fails.
 * No DOM.
 */

/**
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {import('./session-state.js').View} View
 * @typedef {{rung?: RungName|null}} RungRequest a part of ChannelPlayer's request
 */

export class PlayedRung {
  #choice;
  #isTry = false;
  #hasFailedTry = false;
  /** The rung that played before the present try. @type {RungName|null} */
  #rungBeforeTry = null;
  #keyFramesOnly = false;
  #isSmall = false;

  /** @param {import('./profile-choice.js').ProfileChoice} choice */
  constructor(choice) {
    this.#choice = choice;
  }

  /** True until the first frame of a better rung that is being tried. */
  get isTry() {
    return this.#isTry;
  }

  /** True if the last try ended with a problem: the rung before it plays again. */
  get hasFailedTry() {
    return this.#hasFailedTry;
  }

  get keyFramesOnly() {
    return this.#keyFramesOnly;
  }

  /** True if the server makes small video of the stream. */
  get isSmall() {
    return this.#isSmall;
  }

  /** True if the stream comes without audio. */
  get isSilent() {
    return this.#keyFramesOnly || this.#isSmall;
  }

  /** True if another rung plays if this stream cannot be played. */
  get hasOther() {
    return this.#isTry || this.#isSmall;
  }

  /** True if the stream has failed and another rung is to play. @param {Pick<View, 'problem'|'stream'|'isOffline'>} view of the transport */
  hasFailed({ problem, stream, isOffline }) {
    const error = stream?.status === 'reconnecting' ? stream.error : null;
    if (this.#isTry) return Boolean(problem || error || isOffline);
    return this.#isSmall && Boolean(problem || error?.code === 'ffmpeg_failed');
  }

  /** The next stream has another rung. @param {RungName|null} before */
  change(before) {
    this.#hasFailedTry = false;
    this.#rungBeforeTry = before;
  }

  /** A stream starts. @param {{isTry: boolean, keyFramesOnly: boolean, isSmall: boolean}} how */
  start({ isTry, keyFramesOnly, isSmall }) {
    this.#isTry = isTry;
    this.#keyFramesOnly = keyFramesOnly;
    this.#isSmall = isSmall;
  }

  /** The stream plays, or the user has chosen. */
  endTry() {
    this.#isTry = false;
  }

  /** The next stream is one of another channel. */
  forget() {
    this.#isTry = this.#hasFailedTry = false;
  }

  /**
   * Return the request that plays instead. After a try it is the rung before it: the better stream was refused, for
   * example because the device is full. After small video, which the server refuses or cannot make, it is key frames;
   * the ladder follows.
   *
   * @template {RungRequest} T
   * @param {T} request
   * @param {{hasFailed?: boolean}} [how] false: nothing is known about the stream that is left
   * @returns {T}
   */
  leave(request, { hasFailed = true } = {}) {
    if (hasFailed && this.#isSmall) this.#choice.refuseSmall();
    return this.#isTry ? this.#leaveTry(request, hasFailed) : { ...request, rung: 'keys' };
  }

  /**
   * Return the request of a user who wants audio now: the stream before the try has it sooner, unless it is key frames or
   * small video.
   *
   * @template {RungRequest} T
   * @param {T} request
   * @returns {T}
   */
  leaveTryForAudio(request) {
    const hadAudio = this.#rungBeforeTry !== 'keys' && this.#rungBeforeTry !== 'phone';
    return this.#isTry && hadAudio ? this.#leaveTry(request, true) : request;
  }

  /** @template {RungRequest} T @param {T} request @param {boolean} hasFailed @returns {T} */
  #leaveTry(request, hasFailed) {
    this.#isTry = false;
    this.#hasFailedTry = hasFailed;
    return { ...request, rung: this.#rungBeforeTry };
  }
}
