// @ts-check
/** Requests for exports. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./export-types.js').Export} Export
 * @typedef {import('./export-types.js').ExportList} ExportList
 * @typedef {import('./export-types.js').Estimate} Estimate
 * @typedef {{cameraId: number, channel: number, startMs: number, endMs: number}} WantedRange
 * @typedef {{hasTime: boolean, isSmall: boolean, blurred: import('./blur-areas.js').Area[]}} WantedCopy
 * @typedef {{ranges: WantedRange[], format: string, name: string, notes: string, hasSubtitles: boolean,
 *   copy: WantedCopy}} ExportDraft
 * @typedef {{ranges: WantedRange[], format?: string, copy?: {hasTime: boolean, isSmall: boolean, hasBlur: boolean}}} Sized
 *   what the size of an export depends on
 * @typedef {'pause'|'resume'|'cancel'|'retry'} ExportMove
 */

/** The server asks the recorder for the range, which a slow recorder answers late. */
const DEVICE_MS = 60_000;

export class ExportsApi {
  #url;
  #http;

  /** @param {string} url @param {import('./http.js').HttpOptions} [options] */
  constructor(url, options) {
    this.#url = url;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<ExportList>} the newest first */
  list() {
    return this.#http.json('GET', this.#url, undefined);
  }

  /** @param {ExportDraft} draft @returns {Promise<Export>} */
  add(draft) {
    return this.#http.json('POST', this.#url, bodyOf(draft), { timeoutMs: DEVICE_MS });
  }

  /** @param {Sized} sized @param {AbortSignal} [signal] @returns {Promise<Estimate>} */
  estimate(sized, signal) {
    return this.#http.json('POST', `${this.#url}/estimate`, sizedBodyOf(sized), { timeoutMs: DEVICE_MS, signal });
  }

  /** @param {number} id @param {{name?: string, notes?: string, kept?: boolean}} change @returns {Promise<Export>} */
  change(id, change) {
    return this.#http.json('PATCH', `${this.#url}/${id}`, change);
  }

  /** @param {number} id @param {ExportMove} what @returns {Promise<Export>} */
  move(id, what) {
    return this.#http.json('POST', `${this.#url}/${id}/${what}`);
  }

  /** Request the first byte of a file. Throws an ApiError with the reason if the server does not send it. @param {string} url */
  async tryFile(url) {
    const answer = await this.#http.send('GET', url, undefined, { range: 'bytes=0-0' });
    await answer.body?.cancel();
  }

  /** @param {number} id */
  async remove(id) {
    await this.#http.json('DELETE', `${this.#url}/${id}`);
  }
}

/** Return the body of a request. @param {ExportDraft} draft */
export function bodyOf({ ranges, format, name, notes, hasSubtitles, copy }) {
  const hasCopy = copy.hasTime || copy.isSmall || copy.blurred.length > 0;
  return {
    ranges: ranges.map((wanted) => rangeOf(wanted)),
    format,
    notes,
    subtitles: hasSubtitles,
    ...(name ? { name } : {}),
    ...(hasCopy ? { copies: [{ burn_time: copy.hasTime, height: copy.isSmall ? 720 : null, blur: copy.blurred }] } : {}),
  };
}

/** Return the body of a request for an estimate. @param {Sized} sized */
export function sizedBodyOf({ ranges, format, copy }) {
  const hasCopy = copy && (copy.hasTime || copy.isSmall || copy.hasBlur);
  return {
    ranges: ranges.map((wanted) => rangeOf(wanted)),
    ...(format ? { format } : {}),
    // A copy must change something; the size is the same for a time in the picture and for blurred areas.
    ...(hasCopy ? { copies: [{ burn_time: true, height: copy.isSmall ? 720 : null }] } : {}),
  };
}

/** @param {WantedRange} range */
function rangeOf({ cameraId, channel, startMs, endMs }) {
  return {
    camera_id: cameraId,
    channel,
    start_time: new Date(Math.round(startMs)).toISOString(),
    end_time: new Date(Math.round(endMs)).toISOString(),
  };
}
