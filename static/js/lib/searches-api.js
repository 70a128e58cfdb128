// @ts-check
/** Requests of the page for searches in a part of the picture. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./search-types.js').Search} Search
 * @typedef {import('./search-types.js').SearchResult} SearchResult
 * @typedef {import('./search-types.js').SearchList} SearchList
 * @typedef {import('./motion-geometry.js').Point} Point
 * @typedef {{cameraId: number, channel: number, startMs: number, endMs: number, points: readonly Point[],
 *   kind: Search['kind'], source: Search['source']}} SearchQuestion
 */

export class SearchesApi {
  #searches;
  #cameras;
  #http;

  /** @param {{searches: string, cameras: string}} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor({ searches, cameras }, options) {
    this.#searches = searches;
    this.#cameras = cameras;
    this.#http = new JsonHttp(options);
  }

  get clock() {
    return this.#http.clock;
  }

  /** Return the searches of the last day, the newest first. @returns {Promise<SearchList>} */
  list() {
    return this.#http.json('GET', this.#searches);
  }

  /** @param {number} id @returns {Promise<Search>} */
  get(id) {
    return this.#http.json('GET', `${this.#searches}/${id}`);
  }

  /** Begin a search. @param {SearchQuestion} question @returns {Promise<Search>} */
  begin(question) {
    return this.#http.json('POST', this.#searches, bodyOf(question));
  }

  /** Go on with the exhaustive step. @param {number} id @returns {Promise<Search>} */
  goOn(id) {
    return this.#http.json('POST', `${this.#searches}/${id}/continue`);
  }

  /** @param {number} id @returns {Promise<Search>} */
  cancel(id) {
    return this.#http.json('DELETE', `${this.#searches}/${id}`);
  }

  /** Return a picture; null if it is still being made. @param {string} url @param {AbortSignal} [signal] @returns {Promise<Blob|null>} */
  async picture(url, signal) {
    const answer = await this.#http.send('GET', url, undefined, { signal });
    return answer.status === 202 ? null : answer.blob();
  }

  /** Return the address of a picture of a recording. @param {number} cameraId @param {number} channel @param {number} atMs */
  recordedPicture(cameraId, channel, atMs) {
    const time = new Date(Math.floor(atMs / 1000) * 1000).toISOString();
    return `${this.#cameras}/${cameraId}/recordings/picture?${new URLSearchParams({ channel: String(channel), time })}`;
  }
}

/** @param {SearchQuestion} question */
export function bodyOf({ cameraId, channel, startMs, endMs, points, kind, source }) {
  return {
    camera_id: cameraId,
    channel,
    start_time: new Date(startMs).toISOString(),
    end_time: new Date(endMs).toISOString(),
    points: points.map(({ x, y }) => [x, y]),
    kind,
    source,
  };
}
