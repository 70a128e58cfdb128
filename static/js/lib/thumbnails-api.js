// @ts-check
/** Requests for thumbnails of recordings. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {'ready'|'pending'|'missing'|'not_recorded'} ThumbnailState `pending`: the server makes it; `missing`: the
 *   recorder gave none
 * @typedef {{atMs: number, takenMs: number|null, state: ThumbnailState, url: string|null}} Thumbnail `atMs`: a time of the
 *   requested step; `takenMs`: the frame's own time
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
   * Request the thumbnails of a span. The server answers immediately, and makes the missing ones while it is asked again.
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
    const { pictures } = await this.#http.json('GET', `${this.#cameras}/${cameraId}/recordings/pictures?${query}`);
    return pictures.map(thumbnailOf);
  }
}

/** @param {{time: string, picture_time: string|null, state: ThumbnailState, url: string|null}} picture @returns {Thumbnail} */
function thumbnailOf({ time, picture_time: taken, state, url }) {
  return { atMs: Date.parse(time), takenMs: taken ? Date.parse(taken) : null, state, url: url ?? null };
}
