// @ts-check
import { SAME_PICTURE_S, besideIn, pictureTimesOf, videoTrackOf } from '../lib/picture-times.js';
import { ShownPicture } from './shown-picture.js';

/**
 * Plays an HLS address on a `<video>`: hls.js wherever it works, the browser's own HLS only where it does not (an
 * iPhone). Chromium says "maybe" to native HLS and then fails cold starts, so hls.js is asked first.
 */

/** @typedef {typeof import('hls.js')} HlsModule @typedef {import('hls.js').default} Hls */
/** @typedef {import('../lib/picture-times.js').VideoTrack} VideoTrack */

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

/** What this browser decodes in MediaSource (or natively), as the API's `accept` wants it. */
export function decodableCodecs() {
  const mediaSource = /** @type {any} */ (window).ManagedMediaSource ?? window.MediaSource;
  const asks = 'video/mp4; codecs="hvc1.1.6.L120.90"';
  const hevc = mediaSource
    ? Boolean(mediaSource.isTypeSupported?.(asks))
    : document.createElement('video').canPlayType(asks) !== '';
  return hevc ? ['h264', 'hevc'] : ['h264'];
}

/** A long playlist wait is normal at a cold start: the server holds it for up to ten seconds. */
const PLAYLIST_LOAD = {
  default: {
    maxTimeToFirstByteMs: 20_000,
    maxLoadTimeMs: 25_000,
    timeoutRetry: { maxNumRetry: 4, retryDelayMs: 500, maxRetryDelayMs: 4000 },
    errorRetry: { maxNumRetry: 60, retryDelayMs: 500, maxRetryDelayMs: 3000, backoff: /** @type {const} */ ('linear') },
  },
};

/** A segment that is gone (the oldest, or one of a run before) is not worth many tries: the next one is. */
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

/** For recordings: from the beginning of the list on, never towards its end, and no more ahead than is seen soon. */
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

