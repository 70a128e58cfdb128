// @ts-check
/** The log of deliveries: the newest ones, and older ones on request. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { localStamp } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { deliverySink, deliveryState, deliveryText } from '../lib/notification-text.js';
import { shortTime } from '../lib/recording-text.js';
import { byId, showToast } from './page.js';

/** @typedef {import('../lib/notifications-api.js').Delivery} Delivery */

export class DeliveryLog {
  #api;
  /** By id, so that a newer state replaces an older one. @type {Map<number, Delivery>} */
  #known = new Map();
  /** Of the oldest page; undefined before the first answer. @type {string|null|undefined} */
  #cursor = undefined;

  /** @param {import('../lib/notifications-api.js').NotificationsApi} api */
  constructor(api) {
    this.#api = api;
    byId('log-more', HTMLElement).addEventListener('click', () => void this.#more());
  }

  /** True if the state of a delivery will change soon. */
  get isWaiting() {
    return [...this.#known.values()].some(({ state }) => state === 'waiting');
  }

  /** Read the newest page again. */
  async refresh() {
    const page = await this.#api.deliveries();
    // After a pause there may be a hole between this page and the known ones, so the list begins anew.
    const isJoined = page.next_cursor === null || page.deliveries.some(({ id }) => this.#known.has(id));
    if (this.#cursor === undefined || !isJoined) {
      this.#known.clear();
      this.#cursor = page.next_cursor;
    }
    this.#take(page.deliveries);
  }

  async #more() {
    if (!this.#cursor) return;
    const last = [...byId('log', HTMLElement).children].at(-1);
    try {
      const page = await this.#api.deliveries(this.#cursor);
      this.#cursor = page.next_cursor;
      this.#take(page.deliveries);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
      return;
    }
    if (!this.#cursor && last) byId('log-title', HTMLElement).focus({ preventScroll: true }); // the button has gone
  }

  /** @param {Delivery[]} deliveries */
  #take(deliveries) {
    for (const delivery of deliveries) this.#known.set(delivery.id, delivery);
    const newestFirst = [...this.#known.values()].sort((one, other) => other.id - one.id);
    byId('no-log', HTMLElement).hidden = newestFirst.length > 0;
    byId('log-frame', HTMLElement).hidden = !newestFirst.length;
    byId('log-more', HTMLElement).hidden = !this.#cursor;
    byId('log', HTMLElement).replaceChildren(...newestFirst.map(deliveryRow));
  }
}

/** @param {Delivery} delivery */
function deliveryRow(delivery) {
  const row = cloneTemplate('delivery-row');
  const { text, tone } = deliveryState(delivery);
  const time = part(row, 'time', HTMLTimeElement);
  time.dateTime = delivery.time;
  setText(time, shortTime(Date.parse(delivery.time), Date.now()));
  time.title = localStamp(new Date(delivery.time));
  setText(part(row, 'about', HTMLElement), deliveryText(delivery));
  setText(part(row, 'rule', HTMLElement), delivery.rule_name || '–');
  setText(part(row, 'sink', HTMLElement), deliverySink(delivery));
  const state = part(row, 'state', HTMLElement);
  setText(state, text);
  state.dataset.tone = tone;
  const tries = delivery.tries > 1 ? ` (${delivery.tries} tries)` : '';
  setText(part(row, 'detail', HTMLElement), delivery.state === 'sent' ? tries.trim() : `${delivery.detail}${tries}`);
  return row;
}
