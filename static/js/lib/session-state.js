// @ts-check
/** The state of one viewer's session, without any DOM, timer or request. */
import { phaseOf } from './stream-phase.js';

/**
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {{phase: import('./stream-phase.js').Phase, problem: Problem|null, usedBy: string[], stream: Stream|null,
 *   playlistUrl: string|null, startNumber: number, retryAtMs: number|null, stalledS: number, shown: boolean,
 *   isOffline: boolean, hasAudio: boolean|null, isAudioRefused: boolean}} View
 *   `usedBy`: ids of the sessions that use up the limit; `startNumber`: changes with each start; `retryAtMs`: time of
 *   the next try; `shown`: the present start has shown a frame; `isOffline`: the server does not answer; `hasAudio`: null if only the stream knows;
 *   `isAudioRefused`: this browser could not decode the audio, so the picture plays alone
 */

/** @template Request */
export class SessionState {
  /** The stream that the viewer wants. @type {Request|null} */
  request = null;
  /** @type {Stream|null} */
  stream = null;
  /** @type {Problem|null} */
  problem = null;
  /** @type {string[]} */
  usedBy = [];
  /** @type {number|null} */
  retryAtMs = null;
  startNumber = 0;
  /** True if the stream was stopped on the server. */
  hasEnded = false;
  /** True while the server does not answer. */
  isOffline = false;
  /** True while the server lets the present start wait, because this user starts many streams. */
  isQueued = false;
  /** True once the present start has shown a frame. */
  isShown = false;
  /** True while the picture of the previous start is still on screen. */
  showsPrevious = false;
  stalledS = 0;

  get isWanted() {
    return this.request !== null;
  }

  get phase() {
    return phaseOf({
      wanted: this.isWanted,
      ended: this.hasEnded,
      offline: this.isOffline,
      queued: this.isQueued,
      problem: this.problem,
      stream: this.stream,
      shown: this.isShown || this.showsPrevious,
      stalledS: this.stalledS,
    });
  }

  /** @returns {View} */
  get view() {
    const { phase, problem, usedBy, stream, startNumber, retryAtMs, stalledS, isShown: shown, isOffline } = this;
    const audio = { hasAudio: null, isAudioRefused: false };
    return { phase, problem, usedBy, stream, playlistUrl: null, startNumber, retryAtMs, stalledS, shown, isOffline, ...audio };
  }

  clearProblem() {
    this.problem = null;
    this.usedBy = [];
    this.retryAtMs = null;
  }

  /** Begin a new start of the present request. */
  beginStart() {
    this.startNumber += 1;
    this.stream = null;
    this.clearProblem();
    this.hasEnded = this.isOffline = this.isQueued = this.isShown = false;
    this.stalledS = 0;
  }

  /** Forget the request and its start. */
  clear() {
    this.beginStart();
    this.request = null;
    this.showsPrevious = false;
  }
}
