// @ts-check
/** Requests for cases: exports under one name, and their evidence packages. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./case-types.js').Case} Case
 * @typedef {import('./case-types.js').EvidenceKey} EvidenceKey
 */

export class CasesApi {
  #cases;
  #evidence;
  #http;

  /** @param {{cases: string, evidence: string}} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor({ cases, evidence }, options) {
    this.#cases = cases;
    this.#evidence = evidence;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<Case[]>} the newest first */
  async list() {
    return (await this.#http.json('GET', this.#cases)).cases;
  }

  /** @param {{name: string, notes: string, exports: number[]}} draft @returns {Promise<Case>} */
  add(draft) {
    return this.#http.json('POST', this.#cases, draft);
  }

  /** Begin to make the evidence package of a case. @param {number} id @returns {Promise<Case>} */
  makePackage(id) {
    return this.#http.json('POST', `${this.#cases}/${id}/package`);
  }

  /** @param {number} id */
  async remove(id) {
    await this.#http.json('DELETE', `${this.#cases}/${id}`);
  }

  /** @returns {Promise<EvidenceKey>} */
  key() {
    return this.#http.json('GET', `${this.#evidence}/key`);
  }
}
