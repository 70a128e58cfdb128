// @ts-check
/** The next stream of a live player, in a second `<video>` behind the present one. It takes over with its first frame. */
import { NextVideo } from './next-video.js';

/**
 * @typedef {import('./live-engines.js').LiveEngine} LiveEngine
 * @typedef {{video: HTMLVideoElement, engine: LiveEngine}} Started
 */

const WITHIN_MS = 8000;
/** The ladder ends a try without a frame earlier. */
const TRY_WITHIN_MS = 35_000;
/** A try begins with its next key frame, for which it waits for up to a minute. */
const TRY_MEDIA_WITHIN_MS = 80_000;

export class NextStream {
  #onDue;
  #nextVideo = new NextVideo();
  /** @type {(Started & {timer: ReturnType<typeof setTimeout>, heldMs: number, hasMedia: boolean})|null} */
  #next = null;

  /** @param {() => void} onDue the stream is to take over: it has a frame, or has waited too long for one */
  constructor(onDue) {
    this.#onDue = onDue;
  }

  /** The engine of the stream; null without one. */
  get engine() {
    return this.#next?.engine ?? null;
  }

  /**
   * @param {HTMLVideoElement} present
   * @param {(video: HTMLVideoElement) => LiveEngine} make
   * @param {number} heldMs the present picture stays for so long after the first frame of a try; 0: no try
   */
  begin(present, make, heldMs) {
    const video = this.#nextVideo.put(present, () => this.noteFrame());
    const engine = make(video);
    this.#next = { video, engine, timer: this.#later(heldMs ? TRY_MEDIA_WITHIN_MS : WITHIN_MS), heldMs, hasMedia: false };
    return engine;
  }

  /** Fragments have come for an engine. @param {LiveEngine} engine */
  noteMedia(engine) {
    const next = this.#next;
    if (next?.engine !== engine || next.hasMedia) return;
    next.hasMedia = true;
    if (next.heldMs) this.#takeOverIn(TRY_WITHIN_MS);
  }

  /** The stream has a frame: it takes over now, or after the time for which the old picture is held. */
  noteFrame() {
    const next = this.#next;
    if (!next) return;
    const { heldMs } = next;
    if (!heldMs) this.#onDue();
    else if (heldMs !== Infinity) {
      this.#takeOverIn(heldMs);
      next.heldMs = Infinity; // later frames change nothing
    }
  }

  /** Return the stream, which is no longer the next one. @returns {Started|null} */
  take() {
    const next = this.#next;
    this.#next = null;
    if (!next) return null;
    this.#nextVideo.settle();
    clearTimeout(next.timer);
    return next;
  }

  /** Close the stream, if there is one. */
  drop() {
    const next = this.take();
    if (!next) return;
    next.engine.close();
    this.#nextVideo.remove(next.video);
  }

  /** Remove the `<video>` of a stream that was replaced, whose engine is closed. @param {HTMLVideoElement} video */
  remove(video) {
    this.#nextVideo.remove(video);
  }

  /** Let this stream and the present one play audio. Has an effect within a click or a key press. @param {HTMLVideoElement} present */
  allowAudio(present) {
    this.#nextVideo.allowAudio(present, this.#next?.video ?? null);
  }

  /** @param {number} ms */
  #takeOverIn(ms) {
    if (!this.#next) return;
    clearTimeout(this.#next.timer);
    this.#next.timer = this.#later(ms);
  }

  /** @param {number} ms */
  #later(ms) {
    return setTimeout(() => this.#onDue(), ms);
  }
}
