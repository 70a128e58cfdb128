// @ts-check
/**
 * Plays live fragments on a `<video>` through MediaSource (ManagedMediaSource on iPhones), close behind the newest.
 *
 * It is fed by whoever has the fragments (`init`, `append`) and has the same face as HlsEngine where a player needs it.
 */
import { LivePace } from '../lib/live-pace.js';

const TICK_MS = 50;
const KEPT_S = 6;
const TRIMMED_ABOVE_S = 14;
const MOST_WAITING_BYTES = 32 * 1024 * 1024;
const HOLE_S = 0.05;

/** @returns {{new (): MediaSource, isTypeSupported: (type: string) => boolean}|null} */
function mediaSourceKind() {
  const scope = /** @type {any} */ (window);
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

/** Whether this browser plays fragments at all. */
export function hasMediaSource() {
  return mediaSourceKind() !== null && typeof WebSocket !== 'undefined';
}

/** @param {string} codecs RFC 6381 */
export function playsFragments(codecs) {
  return mediaSourceKind()?.isTypeSupported(`video/mp4; codecs="${codecs}"`) ?? false;
}

export class MseEngine {
  #video;
  #onFatal;
  #source;
  #url;
  /** @type {SourceBuffer|null} */
  #buffer = null;
  #codecs = '';
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #waiting = [];
  #waitingBytes = 0;
  #pace = new LivePace();
  #started = false;
  #held = false;
  #closed = false;
  #standing = false;
  #failed = false;
  /** The clock of the pictures: what lies at `startS` arrived at `takenMs`. @type {{startS: number, takenMs: number}|null} */
  #stamp = null;
  #timer;
  /** @type {AbortController} */
  #wires = new AbortController();

  /**
   * @param {HTMLVideoElement} video
   * @param {{onFatal: (why: 'media'|'unsupported', detail: string) => void}} outcome
   */
  constructor(video, { onFatal }) {
    this.#video = video;
    this.#onFatal = onFatal;
    const Kind = mediaSourceKind();
    if (!Kind) throw new Error('This browser has no MediaSource.');
    this.#source = new Kind();
    const { signal } = this.#wires;
    this.#source.addEventListener('sourceopen', () => this.#opened(), { signal });
    video.addEventListener('waiting', () => this.#stands(), { signal });
    video.addEventListener('error', () => this.#fail(video.error?.message ?? ''), { signal });
    video.disableRemotePlayback = true; // without it ManagedMediaSource does not open
    this.#url = URL.createObjectURL(this.#source);
    video.src = this.#url;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {string} codecs @param {Uint8Array<ArrayBuffer>} data */
  init(codecs, data) {
    if (this.#closed) return;
    if (!playsFragments(codecs)) {
      this.#onFatal('unsupported', codecs);
      return;
    }
    const before = this.#codecs;
    this.#codecs = codecs;
    if (this.#buffer && before !== codecs) {
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        if (this.#buffer.updating) this.#buffer.abort();
        this.#buffer.changeType(`video/mp4; codecs="${codecs}"`);
      } catch (error) {
        this.#fail(String(error));
        return;
      }
    }
    this.#put(data);
    this.#opened();
  }

  /** @param {import('../lib/live-socket.js').LiveFragments} fragments */
  append({ data, startS, takenMs }) {
    if (this.#closed || this.#failed || !this.#codecs) return;
    if (takenMs !== null) this.#stamp = { startS, takenMs };
    this.#put(data);
    this.#pump();
  }

  /** When the picture on screen arrived at the server; null before there is one. */
  get playingDate() {
    if (!this.#stamp || !this.#started) return null;
    return new Date(this.#stamp.takenMs + (this.#video.currentTime - this.#stamp.startS) * 1000);
  }

  /** To the newest picture there is. */
  toLive() {
    const end = this.#end();
    if (end !== null) this.#video.currentTime = Math.max(end - this.#pace.targetS, this.#startOfLast());
  }

  nudge() {
    this.#held = false;
    this.toLive();
  }

  /** The viewer has paused: nothing is caught up with. */
  hold() {
    this.#held = true;
  }

  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#wires.abort();
    this.#waiting = [];
    if (this.#video.src === this.#url) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    URL.revokeObjectURL(this.#url);
  }

  // ── Appending ────────────────────────────────────────────────────────────────────────────────────────────────────

  #opened() {
    if (this.#closed || this.#buffer || !this.#codecs || this.#source.readyState !== 'open') return;
    try {
      this.#buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${this.#codecs}"`);
    } catch (error) {
      this.#onFatal('unsupported', String(error));
      return;
    }
    this.#source.duration = Infinity;
    this.#buffer.addEventListener('updateend', () => this.#pump(), { signal: this.#wires.signal });
    this.#buffer.addEventListener('error', () => this.#fail('a fragment was not taken'), { signal: this.#wires.signal });
    this.#pump();
  }

  /** @param {Uint8Array<ArrayBuffer>} data */
  #put(data) {
    this.#waiting.push(data);
    this.#waitingBytes += data.byteLength;
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#fail('the browser takes nothing any more');
  }

  #pump() {
    const buffer = this.#buffer;
    if (this.#closed || !buffer || buffer.updating || this.#source.readyState !== 'open') return;
    this.#follow();
    const { currentTime } = this.#video;
    const { buffered } = buffer;
    if (buffered.length && currentTime - buffered.start(0) > TRIMMED_ABOVE_S) {
      buffer.remove(0, currentTime - KEPT_S);
      return;
    }
    if (!this.#waiting.length) return;
    const data = this.#waiting.length === 1 ? this.#waiting[0] : joined(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      buffer.appendBuffer(/** @type {Uint8Array<ArrayBuffer>} */ (data));
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError' && buffered.length) {
        // Full: what was shown goes, and what did not fit is left out; the next key frame is not far.
        buffer.remove(0, Math.max(0.1, currentTime - 1));
      } else this.#fail(String(error));
    }
  }

  // ── Following ────────────────────────────────────────────────────────────────────────────────────────────────────

  #tick() {
    if (this.#buffer && !this.#buffer.updating) this.#pump();
    this.#follow();
  }

  #follow() {
    const video = this.#video;
    const end = this.#end();
    if (end === null || this.#held) return;
    if (!this.#started) {
      if (video.readyState < 1) return;
      this.#started = true;
      video.currentTime = Math.max(end - this.#pace.targetS, this.#startOfLast());
      void video.play().catch(() => {});
      return;
    }
    if (video.seeking || video.paused) return;
    const start = this.#startOfLast();
    // A hole between two runs: the pictures go on behind it.
    if (video.currentTime < start - HOLE_S) {
      video.currentTime = Math.max(end - this.#pace.targetS, start);
      return;
    }
    const ahead = end - video.currentTime;
    const { rate, jumpToS } = this.#pace.next(performance.now() / 1000, ahead);
    if (jumpToS !== null) video.currentTime = Math.max(end - jumpToS, start);
    if (ahead > 0.02) this.#standing = false;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #stands() {
    if (this.#standing || !this.#started || this.#held || this.#video.seeking) return;
    this.#standing = true;
    this.#pace.stalled();
  }

  #end() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.end(buffered.length - 1) : null;
  }

  #startOfLast() {
    const { buffered } = this.#video;
    return buffered.length ? buffered.start(buffered.length - 1) : 0;
  }

  /** @param {string} detail */
  #fail(detail) {
    if (this.#closed || this.#failed) return;
    this.#failed = true; // once: what comes now cannot be taken either
    this.#onFatal('media', detail);
  }
}

/** @param {Uint8Array<ArrayBuffer>[]} parts @param {number} bytes */
function joined(parts, bytes) {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
