// @ts-check
/**
 * A MediaSource (ManagedMediaSource on iPhones) that fragments are put into, one after the other, as fast as the browser
 * takes them. Who uses it says what of the past may go. A managed one says when it takes nothing for a while, and may drop
 * what it has, the future included.
 */

const MOST_WAITING_BYTES = 32 * 1024 * 1024;

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

/**
 * @typedef {{data: Uint8Array<ArrayBuffer>, codecs: string|null, offsetS: number|null}} Waiting `codecs`, `offsetS`: as of an
 *   init section, null for fragments
 * @typedef {{keptS: number, trimmedAboveS: number, waitsWhenFull: boolean}} Policy how much of what was shown stays, above how much
 *   the rest goes; `waitsWhenFull`: what does not fit is put in later, else it is left out
 * @typedef {{onFatal: (why: 'media'|'unsupported', detail: string) => void, onPut?: () => void,
 *   onDropped?: (fromS: number) => void}} Outcome `onPut`: something was taken; `onDropped`: the browser has dropped what is
 *   ahead from there on
 */

export class FragmentSource {
  #video;
  #policy;
  #outcome;
  #source;
  #url;
  /** @type {SourceBuffer|null} */
  #buffer = null;
  /** Of what comes. */
  #codecs = '';
  /** Of what was put in. */
  #typed = '';
  /** @type {Waiting[]} */
  #waiting = [];
  #waitingBytes = 0;
  #closed = false;
  #failed = false;
  #isFull = false;
  #isEnding = false;
  /** It wants nothing for now. Not so before it has said so: what it is to play, it learns from what is put in first. */
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

  /** Whether it was told what comes. */
  get isDescribed() {
    return this.#codecs !== '';
  }

  /** Whether it wants more, as far as it says so. */
  get isTaking() {
    return !this.#isHalted;
  }

  /** @param {string} codecs @param {Uint8Array<ArrayBuffer>} data @param {{offsetS?: number|null, dropsWaiting?: boolean}} [how] */
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

  /** @param {Uint8Array<ArrayBuffer>} data @param {{isKey?: boolean}} [what] `isKey`: begins with a key frame */
  append(data, { isKey = false } = {}) {
    if (this.#closed || this.#failed || !this.isDescribed) return;
    if (this.#isHalted && isKey && !this.#policy.waitsWhenFull) this.#dropFragments(); // it goes on at the present
    this.#put({ data, codecs: null, offsetS: null });
    this.pump();
  }

  /** Nothing follows what was put in. */
  end() {
    this.#isEnding = true;
    this.pump();
  }

  /** What can be put in is. */
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
    if (this.#isFull && buffered.length && currentTime - buffered.start(0) < 2) return; // nothing can go yet
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

  /** What waits, but for init sections. */
  #dropFragments() {
    this.#waiting = this.#waiting.filter((one) => one.codecs !== null);
    this.#waitingBytes = this.#waiting.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  /** What we take away ourselves lies behind the picture on screen. @param {Event & {removedRanges?: TimeRanges}} event */
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

  /** All up to the next init section, one that changes something alone. @param {SourceBuffer} buffer @returns {Waiting|null} */
  #next(buffer) {
    const [first] = this.#waiting;
    if (!first) return null;
    const isSame = first.codecs === this.#typed && [null, buffer.timestampOffset].includes(first.offsetS);
    const next = this.#waiting.findIndex((one, at) => at > 0 && one.codecs !== null);
    const many = next < 0 ? this.#waiting.length : next;
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

  /** @param {SourceBuffer} buffer @param {Waiting} next what did not fit */
  #full(buffer, next) {
    if (this.#policy.waitsWhenFull) {
      this.#waiting.unshift(next);
      this.#waitingBytes += next.data.byteLength;
      this.#isFull = true;
    } else {
      // What was shown goes, and what did not fit is left out; the next key frame is not far.
      buffer.remove(0, Math.max(0.1, this.#video.currentTime - 1));
    }
  }

  /** @param {string} detail */
  #fail(detail) {
    if (this.#closed || this.#failed) return;
    this.#failed = true; // once: what comes now cannot be taken either
    this.#outcome.onFatal('media', detail);
  }
}

/** @param {Waiting[]} parts @param {number} bytes */
function joined(parts, bytes) {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const { data } of parts) {
    all.set(data, at);
    at += data.byteLength;
  }
  return all;
}
