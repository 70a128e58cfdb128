// @ts-check
/** Requests about recording on the server. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./recording-types.js').RecordingRule} RecordingRule
 * @typedef {import('./recording-types.js').RuleDraft} RuleDraft
 * @typedef {import('./recording-types.js').RecordingState} RecordingState
 * @typedef {import('./recording-types.js').RecordingAlert} RecordingAlert
 * @typedef {import('./recording-types.js').Storage} Storage
 * @typedef {import('./recording-types.js').KeptRange} KeptRange
 * @typedef {import('./recording-types.js').KeptDraft} KeptDraft
 * @typedef {{cameras: string, storage: string, kept: string, alerts: string, backfills: string}} RecordingAddresses
 */

export class RecordingApi {
  #addresses;
  #http;

  /** @param {RecordingAddresses} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor(addresses, options) {
    this.#addresses = addresses;
    this.#http = new JsonHttp(options);
  }

  /** @param {number} cameraId @param {number} channel @returns {Promise<RecordingRule>} */
  rule(cameraId, channel) {
    return this.#http.json('GET', this.#channel(cameraId, channel, 'recording-rule'));
  }

  /** @param {number} cameraId @param {number} channel @param {RuleDraft} rule @returns {Promise<RecordingRule>} */
  setRule(cameraId, channel, rule) {
    return this.#http.json('PUT', this.#channel(cameraId, channel, 'recording-rule'), rule);
  }

  /** @param {number} cameraId @returns {Promise<RecordingState[]>} one for each channel */
  async states(cameraId) {
    return (await this.#http.json('GET', `${this.#addresses.cameras}/${cameraId}/recording-states`)).channels;
  }

  /** @param {number} cameraId @param {number} channel @param {number|null} untilMs null: until a user resumes it */
  async pause(cameraId, channel, untilMs) {
    const body = untilMs === null ? {} : { until: new Date(untilMs).toISOString() };
    await this.#http.json('POST', this.#channel(cameraId, channel, 'recording-pause'), body);
  }

  /** @param {number} cameraId @param {number} channel */
  async resume(cameraId, channel) {
    await this.#http.json('DELETE', this.#channel(cameraId, channel, 'recording-pause'));
  }

  /** @returns {Promise<RecordingAlert[]>} alerts of the last week, and older ones that no user has seen */
  async alerts() {
    return (await this.#http.json('GET', this.#addresses.alerts)).alerts;
  }

  /** @param {number[]} ids */
  async markSeen(ids) {
    await this.#http.json('POST', `${this.#addresses.alerts}/seen`, { ids });
  }

  /** @returns {Promise<Storage>} */
  storage() {
    return this.#http.json('GET', this.#addresses.storage);
  }

  /** @returns {Promise<KeptRange[]>} */
  async kept() {
    return (await this.#http.json('GET', this.#addresses.kept)).kept;
  }

  /** @param {KeptDraft} draft @returns {Promise<import('./archive-types.js').NewKeptRange>} */
  keep(draft) {
    return this.#http.json('POST', this.#addresses.kept, draft);
  }

  /** @param {Omit<KeptDraft, 'reason'|'until'>} range @returns {Promise<import('./archive-types.js').Backfill>} */
  fetchMissing(range) {
    return this.#http.json('POST', this.#addresses.backfills, range);
  }

  /** @param {number} id */
  async unkeep(id) {
    await this.#http.json('DELETE', `${this.#addresses.kept}/${id}`);
  }

  /** @param {number} cameraId @param {number} channel @param {string} what */
  #channel(cameraId, channel, what) {
    return `${this.#addresses.cameras}/${cameraId}/channels/${channel}/${what}`;
  }
}
