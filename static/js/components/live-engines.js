// @ts-check
/** Makes the engines of a live player: WebCodecs where lib/engine-choice.js allows it, otherwise MediaSource. */
import { EngineChoice } from '../lib/engine-choice.js';
import { avcTrackOf } from '../lib/fragment-samples.js';
import { mostReordered } from '../lib/h264-reordering.js';
import { pictureOf } from './frame-capture.js';
import { MseEngine } from './mse-engine.js';
import { WebCodecsEngine } from './webcodecs-engine.js';

/**
 * @typedef {MseEngine|WebCodecsEngine} LiveEngine
 * @typedef {import('../lib/engine-choice.js').Engine} Engine
 * @typedef {import('../lib/engine-choice.js').Wanted} Wanted
 * @typedef {{onFatal: (engine: LiveEngine, why: 'media'|'unsupported', detail: string) => void,
 *   onFailed: (engine: LiveEngine) => void, onFirstFrames: (engine: LiveEngine) => void,
 *   onPlay: (video: HTMLVideoElement) => void}} EnginesOutcome
 *   `onFatal`: MediaSource cannot go on; `onFailed`: WebCodecs cannot go on; `onFirstFrames`: a canvas has its first
 *   frame, and again for its second; `onPlay`: the `<video>` of an engine has media and should play
 */

export class LiveEngines {
  #outcome;
  #choice = new EngineChoice({
    isSecure: window.isSecureContext,
    hasDecoder: 'VideoDecoder' in window && typeof Worker === 'function',
    // On an iPhone only a <video> can be full screen.
    hasFullScreen: 'requestFullscreen' in Element.prototype,
  });
  /** The engine of the newest stream. @type {import('../lib/engine-choice.js').Chosen} */
  chosen = { engine: 'mse', reason: null };

  /** @param {EnginesOutcome} outcome */
  constructor(outcome) {
    this.#outcome = outcome;
  }

  /**
   * Make the engine that a stream will probably need.
   *
   * @param {HTMLVideoElement} video
   * @param {{isAudible: boolean}} request
   * @param {Wanted} wanted
   */
  prepare(video, { isAudible }, wanted) {
    return this.make(this.#choice.expected({ wanted, isAudible }, performance.now()).engine, video);
  }

  /**
   * @param {{codecs: string, init: Uint8Array<ArrayBuffer>, isReordered: boolean}} stream `init`: its init section;
   *   `isReordered`: the server has seen B-frames in it
   * @param {Wanted} wanted
   * @returns {Engine}
   */
  choose({ codecs, init, isReordered }, wanted) {
    const track = avcTrackOf(init);
    const reordered = track && mostReordered(track.sps);
    this.chosen = this.#choice.choose({ wanted, codecs, reordered, isReordered }, performance.now());
    return this.chosen.engine;
  }

  /** @param {Engine} kind @param {HTMLVideoElement} video @returns {LiveEngine} */
  make(kind, video) {
    if (kind === 'mse') {
      const mse = new MseEngine(video, {
        onFatal: (why, detail) => this.#outcome.onFatal(mse, why, detail),
        onPlay: () => this.#outcome.onPlay(video),
      });
      return mse;
    }
    const engine = new WebCodecsEngine(video, {
      onFailed: (reason) => {
        this.#choice.failed(reason, performance.now());
        this.#outcome.onFailed(engine);
      },
      onFirstFrames: () => this.#outcome.onFirstFrames(engine),
      onPlay: () => this.#outcome.onPlay(video),
    });
    return engine;
  }

  /** Another channel comes. */
  forgetStream() {
    this.#choice.forgetStream();
  }

  forgetFailures() {
    this.#choice.forget();
  }
}

/** @param {unknown} engine @returns {engine is WebCodecsEngine} */
export function isWebCodecs(engine) {
  return engine instanceof WebCodecsEngine;
}

/** Return the engine if it shows its frames on a canvas; otherwise null. @param {unknown} engine */
export function canvasEngine(engine) {
  return isWebCodecs(engine) && engine.canvas ? engine : null;
}

/** Return the element on screen, and the size of its frame. @param {unknown} engine @param {HTMLVideoElement} video */
export function shownPicture(engine, video) {
  return isWebCodecs(engine) && engine.canvas ? { source: engine.canvas, ...engine.size } : pictureOf(video);
}

/** Return how far the picture is, for lib/stall-watch.js. @param {unknown} engine @param {HTMLVideoElement} video */
export function progressOf(engine, video) {
  if (isWebCodecs(engine) && engine.canvas) return { timeS: engine.frames, frames: engine.frames, isStopped: false };
  const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? null;
  return { timeS: video.currentTime, frames, isStopped: video.paused };
}
