// @ts-check
/**
 * Plays an HLS address on a `<video>`: hls.js wherever it works, the browser's own HLS only where it does not (an
 * iPhone). Chromium says "maybe" to native HLS and then fails cold starts, so hls.js is asked first.
 */

/** @typedef {typeof import('hls.js')} HlsModule @typedef {import('hls.js').default} Hls */

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

  /**
   * @param {HTMLVideoElement} video
   * @param {{onFatal: (why: 'network'|'media'|'unsupported', detail: string) => void, config?: Partial<import('hls.js').HlsConfig>}} outcome
   */
  constructor(video, { onFatal, config = {} }) {
    this.#video = video;
    this.#config = config;
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
   * Where on the video's own clock a moment is, if it is loaded; null else. By the list's own times, so that gaps count.
   *
   * @param {number} atMs
   */
  loadedTimeOf(atMs) {
    const fragment = this.#hls?.latestLevelDetails?.fragments.find(
      ({ programDateTime, duration }) =>
        programDateTime !== null && programDateTime <= atMs && atMs < programDateTime + duration * 1000,
    );
    if (!fragment || fragment.programDateTime === null) return null;
    const time = fragment.start + (atMs - fragment.programDateTime) / 1000;
    const { buffered } = this.#video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= time && time < buffered.end(index) - 0.1) return time;
    }
    return null;
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
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  #seekableEnd() {
    const { seekable } = this.#video;
    return seekable.length ? seekable.end(seekable.length - 1) - 3 : null;
  }
}
