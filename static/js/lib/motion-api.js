// @ts-check
/** Requests of the motion page, and the settings as the page uses them. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./motion-draft.js').MotionChoice} MotionChoice
 * @typedef {import('./motion-types.js').ChannelMotion} MotionSettings
 * @typedef {import('./motion-types.js').MotionNow} MotionNow
 * @typedef {import('./motion-types.js').Motion} MotionOverview
 */

export class MotionApi {
  #cameras;
  #overview;
  #http;

  /** @param {{cameras: string, motion: string}} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor({ cameras, motion }, options) {
    this.#cameras = cameras;
    this.#overview = motion;
    this.#http = new JsonHttp(options);
  }

  /** @param {number} cameraId @param {number} channel */
  #motion(cameraId, channel) {
    return `${this.#cameras}/${cameraId}/channels/${channel}/motion`;
  }

  /** @param {number} cameraId @param {number} channel @param {AbortSignal} [signal] @returns {Promise<MotionSettings>} */
  settings(cameraId, channel, signal) {
    return this.#http.json('GET', this.#motion(cameraId, channel), undefined, { signal });
  }

  /** @param {number} cameraId @param {number} channel @param {MotionChoice} choice @returns {Promise<MotionSettings>} */
  save(cameraId, channel, choice) {
    return this.#http.json('PUT', this.#motion(cameraId, channel), bodyOf(choice));
  }

  /** Return the state of the detector. @returns {Promise<MotionOverview>} */
  overview() {
    return this.#http.json('GET', this.#overview);
  }

  /**
   * Return what the detector saw last, or in the picture of a time.
   *
   * @param {number} cameraId
   * @param {number} channel
   * @param {string} [time]
   * @returns {Promise<MotionNow>}
   */
  now(cameraId, channel, time = '') {
    const query = time ? `?time=${encodeURIComponent(time)}` : '';
    return this.#http.json('GET', `${this.#motion(cameraId, channel)}/now${query}`);
  }

  /**
   * Return the picture that the detector saw last, with its time; null while there is none.
   *
   * @param {number} cameraId
   * @param {number} channel
   * @param {AbortSignal} [signal]
   */
  async picture(cameraId, channel, signal) {
    const answer = await this.#http.send('GET', `${this.#motion(cameraId, channel)}/picture`, undefined, { signal });
    return answer.status === 202 ? null : { blob: await answer.blob(), time: answer.headers.get('X-Picture-Time') ?? '' };
  }
}

/** @param {MotionSettings} settings @returns {MotionChoice} */
export function choiceOf({ mode, sensitivity, zones }) {
  return {
    mode,
    sensitivity,
    zones: zones.map(({ id, name, kind, points }) => ({ id, name, kind, points: points.map(([x = 0, y = 0]) => ({ x, y })) })),
  };
}

/** @param {MotionChoice} choice */
export function bodyOf({ mode, sensitivity, zones }) {
  return {
    mode,
    sensitivity,
    zones: zones.map(({ id, name, kind, points }) => ({ id, name: name.trim(), kind, points: points.map(({ x, y }) => [x, y]) })),
  };
}
