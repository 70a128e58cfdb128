// @ts-check
/** Requests about backfills: gaps of the server's recordings, filled from the recorders' own disks. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./archive-types.js').Backfill} Backfill
 * @typedef {import('./archive-types.js').BackfillProposal} BackfillProposal
 * @typedef {'pause'|'resume'|'cancel'|'retry'} BackfillAction
 */

export class BackfillsApi {
  #address;
  #http;

  /** @param {string} address @param {import('./http.js').HttpOptions} [options] */
  constructor(address, options) {
    this.#address = address;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<import('./archive-types.js').BackfillList>} */
  list() {
    return this.#http.json('GET', this.#address);
  }

  /** @param {BackfillProposal} proposal @returns {Promise<Backfill>} */
  add({ camera_id, channel, start_time, end_time }) {
    return this.#http.json('POST', this.#address, { camera_id, channel, start_time, end_time });
  }

  /** @param {number} id @param {BackfillAction} action @returns {Promise<Backfill>} */
  change(id, action) {
    return this.#http.json('POST', `${this.#address}/${id}/${action}`);
  }

  /** @param {number} id */
  async remove(id) {
    await this.#http.json('DELETE', `${this.#address}/${id}`);
  }
}
