// @ts-check
import { tileProfileOf } from '../lib/channels.js';

/**
 * @typedef {import('./channel-player.js').ChannelPlayer} ChannelPlayer
 * @typedef {import('./channel-player.js').ChannelRequest} ChannelRequest
 * @typedef {{isTry?: boolean, endsOld?: boolean, isLinkThin?: boolean}} How see ChannelPlayer.setRung() and setRequest()
 */

/** Over a link that is thin for a long time, the last spacings between stills say how far apart the next ones are. */
const KEPT_COUNT = 3;

/**
 * Shows stills of a channel while its rung is `stills`: the stream is left, its last frame stays until the first still.
 * For a better rung the stream starts below the stills, which stay until its first frame.
 *
 * Emits 'change' when a still is shown.
 */
export class ChannelStills extends EventTarget {
  #player;
  #image;
  #api;
  #queue;
  /** @type {ChannelRequest|null} */
  #request = null;
  #isOn = false;
  /** True from the start of a better rung until its first frame. */
  #isLeaving = false;
  #isTry = false;
  #hasFailed = false;
  /** True until something of the channel was shown: then the server's last still is better than none. */
  #hasNothing = true;
  /** When the last stills were taken, in ms. @type {number[]} */
  #takenMs = [];

  /**
   * @param {{player: ChannelPlayer, image: import('./snapshot-image.js').SnapshotImage,
   *   api: Pick<import('../lib/api.js').Api, 'snapshot'>, queue: import('../lib/still-queue.js').StillQueue}} parts
   */
  constructor({ player, image, api, queue }) {
    super();
    this.#player = player;
    this.#image = image;
    this.#api = api;
    this.#queue = queue;
    player.addEventListener('change', () => this.#playerChanged());
  }

  /** True if stills replace the stream. */
  get isOn() {
    return this.#isOn;
  }

  /** True while stills are on screen: also below a better rung that has shown no frame yet. */
  get isShown() {
    return this.#isOn || this.#isLeaving;
  }

  /** True if a better rung is being tried that has shown no frame yet. */
  get isStarting() {
    return (this.#isLeaving && this.#isTry) || this.#player.isStarting;
  }

  /** True if the last try ended with a problem. */
  get hasFailedTry() {
    return this.#hasFailed || this.#player.hasFailedTry;
  }

  /** Usual time between two stills in seconds; 0 while it is unknown. */
  get spacingS() {
    const [first] = this.#takenMs;
    const last = this.#takenMs.at(-1);
    const count = this.#takenMs.length - 1;
    return first !== undefined && last !== undefined && count > 0 ? (last - first) / count / 1000 : 0;
  }

  /** Age of the still on screen in seconds; null without one. @param {number} nowMs the server's clock */
  behindS(nowMs) {
    const { takenAt } = this.#image;
    return this.isShown && takenAt ? Math.max(0, (nowMs - takenAt.getTime()) / 1000) : null;
  }

  /** Set the request of the channel's player, or show stills instead. @param {ChannelRequest|null} request @param {How} [how] */
  setRequest(request, how = {}) {
    const wasOn = this.#isOn;
    const isOther = this.#request?.cameraId !== request?.cameraId || this.#request?.number !== request?.number;
    const isStills = request?.rung === 'stills';
    this.#request = request;
    this.#isOn = isStills && request.isActive;
    if (isOther) this.#forget();
    else if (!request?.isActive) this.#isLeaving = false;
    else if (wasOn && !this.#isOn) this.#leave(request, how);
    if (!this.#isOn && (wasOn || isOther)) this.#queue.remove(this);
    if (!isStills && request?.isActive) this.#hasNothing = false;
    this.#player.setRequest(request && isStills ? { ...request, isActive: false } : request, how);
    if (this.#isOn && (!wasOn || isOther)) this.#begin();
    if (wasOn !== this.#isOn) this.dispatchEvent(new Event('change'));
  }

  /** Play another rung of the quality ladder. @param {import('../lib/quality-ladder.js').RungName} rung @param {How} [how] */
  setRung(rung, how) {
    if (!this.#request || this.#request.rung === rung) return;
    this.#hasFailed = false;
    if (rung === 'stills' || this.#request.rung === 'stills') this.setRequest({ ...this.#request, rung }, how);
    else {
      this.#request = { ...this.#request, rung };
      this.#player.setRung(rung, how);
    }
  }

  close() {
    this.#isOn = this.#isLeaving = false;
    this.#queue.remove(this);
  }

  #begin() {
    this.#isLeaving = false;
    this.#takenMs = [];
    this.#queue.add(this, () => this.#load());
  }

  /** @param {ChannelRequest|null} request @param {How} how */
  #leave(request, { isTry = false }) {
    this.#isTry = isTry;
    this.#isLeaving = request?.isActive ?? false;
    this.#hasFailed = false;
  }

  #forget() {
    this.#isLeaving = this.#isTry = this.#hasFailed = false;
    this.#hasNothing = true;
  }

  /** The stream of the better rung has its first frame, or a problem. */
  #playerChanged() {
    if (!this.#isLeaving) return;
    const { phase } = this.#player.view;
    if (phase === 'failed') this.#hasFailed = this.#isTry;
    if (['playing', 'failed', 'ended', 'idle'].includes(phase)) this.#isLeaving = false;
  }

  /** @param {number} cameraId @param {string} profileToken */
  async #newest(cameraId, profileToken) {
    const ask = { profileToken, isSmall: true };
    const cached = this.#hasNothing && !this.#image.hasPicture;
    this.#hasNothing = false;
    if (!cached) return this.#api.snapshot(cameraId, ask);
    return this.#api.snapshot(cameraId, { ...ask, cached }).catch(() => this.#api.snapshot(cameraId, ask));
  }

  /** Load and show the next still. @returns {Promise<number|null>} how long its bytes took, in ms; null if there is none */
  async #load() {
    const request = this.#request;
    const profile = request?.channel && tileProfileOf(request.channel);
    if (!profile) return null;
    const { blob, takenAt, loadMs } = await this.#newest(request.cameraId, profile.profile_token);
    const taken = takenAt ?? new Date();
    const isOlder = this.#image.takenAt !== null && this.#image.takenAt > taken;
    const isOther = request.cameraId !== this.#request?.cameraId || request.number !== this.#request.number;
    if (!this.#isOn || isOther || isOlder) return loadMs;
    await this.#image.show(blob, taken);
    this.#takenMs = [...this.#takenMs, taken.getTime()].slice(-KEPT_COUNT);
    this.dispatchEvent(new Event('change'));
    return loadMs;
  }
}
