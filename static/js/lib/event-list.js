// @ts-check
/** The events on the page, without any DOM: pages of the list, changes, news that wait, and marks as seen. */

import { LOCAL_CLOCK } from './display-clock.js';
import { midnightOf } from './ranges.js';

/** @typedef {import('./events-api.js').LoggedEvent} LoggedEvent */

/** So many new events wait at most; later ones only come with a list that begins anew. */
export const MOST_WAITING = 1000;

export class EventList {
  /** @type {Map<number, LoggedEvent>} */
  #events = new Map();
  /** Events that the page does not show yet. @type {Map<number, LoggedEvent>} */
  #waiting = new Map();
  /** Ids of the events that the user has had in sight. @type {Set<number>} */
  #shown = new Set();
  /** The cursor of the next page; null after the last page. @type {string|null} */
  cursor = null;

  /** Events on the page, the newest first. @returns {LoggedEvent[]} */
  get events() {
    return [...this.#events.values()].sort(newestFirst);
  }

  get count() {
    return this.#events.size;
  }

  /** True if an event on the page goes on: its length grows. */
  get hasOpen() {
    return [...this.#events.values()].some((event) => event.end_time === null);
  }

  /** Number of new events that wait for the user. */
  get waitingCount() {
    return this.#waiting.size;
  }

  /** @param {number} id */
  get(id) {
    return this.#events.get(id) ?? null;
  }

  clear() {
    this.#events.clear();
    this.#waiting.clear();
    this.#shown.clear();
    this.cursor = null;
  }

  /** Add the next page. @param {{events: LoggedEvent[], next_cursor: string|null}} page */
  add({ events, next_cursor: cursor }) {
    for (const event of events) {
      this.#events.set(event.id, event);
      this.#waiting.delete(event.id);
    }
    this.cursor = cursor;
  }

  /**
   * Take changes of events on the page or among the waiting ones. Return the other events, without those that a later
   * page of the list has.
   *
   * @param {LoggedEvent[]} events
   */
  update(events) {
    const unknown = [];
    const last = this.cursor === null ? null : (this.events.at(-1) ?? null);
    for (const event of events) {
      if (this.#events.has(event.id)) this.#events.set(event.id, event);
      else if (this.#waiting.has(event.id)) this.#waiting.set(event.id, event);
      else if (!last || newestFirst(event, last) < 0) unknown.push(event);
    }
    return unknown;
  }

  /** Let new events wait until `showNew()`. @param {LoggedEvent[]} events */
  wait(events) {
    for (const event of events) {
      if (this.#waiting.size >= MOST_WAITING) return;
      if (!this.#events.has(event.id)) this.#waiting.set(event.id, event);
    }
  }

  /** Move the waiting events to the page. */
  showNew() {
    for (const [id, event] of this.#waiting) this.#events.set(id, event);
    this.#waiting.clear();
  }

  /** Remove events: others stand for them now. @param {number[]} ids @returns {boolean} true if the page showed one */
  remove(ids) {
    let wasShown = false;
    for (const id of ids) {
      wasShown = this.#events.delete(id) || wasShown;
      this.#waiting.delete(id);
      this.#shown.delete(id);
    }
    return wasShown;
  }

  /** Note that the user has an event in sight. @param {number} id @returns {boolean} true if that is new */
  note(id) {
    if (!this.#events.has(id) || this.#shown.has(id)) return false;
    this.#shown.add(id);
    return true;
  }

  /** Ids of the events that the user has had in sight and that are not marked as seen. */
  get shownUnseen() {
    return [...this.#shown].filter((id) => this.#events.get(id)?.seen === false);
  }

  /** @param {Iterable<number>} ids @param {boolean} seen */
  mark(ids, seen) {
    for (const id of ids) {
      const event = this.#events.get(id);
      if (event) this.#events.set(id, { ...event, seen });
    }
  }

  /** The events by day, in the shown clock, the newest first. @returns {{wallMs: number, events: LoggedEvent[]}[]} */
  days(clock = LOCAL_CLOCK) {
    /** @type {{wallMs: number, events: LoggedEvent[]}[]} */
    const days = [];
    for (const event of this.events) {
      const wallMs = midnightOf(clock.wallOf(Date.parse(event.start_time)));
      const last = days.at(-1);
      if (last?.wallMs === wallMs) last.events.push(event);
      else days.push({ wallMs, events: [event] });
    }
    return days;
  }
}

/** @param {LoggedEvent} one @param {LoggedEvent} other */
function newestFirst(one, other) {
  return Date.parse(other.start_time) - Date.parse(one.start_time) || other.id - one.id;
}
