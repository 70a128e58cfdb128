// @ts-check
/** Requests about the head of one channel, its imaging, and the relays of its camera. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./ptz-types.js').Ptz} Ptz
 * @typedef {import('./ptz-types.js').PtzDone} PtzDone
 * @typedef {import('./ptz-types.js').PtzPreset} PtzPreset
 * @typedef {import('./ptz-types.js').PtzPresetList} PtzPresetList
 * @typedef {import('./ptz-types.js').PtzTour} PtzTour
 * @typedef {import('./ptz-types.js').PtzTourStop} PtzTourStop
 * @typedef {import('./ptz-types.js').Imaging} Imaging
 * @typedef {import('./ptz-types.js').ImagingBefore} ImagingBefore
 * @typedef {import('./ptz-types.js').RelayOutput} RelayOutput
 * @typedef {import('./ptz-motion.js').Velocity} Velocity
 */

/** A slow head answers late. A stop outlives the page. */
const COMMAND = { timeoutMs: 20_000 };
const STOP = { keepalive: true, timeoutMs: 20_000 };

export class PtzApi {
  #camera;
  #channel;
  #http;
  /** True: the next command takes the head over from another user. Only admins may. */
  takesOver = false;

  /** @param {string} cameras address of the cameras @param {number} cameraId @param {number} number @param {import('./http.js').HttpOptions} [options] */
  constructor(cameras, cameraId, number, options) {
    this.#camera = `${cameras}/${cameraId}`;
    this.#channel = `${this.#camera}/channels/${number}`;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<Ptz>} */
  view() {
    return this.#http.json('GET', `${this.#channel}/ptz`);
  }

  /** @param {Velocity} velocity @param {number} timeoutS @returns {Promise<PtzDone>} */
  move(velocity, timeoutS) {
    return this.#command('POST', 'move', { ...velocity, timeout_s: timeoutS });
  }

  /** Stop the head, also while the page is closed. @param {{takeOver?: boolean}} [how] @returns {Promise<PtzDone>} */
  stop({ takeOver = false } = {}) {
    return this.#http.json('POST', `${this.#channel}/ptz/stop`, takeOver ? { take_over: true } : {}, STOP);
  }

  /** @param {string} preset its token @returns {Promise<PtzDone>} */
  goTo(preset) {
    return this.#command('POST', 'goto', { preset });
  }

  /** Bring a place of the picture to its centre: from the left and from the top, 0 to 1. @param {{x: number, y: number}} place @returns {Promise<PtzDone>} */
  center({ x, y }) {
    return this.#command('POST', 'goto', { x, y });
  }

  /** @returns {Promise<PtzDone>} */
  goHome() {
    return this.#command('POST', 'home');
  }

  /** @returns {Promise<PtzDone>} */
  setHome() {
    return this.#command('PUT', 'home');
  }

  /** @param {{all?: boolean}} [how] `all`: with the unused factory slots @returns {Promise<PtzPresetList>} */
  presets({ all = false } = {}) {
    return this.#http.json('GET', `${this.#channel}/ptz/presets${all ? '?all=1' : ''}`, undefined, COMMAND);
  }

  /** @param {string} name @returns {Promise<PtzPreset>} */
  addPreset(name) {
    return this.#command('POST', 'presets', { name });
  }

  /** @param {string} token @param {{name?: string, here?: true}} change `here`: move it to the present position @returns {Promise<PtzPreset>} */
  changePreset(token, change) {
    return this.#command('PATCH', `presets/${encodeURIComponent(token)}`, change);
  }

  /** @param {string} token */
  async removePreset(token) {
    await this.#http.json('DELETE', `${this.#channel}/ptz/presets/${encodeURIComponent(token)}`, undefined, COMMAND);
  }

  /** @returns {Promise<PtzDone>} */
  autoFocus() {
    return this.#command('POST', 'focus', { auto: true });
  }

  /** @param {number|null} value decibels; null lets the device choose @returns {Promise<PtzDone>} */
  iris(value) {
    return this.#command('POST', 'iris', { value });
  }

  /** @param {string} command @returns {Promise<PtzDone>} */
  auxiliary(command) {
    return this.#command('POST', 'auxiliary', { command });
  }

  /** @returns {Promise<PtzTour[]>} */
  async tours() {
    return (await this.#http.json('GET', `${this.#channel}/ptz/tours`)).tours;
  }

  /** @param {string} name @param {PtzTourStop[]} stops @returns {Promise<PtzTour>} */
  addTour(name, stops) {
    return this.#http.json('POST', `${this.#channel}/ptz/tours`, { name, stops });
  }

  /** @param {number} id */
  async removeTour(id) {
    await this.#http.json('DELETE', `${this.#channel}/ptz/tours/${id}`);
  }

  /** @param {number} id @returns {Promise<PtzTour>} */
  startTour(id) {
    return this.#command('POST', `tours/${id}/start`);
  }

  /** @param {number} id @returns {Promise<PtzTour>} */
  stopTour(id) {
    return this.#http.json('POST', `${this.#channel}/ptz/tours/${id}/stop`, undefined, COMMAND);
  }

  /** @returns {Promise<Imaging>} */
  imaging() {
    return this.#http.json('GET', `${this.#channel}/imaging`, undefined, COMMAND);
  }

  /** @param {Partial<ImagingBefore>} change @returns {Promise<Imaging>} */
  changeImaging(change) {
    return this.#http.json('PUT', `${this.#channel}/imaging`, change, COMMAND);
  }

  /** @returns {Promise<RelayOutput[]>} */
  async relays() {
    return (await this.#http.json('GET', `${this.#camera}/relays`, undefined, COMMAND)).relays;
  }

  /** @param {string} token @param {boolean} active @returns {Promise<RelayOutput>} */
  setRelay(token, active) {
    return this.#http.json('POST', `${this.#camera}/relays/${encodeURIComponent(token)}`, { active }, COMMAND);
  }

  /**
   * Send a command that makes this user the mover.
   *
   * @param {string} method
   * @param {string} name
   * @param {object} [body]
   */
  async #command(method, name, body = {}) {
    const takesOver = this.takesOver;
    const answer = await this.#http.json(method, `${this.#channel}/ptz/${name}`, takesOver ? { ...body, take_over: true } : body, COMMAND);
    if (takesOver) this.takesOver = false;
    return answer;
  }
}
