// @ts-check
/**
 * Chooses the media profile of a channel to play, and remembers the profiles that failed: codecs that turned out to be
 * others than the device reports, and a main stream that was refused. Pure decisions.
 */
import { acceptOf, asSeen, canDecode, chooseProfile, profileOf } from './channels.js';
import { backoffMs } from './backoff.js';
import { rungsOf, smallSourceOf } from './quality-rungs.js';

/**
 * @typedef {import('./api.js').Channel} Channel
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./viewer-state.js').Quality} Quality
 * @typedef {import('./quality-ladder.js').Rung} Rung
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {NonNullable<ReturnType<typeof chooseProfile>> & {isSmall?: boolean}} ChosenProfile `isSmall`: the server makes
 *   small video of it
 */

/**
 * Codes of a device or server that has no capacity for another stream, or none for a large one. A server that is busy
 * for a moment (busy, join_limit) takes the main stream a little later.
 */
const REFUSALS = new Set(['camera_busy', 'stream_limit', 'transcode_limit', 'crash_loop', 'camera_unsupported', 'cannot_play']);

/** How long small video is no rung after the server refused it. */
const SMALL_AGAIN = { startMs: 60_000, maxMs: 15 * 60_000 };

export class ProfileChoice {
  #decodes;
  #nowMs;
  /** Codecs that could not be played, by camera id and profile token. @type {Map<number, Map<string, string>>} */
  #codecs = new Map();
  /** @type {Channel|null} */
  #channel = null;
  /** @type {ChosenProfile|null} */
  #chosenProfile = null;
  /** Why the sub stream replaces the main stream. @type {Problem|null} */
  #refusal = null;

  #smallRefused = { times: 0, untilMs: -Infinity };

  /** @param {readonly string[]} decodes codecs that this browser decodes @param {() => number} [nowMs] */
  constructor(decodes, nowMs = Date.now) {
    this.#decodes = decodes;
    this.#nowMs = nowMs;
  }

  get chosenProfile() {
    return this.#chosenProfile;
  }

  get refusal() {
    return this.#refusal;
  }

  /** The codecs that the server may pass on unchanged. */
  get accept() {
    return this.#chosenProfile ? acceptOf(this.#chosenProfile, this.#decodes) : [...this.#decodes];
  }

  /** True if the channel has a sub stream that this browser decodes and that is not playing. */
  get canUseSub() {
    const sub = this.#channel && profileOf(this.#channel, 'sub');
    return sub !== null && this.#chosenProfile?.quality !== 'sub' && canDecode(sub, this.#decodes);
  }

  /**
   * Choose the profile. `quality`: wanted one; null: main. `convert`: convert a stream that this browser does not
   * decode, instead of playing the sub stream. `rung`: the best one that the link carries; null: any.
   *
   * @param {{cameraId: number, channel: Channel|null, quality: Quality|null, convert: boolean, rung?: RungName|null}} request
   * @returns {ChosenProfile|null} null: nothing to play
   */
  choose({ cameraId, channel, quality, convert, rung = null }) {
    this.#channel = this.#asSeen({ cameraId, channel });
    const wanted = this.#refusal ? 'sub' : this.#within(rung, quality);
    this.#chosenProfile = this.#channel && chooseProfile(this.#channel, { quality: wanted, convert, decodes: this.#decodes });
    const source = this.#channel && rung === 'phone' ? smallSourceOf(this.#channel) : null;
    if (source) {
      const how = { isFallback: false, converting: false, refusedCodec: null, isSmall: true };
      this.#chosenProfile = { profile: source, quality: source.role === 'main' ? 'main' : 'sub', ...how };
    }
    return this.#chosenProfile;
  }

  /**
   * Return the rungs of a channel in a tile of this width, best first. Empty if this browser decodes none of its streams.
   *
   * @param {{cameraId: number, channel: Channel|null}} request
   * @param {number} widthPx in pixels of the device
   * @param {import('./quality-rungs.js').Measured|null} [measured]
   * @returns {Rung[]}
   */
  rungsAt(request, widthPx, measured = null) {
    const channel = this.#asSeen(request);
    const rungs = channel ? rungsOf(channel, { decodes: this.#decodes, widthPx, measured }) : [];
    const hasSmall = this.#nowMs() >= this.#smallRefused.untilMs;
    return rungs.filter(({ name }) => (name !== 'main' || !this.#refusal) && (name !== 'phone' || hasSmall));
  }

  /** The server refused small video, or it failed: it is no rung for a while, longer each time. */
  refuseSmall() {
    const { times } = this.#smallRefused;
    this.#smallRefused = { times: times + 1, untilMs: this.#nowMs() + backoffMs(times, SMALL_AGAIN) };
  }

  /**
   * The quality that the user has pinned; null if the channel does not have it, or not for this browser: then the
   * quality ladder chooses among the others.
   *
   * @param {{cameraId: number, channel: Channel|null}} request
   * @param {RungName|null} pinned
   */
  pinAt(request, pinned) {
    if (pinned !== 'main' && pinned !== 'sub') return pinned;
    const channel = this.#asSeen(request);
    const profile = channel && profileOf(channel, pinned);
    return profile && canDecode(profile, this.#decodes) ? pinned : null;
  }

  /** @param {{cameraId: number, channel: Channel|null}} request */
  #asSeen({ cameraId, channel }) {
    return channel && asSeen(channel, this.#codecs.get(cameraId) ?? new Map());
  }

  /**
   * The quality that is not better than the rung. A main stream that this browser does not decode stays wanted, so that
   * its fallback is shown.
   *
   * @param {RungName|null} rung @param {Quality|null} quality
   */
  #within(rung, quality) {
    const channel = this.#channel;
    if (!channel || quality === 'sub' || !rung || rung === 'main') return quality;
    const decodesBoth = canDecode(profileOf(channel, 'main'), this.#decodes) && canDecode(profileOf(channel, 'sub'), this.#decodes);
    return decodesBoth ? 'sub' : quality;
  }

  /**
   * Note that a stream has another codec than the device reports, and that this browser does not play it.
   *
   * @param {number} cameraId
   * @param {string} profileToken
   * @param {string} codec
   */
  learnCodec(cameraId, profileToken, codec) {
    const codecs = this.#codecs.get(cameraId) ?? new Map();
    this.#codecs.set(cameraId, codecs.set(profileToken, codec));
  }

  /**
   * True if the sub stream is to replace the main stream, because the main stream failed with a problem that the sub
   * stream may not have.
   *
   * @param {Problem|null} problem
   */
  fallBackToSub(problem) {
    if (!problem || !REFUSALS.has(problem.code) || this.#chosenProfile?.quality !== 'main' || !this.canUseSub) return false;
    this.#refusal = problem;
    return true;
  }

  /** Try a refused main stream again. */
  forgetRefusal() {
    this.#refusal = null;
  }

  /** Try the present channel's profiles again, because the camera may send other codecs now. @param {number} cameraId */
  forgetCodecs(cameraId) {
    for (const profile of this.#channel?.profiles ?? []) this.#codecs.get(cameraId)?.delete(profile.profile_token);
  }
}