/** Whose pictures' times are kept: more than is ever buffered. */
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
  #closed = false;
  #keepsTimes;
  /** @type {VideoTrack|null} */
  #track = null;
  /** By segment number, when its pictures are shown on the stream's own time line. @type {Map<number, {seam: number, times: number[]}>} */
  #pictures = new Map();
  /** What that time line is ahead of the video's, by the seams before. @type {Map<number, number>} */
  #aheadS = new Map();
  /** @type {ShownPicture|null} */
  #shown = null;

  /**
   * `keepsTimes`: so that it can be moved by single pictures.
   *
   * @param {HTMLVideoElement} video
   * @param {{onFatal: (why: 'network'|'media'|'unsupported', detail: string) => void, config?: Partial<import('hls.js').HlsConfig>, keepsTimes?: boolean}} outcome
   */
  constructor(video, { onFatal, config = {}, keepsTimes = false }) {
    this.#video = video;
    this.#config = config;
    this.#keepsTimes = keepsTimes;
    this.#onFatal = onFatal;
  }

  /** @param {string} url @param {{hlsAddress: string, workerAddress: string}} parts */
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
      this.#onFatal('unsupported', 'This browser knows neither MediaSource nor HLS.');
    }
  }

  /** When the picture on screen was taken, by the playlist's EXT-X-PROGRAM-DATE-TIME; null before it is known. */
  get playingDate() {
    if (this.#native) {
      const start = /** @type {any} */ (this.#video).getStartDate?.();
      const startMs = start instanceof Date ? start.getTime() : NaN;
      return Number.isNaN(startMs) ? null : new Date(startMs + this.#video.currentTime * 1000);
    }
    return this.#hls?.playingDate ?? null;
  }

  /**
   * Where on the video's own clock a moment is, if it is loaded and so much beyond; null else. By the list's own times,
   * so that gaps count.
   *
   * @param {number} atMs
   * @param {number} [beyondS]
   */
  loadedTimeOf(atMs, beyondS = 0.1) {
    const fragment = this.#hls?.latestLevelDetails?.fragments.find(
      ({ programDateTime, duration }) =>
        programDateTime !== null && programDateTime <= atMs && atMs < programDateTime + duration * 1000,
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
   * Moves by exactly one picture; false where that is not loaded. The browser's own HLS tells no pictures' times: there by
   * so little that none is left out.
   *
   * @param {1|-1} direction
   */
  step(direction) {
    const beside = besideIn(this.#shownTimes(), this.#shown?.atS ?? 0, direction);
    if (beside !== null) this.moveTo(beside);
    else if (this.#native) this.#video.currentTime += direction * NATIVE_STEP_S;
    return beside !== null || this.#native;
  }

  /** To the picture of a time. @param {number} time on the video's own clock */
  moveTo(time) {
    const inside = besideIn(this.#shownTimes(), time, 0) ?? time;
    if (this.#shown) this.#shown.moveTo(inside);
    else this.#video.currentTime = inside;
  }

  /** When the first picture of the list was taken, ms; null before there is one. */
  get beginsMs() {
    return this.#hls?.latestLevelDetails?.fragments[0]?.programDateTime ?? null;
  }

  /** When the picture on screen was taken, ms; null where that is not known. */
  get shownMs() {
    const at = (this.#shown?.atS ?? 0) + SAME_PICTURE_S;
    const time = this.#shownTimes().findLast((shown) => shown <= at);
    if (time === undefined) return null;
    const fragment = this.#hls?.latestLevelDetails?.fragments.findLast(({ start }) => start <= time + 0.001);
    return fragment?.programDateTime ? fragment.programDateTime + (time - fragment.start) * 1000 : null;
  }

  #shownTimes() {
    const { buffered } = this.#video;
    const loaded = [...Array(buffered.length).keys()].map((index) => [buffered.start(index), buffered.end(index)]);
    const times = [...this.#pictures.values()]
      .flatMap(({ seam, times: shown }) => shown.map((time) => time - (this.#aheadS.get(seam) ?? 0)))
      .filter((time) => loaded.some(([start = 0, end = 0]) => start - 0.001 <= time && time < end - 0.001));
    return times.sort((one, other) => one - other);
  }

  /** To the newest picture there is. */
  toLive() {
    const at = this.#native ? this.#seekableEnd() : this.#hls?.liveSyncPosition;
    if (at !== null && at !== undefined && at > this.#video.currentTime + 0.3) this.#video.currentTime = at;
  }

  /** Loads on where it stopped: after a loss of network, and when a page wakes. */
  nudge() {
    this.#hls?.startLoad(-1);
    this.toLive();
  }

  close() {
    this.#closed = true;
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
      if (data.type === ErrorTypes.MEDIA_ERROR && this.#mediaErrors < 2) {
        this.#mediaErrors += 1;
        hls.recoverMediaError();
        void this.#video.play().catch(() => {});
        return;
      }
      this.#onFatal(data.type === ErrorTypes.NETWORK_ERROR ? 'network' : 'media', data.details);
    });
    hls.on(Events.FRAG_BUFFERED, () => (this.#mediaErrors = 0));
    if (this.#keepsTimes) {
      this.#shown = new ShownPicture(this.#video);
      hls.on(Events.INIT_PTS_FOUND, (_, { frag, initPTS, timescale }) => this.#aheadS.set(frag.cc, initPTS / timescale));
      hls.on(Events.BUFFER_APPENDING, (_, { type, data, frag }) => type !== 'audio' && this.#note(data, frag));
    }
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  /** @param {Uint8Array} data an init section or a segment @param {{sn: number|'initSegment', cc: number}} fragment */
  #note(data, { sn, cc }) {
    this.#track = videoTrackOf(data) ?? this.#track;
    const times = this.#track ? pictureTimesOf(data, this.#track) : [];
    if (!times.length || typeof sn !== 'number') return;
    this.#pictures.set(sn, { seam: cc, times });
    for (const old of [...this.#pictures.keys()].slice(0, -SEGMENTS_KEPT)) this.#pictures.delete(old);
  }

  #seekableEnd() {
    const { seekable } = this.#video;
    return seekable.length ? seekable.end(seekable.length - 1) - 3 : null;
  }
}
