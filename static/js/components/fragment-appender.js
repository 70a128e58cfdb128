// @ts-check
/**
 * Appends fragments to a MediaSource (ManagedMediaSource on iPhones) as fast as the browser takes them, and removes old
 * media by the owner's policy. A ManagedMediaSource may stop taking media for a while, and may drop any of its media,
 * also media after the frame on screen.
 */

const MOST_WAITING_BYTES = 32 * 1024 * 1024;

/** @returns {{new (): MediaSource, isTypeSupported: (type: string) => boolean}|null} */
function mediaSourceKind() {
  const scope = /** @type {any} */ (window);
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

/** True if this browser can play fragments that come over a WebSocket. */
export function hasMediaSource() {
  return mediaSourceKind() !== null && typeof WebSocket !== 'undefined';
}

/** @param {string} codecs RFC 6381 */
export function playsFragments(codecs) {
  return mediaSourceKind()?.isTypeSupported(`video/mp4; codecs="${codecs}"`) ?? false;
}

/**
 * @typedef {{data: Uint8Array<ArrayBuffer>, codecs: string|null, offsetS: number|null}} Waiting
 *   `codecs`, `offsetS`: of an init section; null for fragments
 * @typedef {{keptS: number, trimmedAboveS: number, waitsWhenFull: boolean}} Policy
 *   when more than `trimmedAboveS` of the past is buffered, all but `keptS` of it is removed; `waitsWhenFull`: media
 *   that does not fit waits, otherwise it is discarded
 * @typedef {{onFatal: (why: 'media'|'unsupported', detail: string) => void, onPut?: () => void,
 *   onDropped?: (fromS: number) => void}} Outcome
 *   `onPut`: the browser took media; `onDropped`: the browser dropped media from this position on
 */

export class FragmentAppender {
  #video;
  #policy;
  #outcome;
  #source;
  #url;
  /** @type {SourceBuffer|null} */
  #buffer = null;
  /** Codecs of the newest init section. */
  #codecs = '';
  /** Codecs of the SourceBuffer. */
  #typed = '';
  /** @type {Waiting[]} */
  #waiting = [];
  #waitingBytes = 0;
  #closed = false;
  #failed = false;
  #isFull = false;
  #isEnding = false;
  /** True while a ManagedMediaSource takes no media. False at first: it needs some media to begin with. */
  #isHalted = false;
  /** @type {AbortController} */
  #wires = new AbortController();

  /** @param {HTMLVideoElement} video @param {Policy} policy @param {Outcome} outcome */
  constructor(video, policy, outcome) {
    this.#video = video;
    this.#policy = policy;
    this.#outcome = outcome;
    const Kind = mediaSourceKind();
    if (!Kind) throw new Error('This browser has no MediaSource.');
    this.#source = new Kind();
    const { signal } = this.#wires;
    this.#source.addEventListener('sourceopen', () => this.#opened(), { signal });
    this.#source.addEventListener('endstreaming', () => (this.#isHalted = true), { signal });
    this.#source.addEventListener('startstreaming', () => this.#goOn(), { signal });
    video.addEventListener('error', () => this.#fail(video.error?.message ?? ''), { signal });
    video.disableRemotePlayback = true; // without it ManagedMediaSource does not open
    this.#url = URL.createObjectURL(this.#source);
    video.src = this.#url;
  }

  /** True after the first init section. */
  get isDescribed() {
    return this.#codecs !== '';
  }

  /** True if the browser takes media. */
  get isTaking() {
    return !this.#isHalted;
  }

  /**
   * @param {string} codecs
   * @param {Uint8Array<ArrayBuffer>} data
   * @param {{offsetS?: number|null, dropsWaiting?: boolean}} [how]
   */
  init(codecs, data, { offsetS = null, dropsWaiting = false } = {}) {
    if (this.#closed) return;
    if (!playsFragments(codecs)) {
      this.#outcome.onFatal('unsupported', codecs);
      return;
    }
    if (dropsWaiting && this.#buffer && this.#codecs !== codecs) {
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    this.#codecs = codecs;
    this.#put({ data, codecs, offsetS });
    this.#opened();
  }

  /** @param {Uint8Array<ArrayBuffer>} data @param {{isKey?: boolean}} [what] `isKey`: starts with a key frame */
  append(data, { isKey = false } = {}) {
    if (this.#closed || this.#failed || !this.isDescribed) return;
    if (this.#isHalted && isKey && !this.#policy.waitsWhenFull) this.#dropFragments(); // live: continue with this one
    this.#put({ data, codecs: null, offsetS: null });
    this.pump();
  }

  /** End the stream after the media that is waiting. */
  end() {
    this.#isEnding = true;
    this.pump();
  }

  /** Append waiting media, or make space for it. */
  pump() {
    const buffer = this.#buffer;
    if (this.#closed || this.#failed || this.#isHalted || !buffer || buffer.updating || this.#source.readyState !== 'open') return;
    const { currentTime } = this.#video;
    const { buffered } = buffer;
    const { keptS, trimmedAboveS } = this.#policy;
    if (buffered.length && currentTime - buffered.start(0) > trimmedAboveS) {
      buffer.remove(0, currentTime - keptS);
      return;
    }
    if (this.#isFull && buffered.length && currentTime - buffered.start(0) < 2) return; // nothing to remove yet
    if (this.#isFull && buffered.length) {
      this.#isFull = false;
      buffer.remove(0, Math.max(0.1, currentTime - 1));
      return;
    }
    const next = this.#next(buffer);
    if (next) this.#take(buffer, next);
    else if (this.#isEnding) {
      this.#isEnding = false;
      this.#source.endOfStream();
    }
  }

  close() {
    this.#closed = true;
    this.#wires.abort();
    this.#waiting = [];
    if (this.#video.src === this.#url) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    URL.revokeObjectURL(this.#url);
  }

  #opened() {
    if (this.#closed || this.#buffer || !this.#codecs || this.#source.readyState !== 'open') return;
    const codecs = this.#waiting.find((one) => one.codecs !== null)?.codecs ?? this.#codecs;
    try {
      this.#buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
      this.#typed = codecs;
    } catch (error) {
      this.#outcome.onFatal('unsupported', String(error));
      return;
    }
    this.#source.duration = Infinity;
    const { signal } = this.#wires;
    this.#buffer.addEventListener('updateend', () => this.#taken(), { signal });
    this.#buffer.addEventListener('error', () => this.#fail('a fragment was not taken'), { signal });
    this.#buffer.addEventListener('bufferedchange', (event) => this.#dropped(event), { signal });
    this.pump();
  }

  #taken() {
    this.#outcome.onPut?.();
    this.pump();
  }

  #goOn() {
    this.#isHalted = false;
    this.pump();
  }

  /** Drop the waiting fragments, but not the init sections. */
  #dropFragments() {
    this.#waiting = this.#waiting.filter((one) => one.codecs !== null);
    this.#waitingBytes = this.#waiting.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  /**
   * Report media that the browser dropped ahead of the frame on screen. This class itself removes only older media.
   *
   * @param {Event & {removedRanges?: TimeRanges}} event
   */
  #dropped({ removedRanges: removed }) {
    const { currentTime } = this.#video;
    for (let at = 0; at < (removed?.length ?? 0); at += 1) {
      if (removed && removed.end(at) > currentTime) this.#outcome.onDropped?.(Math.max(currentTime, removed.start(at)));
    }
  }

  /** @param {Waiting} one */
  #put(one) {
    this.#waiting.push(one);
    this.#waitingBytes += one.data.byteLength;
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#fail('the browser takes nothing any more');
  }

  /**
   * Take the waiting media up to the next init section. An init section that changes codecs or offset comes alone;
   * another one waits for its first fragment, because the browser takes a while for each piece.
   *
   * @param {SourceBuffer} buffer
   * @returns {Waiting|null}
   */
  #next(buffer) {
    const [first] = this.#waiting;
    if (!first) return null;
    const isSame = first.codecs === this.#typed && [null, buffer.timestampOffset].includes(first.offsetS);
    const next = this.#waiting.findIndex((one, at) => at > 0 && one.codecs !== null);
    const many = next < 0 ? this.#waiting.length : next;
    if (isSame && this.#waiting.length === 1) return null;
    const taken = this.#waiting.splice(0, first.codecs === null || isSame ? many : 1);
    const bytes = taken.reduce((sum, { data }) => sum + data.byteLength, 0);
    this.#waitingBytes -= bytes;
    const data = taken.length === 1 ? first.data : joined(taken, bytes);
    return { data, codecs: first.codecs, offsetS: first.offsetS };
  }

  /** @param {SourceBuffer} buffer @param {Waiting} next */
  #take(buffer, next) {
    const { data, codecs, offsetS } = next;
    try {
      if (codecs !== null) {
        if (codecs !== this.#typed) buffer.changeType(`video/mp4; codecs="${codecs}"`);
        this.#typed = codecs;
        if (offsetS !== null) buffer.timestampOffset = offsetS;
      }
      buffer.appendBuffer(data);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError' && buffer.buffered.length) {
        this.#full(buffer, next);
      } else this.#fail(String(error));
    }
  }

  /** @param {SourceBuffer} buffer @param {Waiting} next media that did not fit */
  #full(buffer, next) {
    if (this.#policy.waitsWhenFull) {
      this.#waiting.unshift(next);
      this.#waitingBytes += next.data.byteLength;
      this.#isFull = true;
    } else {
      // Remove the past and discard this media: live, the next key frame comes soon.
      buffer.remove(0, Math.max(0.1, this.#video.currentTime - 1));
    }
  }

  /** @param {string} detail */
  #fail(detail) {
    if (this.#closed || this.#failed) return;
    this.#failed = true; // reported once: no further media can be appended
    this.#outcome.onFatal('media', detail);
  }
}

/** @param {Waiting[]} waiting @param {number} bytes */
function joined(waiting, bytes) {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const { data } of waiting) {
    all.set(data, at);
    at += data.byteLength;
  }
  return all;
}
