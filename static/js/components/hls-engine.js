// @ts-check
import { pictureAloneLoader } from '../lib/picture-alone.js';
import { SAME_FRAME_S, seekTimeIn, frameTimesOf, videoTrackOf } from '../lib/frame-times.js';
import { ShownFrame } from './shown-frame.js';

/**
 * Plays an HLS address in a `<video>`: with hls.js if it works, otherwise (iPhone) with the browser's own HLS. hls.js
 * comes first because Chromium answers "maybe" for native HLS and then fails at cold starts.
 */

/** @typedef {typeof import('hls.js')} HlsModule @typedef {import('hls.js').default} Hls */
/** @typedef {import('../lib/frame-times.js').VideoTrack} VideoTrack */

/** @type {Promise<HlsModule>|null} */
let loading = null;

/** @param {string} address @returns {Promise<HlsModule>} */
function loadHls(address) {
  loading ??= import(address).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Return the codecs that this browser decodes in MediaSource (or natively), as the API's `accept`. */
export function decodableCodecs() {
  const mediaSource = /** @type {any} */ (window).ManagedMediaSource ?? window.MediaSource;
  const asks = 'video/mp4; codecs="hvc1.1.6.L120.90"';
  const hevc = mediaSource ? Boolean(mediaSource.isTypeSupported?.(asks)) : document.createElement('video').canPlayType(asks) !== '';
  return hevc ? ['h264', 'hevc'] : ['h264'];
}

/** A slow playlist is normal at a cold start: the server holds the request for up to ten seconds. */
const PLAYLIST_LOAD = {
  default: {
    maxTimeToFirstByteMs: 20_000,
    maxLoadTimeMs: 25_000,
    timeoutRetry: { maxNumRetry: 4, retryDelayMs: 500, maxRetryDelayMs: 4000 },
    errorRetry: { maxNumRetry: 60, retryDelayMs: 500, maxRetryDelayMs: 3000, backoff: /** @type {const} */ ('linear') },
  },
};

/** Few tries for a segment: one that is gone (the oldest, or one of an earlier run) does not come back. */
const SEGMENT_LOAD = {
  default: {
    maxTimeToFirstByteMs: 8000,
    maxLoadTimeMs: 20_000,
    timeoutRetry: { maxNumRetry: 2, retryDelayMs: 200, maxRetryDelayMs: 1000 },
    errorRetry: { maxNumRetry: 3, retryDelayMs: 300, maxRetryDelayMs: 1500 },
  },
};

const CONFIG = {
  enableWorker: true,
  lowLatencyMode: false,
  liveSyncDurationCount: 1,
  liveMaxLatencyDurationCount: 6,
  maxLiveSyncPlaybackRate: 1.5,
  backBufferLength: 10,
  maxBufferLength: 12,
  maxMaxBufferLength: 20,
  startFragPrefetch: true,
  manifestLoadPolicy: PLAYLIST_LOAD,
  playlistLoadPolicy: PLAYLIST_LOAD,
  fragLoadPolicy: SEGMENT_LOAD,
};

/** For recordings: start at the list's beginning, do not hurry to its end, and buffer only a little ahead. */
export const REPLAY_CONFIG = {
  liveSyncDurationCount: 3,
  liveMaxLatencyDurationCount: Infinity,
  maxLiveSyncPlaybackRate: 1,
  startPosition: 0,
  backBufferLength: 60,
  maxBufferLength: 20,
  maxMaxBufferLength: 30,
};

const NATIVE_STEP_S = 0.04;

/** Media errors that are further apart have separate causes. Buffered segments prove nothing: they may fail later. */
const SAME_CAUSE_MS = 20_000;

/** The times of so many segments' frames are kept: more than are ever buffered. */
const SEGMENTS_KEPT = 120;

export class HlsEngine {
  #video;
  #config;
  #onFatal;
  /** @type {Hls|null} */
  #hls = null;
  /** @type {HlsModule|null} */
  #module = null;
  #native = false;
  #mediaErrors = 0;
  #lastErrorMs = -Infinity;
  #playsAlone;
  /** Ends the watch for errors of decoders. @type {AbortController} */
  #decoding = new AbortController();
  #closed = false;
  #keepsTimes;
  /** @type {VideoTrack|null} */
  #track = null;
  /**
   * Presentation times of a segment's frames on the stream's own timeline, by segment number.
   *
   * @type {Map<number, {discontinuity: number, times: number[]}>}
   */
  #frameTimes = new Map();
  /** Stream timeline minus the video's timeline, by discontinuity number. @type {Map<number, number>} */
  #aheadS = new Map();
  /** @type {ShownFrame|null} */
  #shown = null;

  /**
   * @param {HTMLVideoElement} video
   * @param {{onFatal: (why: 'network'|'media'|'unsupported', detail: string) => void,
   *   config?: Partial<import('hls.js').HlsConfig>, keepsTimes?: boolean, playsAlone?: boolean}} outcome
   *   `keepsTimes`: keep the times of frames, which `step()` needs; `playsAlone`: after repeated media errors, play the
   *   picture without the audio, whose decoder may be the one that refuses the media
   */
  constructor(video, { onFatal, config = {}, keepsTimes = false, playsAlone = !keepsTimes }) {
    this.#playsAlone = playsAlone;
    this.#video = video;
    this.#config = config;
    this.#keepsTimes = keepsTimes;
    this.#onFatal = onFatal;
  }

  /** @param {string} url @param {{hlsAddress: string, workerAddress: string}} options */
  async load(url, { hlsAddress, workerAddress }) {
    const module = await loadHls(hlsAddress);
    if (this.#closed) return;
    this.#module = module;
    if (module.default.isSupported()) {
      this.#attach(new module.default({ ...CONFIG, ...this.#config, workerPath: workerAddress }), url);
    } else if (this.#video.canPlayType('application/vnd.apple.mpegurl')) {
      this.#native = true;
      this.#video.src = url;
    } else {
      this.#onFatal('unsupported', 'This browser supports neither MediaSource nor HLS.');
    }
  }

  /** Time of the frame on screen, from the playlist's EXT-X-PROGRAM-DATE-TIME; null while unknown. */
  get playingDate() {
    if (this.#native) {
      const start = /** @type {any} */ (this.#video).getStartDate?.();
      const startMs = start instanceof Date ? start.getTime() : NaN;
      return Number.isNaN(startMs) ? null : new Date(startMs + this.#video.currentTime * 1000);
    }
    return this.#hls?.playingDate ?? null;
  }

  /**
   * Return the position of a moment on the video's timeline; null if it is not loaded. Uses the dates of the playlist,
   * so that gaps of the recording are counted.
   *
   * @param {number} atMs
   * @param {number} [beyondS] so much must be loaded after it
   */
  loadedTimeOf(atMs, beyondS = 0.1) {
    const fragment = this.#hls?.latestLevelDetails?.fragments.find(
      ({ programDateTime, duration }) => programDateTime !== null && programDateTime <= atMs && atMs < programDateTime + duration * 1000,
    );
    if (!fragment || fragment.programDateTime === null) return null;
    const time = fragment.start + (atMs - fragment.programDateTime) / 1000;
    const { buffered } = this.#video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= time && time < buffered.end(index) - beyondS) return time;
    }
    return null;
  }

  /**
   * Move by exactly one frame; false if that frame is not loaded. The browser's own HLS does not report the times of
   * frames: there the step is so short that it skips no frame.
   *
   * @param {1|-1} direction
   */
  step(direction) {
    const seekTime = seekTimeIn(this.#shownTimes(), this.#shown?.atS ?? 0, direction);
    if (seekTime !== null) this.moveTo(seekTime);
    else if (this.#native) this.#video.currentTime += direction * NATIVE_STEP_S;
    return seekTime !== null || this.#native;
  }

  /** Show the frame of a time. @param {number} time on the video's timeline */
  moveTo(time) {
    const inside = seekTimeIn(this.#shownTimes(), time, 0) ?? time;
    if (this.#shown) this.#shown.moveTo(inside);
    else this.#video.currentTime = inside;
  }

  /** Time of the playlist's first frame, in ms; null without a playlist. */
  get beginsMs() {
    return this.#hls?.latestLevelDetails?.fragments[0]?.programDateTime ?? null;
  }

  /** Time of the frame on screen, in ms, from the times of frames; null while unknown. */
  get shownFrameMs() {
    const at = (this.#shown?.atS ?? 0) + SAME_FRAME_S;
    return this.#dateOf(this.#shownTimes().findLast((shown) => shown <= at));
  }

  /** Time of the frame after the one on screen, in ms; null while it is not loaded. */
  get nextFrameMs() {
    const at = (this.#shown?.atS ?? 0) + SAME_FRAME_S;
    return this.#dateOf(this.#shownTimes().find((shown) => shown > at));
  }

  /** @param {number|undefined} time on the video's timeline */
  #dateOf(time) {
    if (time === undefined) return null;
    const fragment = this.#hls?.latestLevelDetails?.fragments.findLast(({ start }) => start <= time + 0.001);
    return fragment?.programDateTime ? fragment.programDateTime + (time - fragment.start) * 1000 : null;
  }

  #shownTimes() {
    const { buffered } = this.#video;
    const loaded = [...Array(buffered.length).keys()].map((index) => [buffered.start(index), buffered.end(index)]);
    const times = [...this.#frameTimes.values()]
      .flatMap(({ discontinuity, times: shown }) => shown.map((time) => time - (this.#aheadS.get(discontinuity) ?? 0)))
      .filter((time) => loaded.some(([start = 0, end = 0]) => start - 0.001 <= time && time < end - 0.001));
    return times.sort((one, other) => one - other);
  }

  /** Jump to the newest frame. */
  toLive() {
    const at = this.#native ? this.#seekableEnd() : this.#hls?.liveSyncPosition;
    if (at !== null && at !== undefined && at > this.#video.currentTime + 0.3) this.#video.currentTime = at;
  }

  /** Continue to load after a loss of network or a sleep, and jump to the newest frame. */
  nudge() {
    this.#hls?.startLoad(-1);
    this.toLive();
  }

  close() {
    this.#closed = true;
    this.#decoding.abort();
    this.#shown?.close();
    this.#hls?.destroy();
    this.#hls = null;
    if (this.#native) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
  }

  /** @param {Hls} hls @param {string} url */
  #attach(hls, url) {
    const { Events, ErrorTypes } = /** @type {HlsModule} */ (this.#module);
    this.#hls = hls;
    hls.on(Events.ERROR, (_, data) => {
      if (data.response?.code === 401) document.dispatchEvent(new Event('login-needed'));
      if (!data.fatal || this.#closed) return;
      if (data.type === ErrorTypes.MEDIA_ERROR && this.#recover(hls, url)) return;
      this.#onFatal(data.type === ErrorTypes.NETWORK_ERROR ? 'network' : 'media', data.details);
    });
    if (this.#keepsTimes) {
      this.#shown = new ShownFrame(this.#video);
      hls.on(Events.INIT_PTS_FOUND, (_, { frag, initPTS, timescale }) => this.#aheadS.set(frag.cc, initPTS / timescale));
      hls.on(Events.BUFFER_APPENDING, (_, { type, data, frag }) => type !== 'audio' && this.#note(data, frag));
    }
    if (this.#playsAlone) this.#watchDecoders(hls, url);
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  /** Continue after a media error; false after too many. @param {Hls} hls @param {string} url */
  #recover(hls, url) {
    const nowMs = performance.now();
    if (nowMs - this.#lastErrorMs > SAME_CAUSE_MS) this.#mediaErrors = 0;
    this.#lastErrorMs = nowMs;
    this.#mediaErrors += 1;
    if (this.#playsAlone && this.#mediaErrors === 2) {
      this.#playAlone(hls, url);
      return true;
    }
    if (this.#mediaErrors > 2) return false;
    hls.recoverMediaError();
    void this.#video.play().catch(() => {});
    return true;
  }

  /** Play the picture without its audio from now on. @param {Hls} hls @param {string} url */
  #playAlone(hls, url) {
    const { default: Hls } = /** @type {HlsModule} */ (this.#module);
    this.#playsAlone = false;
    this.#mediaErrors = 0;
    this.#decoding.abort();
    hls.destroy();
    this.#attach(new Hls({ ...hls.userConfig, fLoader: pictureAloneLoader() }), url);
    void this.#video.play().catch(() => {});
  }

  /**
   * Play the picture alone after an error of a decoder, unless the browser names the picture: hls.js reports such an
   * error only after it has tried again, and not each time.
   *
   * @param {Hls} hls
   * @param {string} url
   */
  #watchDecoders(hls, url) {
    const refused = () => !/video/i.test(this.#video.error?.message ?? '') && this.#playAlone(hls, url);
    this.#video.addEventListener('error', refused, { signal: this.#decoding.signal });
  }

  /** @param {Uint8Array} data an init section or a segment @param {{sn: number|'initSegment', cc: number}} fragment */
  #note(data, { sn, cc }) {
    this.#track = videoTrackOf(data) ?? this.#track;
    const times = this.#track ? frameTimesOf(data, this.#track) : [];
    if (!times.length || typeof sn !== 'number') return;
    this.#frameTimes.set(sn, { discontinuity: cc, times });
    for (const old of [...this.#frameTimes.keys()].slice(0, -SEGMENTS_KEPT)) this.#frameTimes.delete(old);
  }

  #seekableEnd() {
    const { seekable } = this.#video;
    return seekable.length ? seekable.end(seekable.length - 1) - 3 : null;
  }
}
