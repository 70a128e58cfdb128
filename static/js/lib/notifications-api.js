// @ts-check
/** Requests of the notifications page. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./notification-types.js').Rule} Rule
 * @typedef {import('./notification-types.js').Sink} Sink
 * @typedef {import('./notification-types.js').Delivery} Delivery
 * @typedef {import('./notification-types.js').DeliveryList} DeliveryPage
 * @typedef {import('./notification-types.js').TestResult} TestResult
 * @typedef {import('./notification-types.js').Subscription} Subscription
 * @typedef {{rules: string, sinks: string, deliveries: string, push: string, events: string, cameras: string}} Addresses
 */

/** A test waits for a mail server or a broker that does not answer. */
const TEST_TIMEOUT_MS = 60_000;

export class NotificationsApi {
  #at;
  #http;

  /** @param {Addresses} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor(addresses, options) {
    this.#at = addresses;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<Rule[]>} */
  async rules() {
    return (await this.#http.json('GET', this.#at.rules)).rules;
  }

  /**
   * Return the names that a rule's zone may have: those of past events, and those of a channel's motion.
   *
   * @param {number} cameraId
   * @param {number|null} channel null: of all channels, from events alone
   * @returns {Promise<string[]>}
   */
  async zoneNames(cameraId, channel) {
    const { events, cameras } = this.#at;
    const ofChannel = channel === null ? '' : `&channel=${channel}`;
    const [told, motion] = await Promise.all([
      this.#http.json('GET', `${events}/zones?camera_id=${cameraId}${ofChannel}`),
      channel === null ? { zones: [] } : this.#http.json('GET', `${cameras}/${cameraId}/channels/${channel}/motion`),
    ]);
    const names = [...told.zones.map((/** @type {{zone: string}} */ { zone }) => zone), ...motion.zones.map(nameOf)];
    return [...new Set(names)].sort();
  }

  /** @param {object} rule @returns {Promise<Rule>} */
  addRule(rule) {
    return this.#http.json('POST', this.#at.rules, rule);
  }

  /** @param {number} id @param {object} change @returns {Promise<Rule>} */
  changeRule(id, change) {
    return this.#http.json('PATCH', `${this.#at.rules}/${id}`, change);
  }

  /** @param {number} id @returns {Promise<null>} */
  removeRule(id) {
    return this.#http.json('DELETE', `${this.#at.rules}/${id}`);
  }

  /** Send a test to all sinks of a rule. @param {number} id */
  async testRule(id) {
    return this.#http.json('POST', `${this.#at.rules}/${id}/test`, undefined, { timeoutMs: TEST_TIMEOUT_MS });
  }

  /** @returns {Promise<Sink[]>} */
  async sinks() {
    return (await this.#http.json('GET', this.#at.sinks)).sinks;
  }

  /** @param {object} sink @returns {Promise<Sink>} */
  addSink(sink) {
    return this.#http.json('POST', this.#at.sinks, sink);
  }

  /** @param {number} id @param {object} change @returns {Promise<Sink>} */
  changeSink(id, change) {
    return this.#http.json('PATCH', `${this.#at.sinks}/${id}`, change);
  }

  /** @param {number} id @returns {Promise<null>} */
  removeSink(id) {
    return this.#http.json('DELETE', `${this.#at.sinks}/${id}`);
  }

  /** @param {number} id @returns {Promise<TestResult>} */
  testSink(id) {
    return this.#http.json('POST', `${this.#at.sinks}/${id}/test`, undefined, { timeoutMs: TEST_TIMEOUT_MS });
  }

  /** Return the newest deliveries, or those before a cursor. @param {string|null} [cursor] @returns {Promise<DeliveryPage>} */
  deliveries(cursor = null) {
    return this.#http.json('GET', `${this.#at.deliveries}?limit=25${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
  }

  /** Return the server's public key for web push. @returns {Promise<string>} */
  async pushKey() {
    return (await this.#http.json('GET', `${this.#at.push}/key`)).public_key;
  }

  /** Return the browsers that have the user's notifications. @returns {Promise<Subscription[]>} */
  async browsers() {
    return (await this.#http.json('GET', `${this.#at.push}/subscriptions`)).subscriptions;
  }

  /** @param {PushSubscriptionJSON} subscription of this browser @returns {Promise<Subscription>} */
  addBrowser({ endpoint, keys }) {
    return this.#http.json('POST', `${this.#at.push}/subscriptions`, { endpoint, keys });
  }

  /** @param {number} id @returns {Promise<null>} */
  removeBrowser(id) {
    return this.#http.json('DELETE', `${this.#at.push}/subscriptions/${id}`);
  }

  /** @param {number} id @returns {Promise<null>} */
  testBrowser(id) {
    return this.#http.json('POST', `${this.#at.push}/subscriptions/${id}/test`, undefined, { timeoutMs: TEST_TIMEOUT_MS });
  }
}

/** @param {{name: string}} zone */
function nameOf({ name }) {
  return name;
}
