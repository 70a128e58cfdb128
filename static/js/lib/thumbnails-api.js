// @ts-check
/** Requests for thumbnails of recordings. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./api-types.js').RecordingPicture} RecordingPicture
 * @typedef {RecordingPicture['state']} ThumbnailState
 * @typedef {{atMs: number, takenMs: number|null, state: ThumbnailState, url: string|null}} Thumbnail `atMs`: a time of the
 *   requested step; `takenMs`: the frame's own time, null if the recorder does not confirm it
 */

export class ThumbnailsApi {
  #cameras;
  #http;

  /** @param {string} cameras address of the cameras @param {import('./http.js').HttpOptions} [options] */
  constructor(cameras, options) {
    this.#cameras = cameras;
    this.#http = new JsonHttp(options);
  }

  /**
   * Request one thumbnail before all others. The server waits up to a second for it.
   *
   * @param {number} cameraId
   * @param {{channel: number, atMs: number}} what
   * @returns {Promise<{blob: Blob, takenMs: number|null, url: string}|null>} null: it is still being made; rejects with
   *   `no_recording` if there is none
   */
  async get(cameraId, { channel, atMs }) {
    const query = new URLSearchParams({ channel: String(channel), time: new Date(atMs).toISOString() });
    const url = `${this.#cameras}/${cameraId}/recordings/picture?${query}`;
    const answer = await this.#http.send('GET', url, undefined, {});
    if (answer.status === 202) return null;
    const taken = Date.parse(answer.headers.get('X-Picture-Time') ?? '');
    return { blob: await answer.blob(), takenMs: Number.isNaN(taken) ? null : taken, url };
  }

  /**
   * Request the thumbnails of a span. The server answers immediately. It makes the missing ones while the page repeats the request.
   *
   * @param {number} cameraId
   * @param {{channel: number, startMs: number, endMs: number, stepS: number}} what
   * @returns {Promise<Thumbnail[]>}
   */
  async list(cameraId, { channel, startMs, endMs, stepS }) {
    const query = new URLSearchParams({
      channel: String(channel),
      start_time: new Date(startMs).toISOString(),
      end_time: new Date(endMs).toISOString(),
      step_s: String(stepS),
    });
    /** @type {import('./api-types.js').RecordingPictures} */
    const { pictures } = await this.#http.json('GET', `${this.#cameras}/${cameraId}/recordings/pictures?${query}`);
    return pictures.map(thumbnailOf);
  }
}

/** @param {RecordingPicture} picture @returns {Thumbnail} */
function thumbnailOf({ time, picture_time: taken, state, url }) {
  return { atMs: Date.parse(time), takenMs: taken ? Date.parse(taken) : null, state, url };
}
