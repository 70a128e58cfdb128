// @ts-check
/**
 * Plays one run of a replay, whose media comes over the socket, in a `<video>`. It has those methods of HlsEngine that
 * the replay player needs.
 */
import { RunTimeline } from '../lib/run-timeline.js';
import { frameTimesOf, videoTrackOf } from '../lib/frame-times.js';
import { KeyFrameSpacing } from '../lib/key-frame-spacing.js';
import { MediaRate } from '../lib/media-rate.js';
import { FragmentAppender } from './fragment-appender.js';
import { ShownFrame } from './shown-frame.js';

/**
 * @typedef {import('../lib/replay-media.js').ReplayRun} ReplayRun
 * @typedef {import('../lib/frame-times.js').VideoTrack} VideoTrack
 */

const TICK_MS = 200;
const KEPT = { keptS: 30, trimmedAboveS: 40, waitsWhenFull: true };
/**
 * So much is requested ahead of the frame on screen. The constant of the same name in sessions/replay/broadcast.py must
 * be equal: the server subtracts it from a request to learn how far the page has shown the run.
 */
const REQUESTED_AHEAD_S = 40;
/** Media that the browser has dropped is requested again so long before it is due. */
const AGAIN_S = 1;

export class RunEngine {
  #video;
  #run;
  #appender;
  #onLost;
  /** Start of the first media that the browser has dropped. */
  #lostS = Infinity;
  #wantedS = 0;
  #shown;
  #timeline = new RunTimeline();
  /** @type {VideoTrack|null} */
  #track = null;
  #offsetS = 0;
  #rate = new MediaRate();
  #spacing = new KeyFrameSpacing();
  #timer;

  /**
   * @param {HTMLVideoElement} video
   * @param {ReplayRun} run
   * @param {{onFatal: (why: 'network'|'media'|'unsupported', detail: string) => void, onLost: () => void}} outcome
   *   `onLost`: the browser has dropped the media that is due next
   */
  constructor(video, run, { onFatal, onLost }) {
    this.#video = video;
    this.#run = run;
    this.#onLost = onLost;
    const onDropped = (/** @type {number} */ fromS) => (this.#lostS = Math.min(this.#lostS, fromS));
    this.#appender = new FragmentAppender(video, KEPT, { onFatal, onDropped });
    this.#shown = new ShownFrame(video);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /**
   * Take the run's media. Separate from the constructor, because `onFatal` may be called immediately and its owner
   * compares the engine with its own field.
   */
  start() {
    this.#run.sink = {
      init: (init, data) => {
        this.#track = videoTrackOf(data) ?? this.#track;
        this.#offsetS = init.offsetS;
        this.#timeline.dropFrom(init.offsetS);
        this.#appender.init(init.codecs, data, { offsetS: init.offsetS });
      },
      append: ({ data, startS, takenMs }) => {
        const times = this.#track ? frameTimesOf(data, this.#track).map((time) => time + this.#offsetS) : [];
        if (takenMs !== null) this.#timeline.add({ startS, takenMs, times });
        this.#rate.take(startS, data.byteLength);
        for (const time of times) this.#spacing.note(time);
        this.#appender.append(data);
      },
      end: () => this.#appender.end(),
    };
  }

  /** Time of the frame on screen; null without a frame. */
  get playingDate() {
    const ms = this.#timeline.dateAt(this.#video.currentTime);
    return ms === null ? null : new Date(ms);
  }

  /** The loaded media after the position, its end, in seconds, and its rate at 1×; null without media. */
  get supply() {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length) return null;
    const loadedS = buffered.end(buffered.length - 1);
    return { loadedS, aheadS: Math.max(0, loadedS - currentTime), mediaKbps: this.#rate.kbps };
  }

  /** Time between two frames, in seconds, where the run has key frames alone. */
  get spacingS() {
    return this.#spacing.seconds;
  }

  /** True if the run has arrived completely. */
  get isComplete() {
    return this.#run.isEnded;
  }

  /** See `HlsEngine.loadedTimeOf()`. @param {number} atMs @param {number} [beyondS] */
  loadedTimeOf(atMs, beyondS = 0.1) {
    const time = this.#timeline.positionOf(atMs);
    return time !== null && this.#isLoaded(time, beyondS) ? time : null;
  }

  /** Move by exactly one frame; false if that frame is not loaded. @param {1|-1} direction */
  step(direction) {
    const seekTime = this.#timeline.seekTimeOf(this.#shown.atS, direction, (time) => this.#isLoaded(time, 0.001));
    if (seekTime !== null) this.#shown.moveTo(seekTime);
    return seekTime !== null;
  }

  /** Show the frame of a time. @param {number} time on the video's timeline */
  moveTo(time) {
    this.#shown.moveTo(this.#timeline.seekTimeOf(time, 0, (begin) => this.#isLoaded(begin, 0.001)) ?? time);
  }

  /** Time of the first frame, in ms; null without a frame. */
  get beginsMs() {
    return this.#timeline.beginsMs;
  }

  /** Time of the frame on screen, in ms, from the times of frames; null while unknown. */
  get shownFrameMs() {
    const begin = this.#timeline.frameStartOf(this.#shown.atS);
    return begin === null ? null : this.#timeline.dateAt(begin);
  }

  /** Time of the frame after the one on screen, in ms; null while it is not loaded. */
  get nextFrameMs() {
    const begin = this.#timeline.nextFrameStartOf(this.#shown.atS);
    return begin === null ? null : this.#timeline.dateAt(begin);
  }

  close() {
    clearInterval(this.#timer);
    this.#run.sink = null;
    this.#shown.close();
    this.#appender.close();
  }

  #tick() {
    this.#appender.pump();
    // While the browser takes no media, the wanted position stays. It is still sent: the server drops silent viewers.
    if (this.#appender.isTaking) this.#wantedS = this.#video.currentTime + REQUESTED_AHEAD_S;
    this.#run.want(this.#wantedS);
    this.#timeline.forget(this.#loadedFromS() - 1);
    if (this.#video.currentTime < this.#lostS - AGAIN_S || document.hidden) return;
    this.#lostS = Infinity;
    this.#onLost();
  }

  #loadedFromS() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.start(0) : 0;
  }

  /** @param {number} time @param {number} beyondS so much must be loaded after it */
  #isLoaded(time, beyondS) {
    const { buffered } = this.#video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) - 0.001 <= time && time < buffered.end(index) - beyondS) return true;
    }
    return false;
  }
}
