// @ts-check
/**
 * Plays live fragments of H.264 as soon as they are decoded, with WebCodecs in the page's worker. It has the face of
 * MseEngine, and can say that it cannot go on: then MediaSource plays the stream.
 *
 * Frames go into the `<video>` as a track where the browser can make one of frames, otherwise on a canvas that stands
 * in its place (`canvas`). In a hidden tab the worker decodes nothing.
 */
import { avcTrackOf } from '../lib/fragment-samples.js';
import { mostReordered } from '../lib/h264-reordering.js';
import { ShownClock } from '../lib/shown-frames.js';
import { RemoteDecoder } from './decoder-worker.js';

/**
 * @typedef {import('../lib/engine-choice.js').MseReason} MseReason
 * @typedef {{canvas: HTMLCanvasElement, close: () => void}} LeftCanvas the canvas of an engine that has ended
 */

/** Reports of shown frames come every 100 ms. */
const REPORT_MS = 150;
/** Two frames show that the picture moves. */
const FIRST_FRAMES = 2;
/** Fragments that came within this time mean that the stream flows. */
const FLOWS_MS = 3000;
/** The decoder of a stream that flows must show a frame within this time. */
const SHOWS_WITHIN_MS = 6000;

export class WebCodecsEngine {
  #video;
  #outcome;
  /** @type {RemoteDecoder|null} */
  #decoder = null;
  #clock = new ShownClock();
  /** @type {MediaStream|null} */
  #stream = null;
  /** @type {HTMLCanvasElement|null} */
  #canvas = null;
  #isDescribed = false;
  #isHeld = false;
  #hasFailed = false;
  #flowedMs = -Infinity;
  /** When the first fragment came since the last shown frame. @type {number|null} */
  #silentSinceMs = null;
  #frames = 0;
  /** Frames and time of the `<video>` at the last report. */
  #progress = '';
  #size = { width: 0, height: 0 };
  #wires = new AbortController();

