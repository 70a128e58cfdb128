// @ts-check
/**
 * Plays live fragments in a `<video>`, close behind the newest frame.
 *
 * Its owner passes the fragments in (`init`, `append`). It has those methods of HlsEngine that the live player needs.
 */
import { LivePace } from '../lib/live-pace.js';
import { SeekWatch } from '../lib/seek-watch.js';
import { FragmentAppender } from './fragment-appender.js';

const TICK_MS = 50;
const KEPT = { keptS: 6, trimmedAboveS: 14, waitsWhenFull: false };
const HOLE_S = 0.05;
/**
 * WebKitGTK often fails ("Failed to push buffer"), and sometimes hangs, after a seek while its first media are on their
 * way to the decoders. Other engines have no ManagedMediaSource.
 */
const FIRST_SEEK_AFTER_MS = 'ManagedMediaSource' in globalThis ? 300 : 0;

export class MseEngine {
  #video;
  #appender;
  #onPlay;
  #pace = new LivePace();
  #started = false;
  /** When the `<video>` was described. @type {number|null} */
  #describedMs = null;
  #isHeld = false;
  #isStalled = false;
  #seekWatch = new SeekWatch(performance.now());
  /**
   * Maps the media timeline to time: the frame at `startS` arrived at the server at `takenMs`.
   *
   * @type {{startS: number, takenMs: number}|null}
   */
  #stamp = null;
  #timer;
  /** @type {AbortController} */
  #wires = new AbortController();

  /**
   * @param {HTMLVideoElement} video
   * @param {{onFatal: (why: 'media'|'unsupported', detail: string) => void, onPlay: () => void}} outcome `onPlay`: the
   *   `<video>` has its first media and should play
   */
  constructor(video, { onFatal, onPlay }) {
    this.#video = video;
    this.#onPlay = onPlay;
    this.#appender = new FragmentAppender(video, KEPT, { onFatal, onPut: () => this.#followLive() });
    video.addEventListener('loadedmetadata', () => this.#followLive(), { signal: this.#wires.signal });
    video.addEventListener('waiting', () => this.#stalled(), { signal: this.#wires.signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {string} codecs @param {Uint8Array<ArrayBuffer>} data */
  init(codecs, data) {
    this.#pace.setAudio(codecs.includes(','));
    this.#appender.init(codecs, data, { dropsWaiting: true });
  }

  /** @param {import('../lib/live-socket.js').SocketFragments} fragments */
  append({ data, isKey, startS, takenMs }) {
    if (takenMs !== null && this.#appender.isDescribed) this.#stamp = { startS, takenMs };
    this.#appender.append(data, { isKey });
  }

  /** Arrival of the frame on screen at the server; null without a frame. */
  get playingDate() {
    if (!this.#stamp || !this.#started) return null;
    return new Date(this.#stamp.takenMs + (this.#video.currentTime - this.#stamp.startS) * 1000);
  }

  /** Jump to the newest frame. */
  toLive() {
    const end = this.#end();
    if (end !== null) this.#video.currentTime = Math.max(end - this.#pace.targetS, this.#startOfLast());
  }

  nudge() {
    this.#isHeld = false;
    this.toLive();
  }

  /** Stop following the newest frame, because the user has paused. */
  hold() {
    this.#isHeld = true;
  }

  close() {
    clearInterval(this.#timer);
    this.#wires.abort();
    this.#appender.close();
  }

  // ── Following ────────────────────────────────────────────────────────────────────────────────────────────────────

  #tick() {
    this.#appender.pump();
    this.#followLive();
  }

  #followLive() {
    const video = this.#video;
    const end = this.#end();
    if (end === null || this.#isHeld) return;
    if (!this.#started) {
      if (video.readyState < 1) return;
      const nowMs = performance.now();
      this.#describedMs ??= nowMs;
      if (nowMs - this.#describedMs < FIRST_SEEK_AFTER_MS) return;
      this.#started = true;
      video.currentTime = Math.max(end - this.#pace.targetS, this.#startOfLast());
      this.#onPlay();
      return;
    }
    if (this.#seekWatch.isStuck(video.seeking, performance.now())) this.toLive();
    if (video.seeking || video.paused) return;
    const start = this.#startOfLast();
    // A gap between two runs of the session: continue after it.
    if (video.currentTime < start - HOLE_S) {
      video.currentTime = Math.max(end - this.#pace.targetS, start);
      return;
    }
    const { currentTime } = video;
    const { rate, jumpToS } = this.#pace.next(performance.now() / 1000, currentTime, end);
    if (jumpToS !== null) video.currentTime = Math.max(end - jumpToS, start);
    if (end - currentTime > 0.02) this.#isStalled = false;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #stalled() {
    if (this.#isStalled || !this.#started || this.#isHeld || this.#video.seeking) return;
    this.#isStalled = true;
    this.#pace.stalled((this.#end() ?? 0) - this.#video.currentTime);
  }

  #end() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.end(buffered.length - 1) : null;
  }

  #startOfLast() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.start(buffered.length - 1) : 0;
  }
}
