// @ts-check
/**
 * The engine for a live picture: WebCodecs where it is possible, otherwise MediaSource, and the reason. Pure decisions,
 * times in ms of any monotonic clock.
 *
 * WebCodecs shows a frame as soon as it is decoded. MediaSource holds a distance, but plays audio in step with the
 * picture, sorts B-frames, and works on plain HTTP.
 */

/**
 * @typedef {'webcodecs'|'mse'} Engine
 * @typedef {'setting'|'switch'|'insecure'|'no_decoder'|'full_screen'|'audio'|'codec'|'unsupported'|'reordered'|'no_idr'|'error'|'slow'
 *   |'no_key'|'stands'|'worker'|'display'} MseReason
 * @typedef {{isSecure: boolean, hasDecoder: boolean, hasFullScreen: boolean}} Browser `hasFullScreen`: any element can be
 *   full screen, not only a `<video>`
 * @typedef {'webcodecs'|'setting'|'switch'} Wanted the user's choice: WebCodecs, or MediaSource by the server's setting or
 *   by this browser's switch
 * @typedef {{engine: Engine, reason: MseReason|null}} Chosen
 */

/** Texts for the page, which follow "a little later: ". @type {Record<MseReason, string>} */
export const MSE_REASONS = {
  setting: 'the server is set to it',
  switch: 'the shortest delay is switched off in this browser',
  insecure: 'the page is not secure (HTTPS or localhost)',
  no_decoder: 'this browser has no video decoder for pages (WebCodecs)',
  full_screen: 'this browser shows full screen only that way',
  audio: 'sound is on',
  codec: 'the picture is not H.264',
  unsupported: 'this browser’s decoder does not take this kind of H.264',
  reordered: 'the camera sends frames in another order than they are shown (B-frames)',
  no_idr: 'the camera sends no complete key frames (IDR)',
  error: 'this browser’s decoder has failed several times',
  slow: 'this browser’s decoder was too slow',
  no_key: 'the next key frame took too long',
  stands: 'the picture stood still',
  worker: 'the decoder of the page could not be started',
  display: 'this browser could not show decoded frames',
};

/** Return what the page says about the engine. @param {Chosen|null} chosen null over HLS and without a stream */
export function engineFact(chosen) {
  if (!chosen) return '–';
  return chosen.reason ? `MediaSource shows the picture, a little later: ${MSE_REASONS[chosen.reason]}` : 'On';
}

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 16 * 60_000;
/** Reasons that lie in the stream: another channel gets its own try. */
const OF_STREAM = new Set(['unsupported', 'reordered', 'no_idr', 'error', 'no_key']);

export class EngineChoice {
  #browser;
  /** @type {{reason: MseReason, untilMs: number, pauseMs: number}|null} */
  #refusal = null;

  /** @param {Browser} browser */
  constructor(browser) {
    this.#browser = browser;
  }

  /**
   * Return the engine for a stream, before its codecs are known.
   *
   * @param {{wanted: Wanted, isAudible: boolean}} request
   * @param {number} nowMs
   * @returns {Chosen}
   */
  expected({ wanted, isAudible }, nowMs) {
    const reason = this.#reasonOfPage(wanted) ?? (isAudible ? 'audio' : this.#refused(nowMs));
    return { engine: reason ? 'mse' : 'webcodecs', reason };
  }

  /**
   * Return the engine for a stream.
   *
   * @param {{wanted: Wanted, codecs: string, reordered: number|null, isReordered?: boolean}} stream `codecs`: RFC 6381;
   *   `reordered`: how many frames the SPS allows to be reordered, null if it does not say it; `isReordered`: the server
   *   has seen reordered frames
   * @param {number} nowMs
   * @returns {Chosen}
   */
  choose({ wanted, codecs, reordered, isReordered = false }, nowMs) {
    const reason = this.#reasonOfPage(wanted) ?? reasonOfStream(codecs, isReordered || Boolean(reordered)) ?? this.#refused(nowMs);
    return { engine: reason ? 'mse' : 'webcodecs', reason };
  }

  /** WebCodecs has failed: MediaSource plays for a while, longer after each further failure. @param {MseReason} reason @param {number} nowMs */
  failed(reason, nowMs) {
    const pauseMs = this.#refusal ? Math.min(LONGEST_PAUSE_MS, 2 * this.#refusal.pauseMs) : FIRST_PAUSE_MS;
    this.#refusal = { reason, untilMs: nowMs + pauseMs, pauseMs };
  }

  /** Another channel comes: forget a failure that lies in the stream. */
  forgetStream() {
    if (this.#refusal && OF_STREAM.has(this.#refusal.reason)) this.#refusal = null;
  }

  /** The user has switched WebCodecs on: try it again. */
  forget() {
    this.#refusal = null;
  }

  /** @param {Wanted} wanted @returns {MseReason|null} */
  #reasonOfPage(wanted) {
    if (wanted !== 'webcodecs') return wanted;
    if (!this.#browser.isSecure) return 'insecure';
    if (!this.#browser.hasDecoder) return 'no_decoder';
    return this.#browser.hasFullScreen ? null : 'full_screen';
  }

  /** @param {number} nowMs */
  #refused(nowMs) {
    return this.#refusal && nowMs < this.#refusal.untilMs ? this.#refusal.reason : null;
  }
}

/** @param {string} codecs @param {boolean} isReordered @returns {MseReason|null} */
function reasonOfStream(codecs, isReordered) {
  if (!/^avc1\.[0-9a-f]{6}(,|$)/i.test(codecs)) return 'codec';
  if (codecs.includes(',')) return 'audio';
  return isReordered ? 'reordered' : null;
}