  /**
   * @param {HTMLVideoElement} video
   * @param {{onFailed: (reason: MseReason, detail: string) => void, onFirstFrames: () => void, onPlay: () => void}} outcome
   *   `onFailed`: called once, never from the constructor; `onFirstFrames`: the canvas has its first frame, and again for
   *   its second; `onPlay`: the `<video>` has its track and should play
   */
  constructor(video, outcome) {
    this.#video = video;
    this.#outcome = outcome;
    document.addEventListener('visibilitychange', () => this.#setResting(), { signal: this.#wires.signal });
    try {
      this.#open();
    } catch (error) {
      queueMicrotask(() => this.#fail('worker', String(error)));
    }
  }

  /** @param {string} codecs @param {Uint8Array<ArrayBuffer>} data @param {boolean} isReordered the server has seen B-frames */
  init(codecs, data, isReordered) {
    const track = avcTrackOf(data);
    if (!track || codecs.includes(',')) this.#fail(track ? 'audio' : 'codec', codecs);
    else if (isReordered || mostReordered(track.sps)) this.#fail('reordered', codecs);
    else {
      this.#isDescribed = true;
      this.#attach();
      this.#decoder?.init(track);
    }
  }

  /** @param {import('../lib/live-socket.js').SocketFragments} fragments */
  append({ data, startS, takenMs }) {
    if (this.#hasFailed) return;
    const nowMs = performance.now();
    const isExcused = this.#isHeld || this.isResting || !this.isFlowing; // a pause, a hidden tab, a sleep
    this.#silentSinceMs = isExcused ? null : (this.#silentSinceMs ?? nowMs);
    this.#flowedMs = nowMs;
    this.#clock.stamp(startS, takenMs);
    this.#decoder?.take(data);
    if (this.#silentSinceMs !== null && nowMs - this.#silentSinceMs > SHOWS_WITHIN_MS) this.standsStill();
  }

  /** Arrival of the frame on screen at the server; null without a frame. */
  get playingDate() {
    const isMoving = !this.#isHeld && !document.hidden;
    const ms = this.#clock.dateMs(performance.timeOrigin + performance.now(), { isMoving, reportMs: REPORT_MS });
    return ms === null ? null : new Date(ms);
  }

  /** The element that shows the frames instead of the `<video>`; null if the `<video>` shows them. */
  get canvas() {
    return this.#canvas;
  }

  /** Size of the frames on the canvas. */
  get size() {
    return this.#size;
  }

  /** How many frames the canvas has shown. */
  get frames() {
    return this.#frames;
  }

  /** True while the user has paused. */
  get isHeld() {
    return this.#isHeld;
  }

  /** True while the tab is hidden, so that nothing is decoded. */
  get isResting() {
    return document.hidden;
  }

  /** True if fragments arrive, so that the picture should move. */
  get isFlowing() {
    return performance.now() - this.#flowedMs < FLOWS_MS;
  }

  /** The newest frame is always the one on screen. */
  toLive() {}

  /** Follow the stream again. */
  nudge() {
    this.#isHeld = false;
    this.#decoder?.setHeld(false);
  }

  /** Keep the frame on screen, because the user has paused. */
  hold() {
    this.#isHeld = true;
    this.#decoder?.setHeld(true);
  }

  /** Give up this engine because its picture stands although the stream flows. */
  standsStill() {
    this.#fail('stands', '');
  }

  /**
   * Return the newest frame on the canvas; null if none comes within a second. The page must not read the canvas itself:
   * Firefox then waits for the worker, and blocks the page for up to 10 s.
   */
  async snapshot() {
    return (await this.#decoder?.snapshot()) ?? null;
  }

  /** End, but leave the canvas with its last frame on the page until its own `close()`. @returns {LeftCanvas|null} */
  leaveCanvas() {
    const [canvas, decoder] = [this.#canvas, this.#decoder];
    this.#canvas = this.#decoder = null;
    this.close();
    if (!canvas) return null;
    canvas.dataset.part = 'left';
    decoder?.setResting(true);
    return {
      canvas,
      close: () => {
        decoder?.close();
        canvas.remove();
      },
    };
  }

  close() {
    this.#hasFailed = true;
    this.#wires.abort();
    this.#decoder?.close();
    this.#canvas?.remove();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#stream && this.#video.srcObject === this.#stream) this.#video.srcObject = null;
  }

  #open() {
    this.#decoder = new RemoteDecoder({
      onTrack: (track) => this.#setTrack(track),
      onNeedsCanvas: () => this.#setCanvas(),
      onShown: ({ timeUs, atMs, frames, width, height }) => {
        this.#clock.shown(timeUs, atMs);
        if (this.#canvas || this.#hasVideoMoved()) this.#silentSinceMs = null;
        this.#frames = frames;
        this.#size = { width, height };
        if (frames <= FIRST_FRAMES && this.#canvas && !this.#hasFailed) this.#outcome.onFirstFrames();
      },
      onFailed: (reason, detail) => this.#fail(reason, detail),
    });
    const { MediaStreamTrackGenerator: Generator } = /** @type {any} */ (window);
    const generator = Generator ? new Generator({ kind: 'video' }) : null;
    try {
      this.#decoder.open(generator?.writable ?? null);
    } catch (error) {
      generator?.stop();
      throw error;
    }
    if (generator) this.#setTrack(generator);
    this.#setResting();
  }

  /** @param {MediaStreamTrack} track */
  #setTrack(track) {
    if (this.#hasFailed) {
      track.stop();
      return;
    }
    this.#stream = new MediaStream([track]);
    this.#attach();
  }

  /** Begin once a stream is there: a `<video>` that waits for its first frame delays the page's load event. */
  #attach() {
    if (!this.#stream || !this.#isDescribed || this.#video.srcObject === this.#stream) return;
    this.#video.srcObject = this.#stream;
    this.#outcome.onPlay();
  }

  /**
   * True if the `<video>` has shown a frame of the track since the last call. A track takes frames although the `<video>`
   * does not play, for example because the browser has refused it.
   */
  #hasVideoMoved() {
    const video = this.#video;
    const progress = `${video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0} ${video.currentTime}`;
    if (progress === this.#progress) return false;
    this.#progress = progress;
    return true;
  }

  #setCanvas() {
    if (this.#hasFailed) return;
    const canvas = document.createElement('canvas');
    canvas.dataset.part = 'picture';
    canvas.setAttribute('aria-hidden', 'true');
    this.#video.after(canvas);
    this.#canvas = canvas;
    try {
      this.#decoder?.setCanvas(canvas.transferControlToOffscreen());
    } catch (error) {
      this.#fail('display', String(error));
    }
  }

  #setResting() {
    if (!this.#hasFailed) this.#decoder?.setResting(document.hidden);
  }

  /** @param {MseReason} reason @param {string} detail */
  #fail(reason, detail) {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#decoder?.setResting(true); // the track lives on, so that its last frame stays on screen
    this.#outcome.onFailed(reason, detail);
  }
}
