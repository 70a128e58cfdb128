// @ts-check
/** Marks events as seen. "Mark as seen" concerns the events that the user has had in sight, and no others. */
import { setText } from '../components/dom.js';
import { EventRow } from '../components/event-row.js';
import { counted } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { byId, showToast } from './page.js';

/** So much of a row must be in sight. */
const IN_SIGHT = 0.6;
/** The bars at the top of the window cover the rows below them. */
const COVERED_PX = 104;

export class EventsSeen {
  #api;
  #list;
  #redraw;
  /** Ids that the last press has marked. @type {number[]} */
  #last = [];
  #observer = new IntersectionObserver((entries) => this.#sight(entries), {
    rootMargin: `-${COVERED_PX}px 0px 0px 0px`,
    threshold: IN_SIGHT,
  });

  /**
   * @param {import('../lib/events-api.js').EventsApi} api
   * @param {import('../lib/event-list.js').EventList} list
   * @param {(ids: number[]) => void} redraw shows rows again
   */
  constructor(api, list, redraw) {
    this.#api = api;
    this.#list = list;
    this.#redraw = redraw;
    byId('seen-shown', HTMLElement).addEventListener('click', () => void this.markShown());
    byId('seen-undo', HTMLElement).addEventListener('click', () => void this.#undo());
  }

  /** Note when a row comes into sight. @param {EventRow} row */
  watch(row) {
    this.#observer.observe(row);
  }

  /** The list is loaded anew: its rows are other ones. */
  forget() {
    this.#observer.disconnect();
    this.#last = [];
  }

  /**
   * @param {number[]} ids
   * @param {boolean} seen
   * @param {{isLeaving?: boolean}} [how] `isLeaving`: the user leaves the page by the same press
   * @returns {Promise<boolean>} false if the server refused it
   */
  async mark(ids, seen, { isLeaving = false } = {}) {
    this.#list.mark(ids, seen);
    this.#redraw(ids);
    try {
      await this.#api.markSeen(ids, seen, { keepalive: isLeaving });
      return true;
    } catch (error) {
      if (isLeaving) return false;
      this.#list.mark(ids, !seen);
      this.#redraw(ids);
      showToast(problemOf(error).detail, 'bad');
      return false;
    }
  }

  /** Mark all events that were in sight as seen. */
  async markShown() {
    const ids = this.#list.shownUnseen;
    if (!ids.length || !(await this.mark(ids, true))) return;
    this.#last = ids;
    this.draw();
    byId('seen-undo', HTMLElement).focus({ preventScroll: true });
  }

  draw() {
    const count = this.#list.shownUnseen.length;
    const button = byId('seen-shown', HTMLButtonElement);
    button.disabled = count === 0;
    setText(byId('seen-shown-text', HTMLElement), count ? `Mark ${count} shown as seen` : 'Mark as seen');
    byId('seen-done', HTMLElement).hidden = !this.#last.length;
    setText(byId('seen-done-text', HTMLElement), this.#last.length ? `${counted(this.#last.length, 'event')} marked as seen.` : '');
  }

  async #undo() {
    const ids = this.#last;
    this.#last = [];
    await this.mark(ids, false);
    this.draw();
    byId('seen-shown', HTMLElement).focus({ preventScroll: true });
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #sight(entries) {
    let isNew = false;
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && target instanceof EventRow && target.event) isNew = this.#list.note(target.event.id) || isNew;
    }
    if (isNew) this.draw();
  }
}
