// @ts-check
/** Shows the pictures of the events that are in sight. */
import { EventRow } from '../components/event-row.js';
import { EventPictures } from '../lib/event-pictures.js';

const NEAR_PX = 200;

export class EventsPictures {
  #pictures;
  /** @type {Map<string, EventRow>} */
  #rows = new Map();
  #observer = new IntersectionObserver((entries) => this.#sight(entries), { rootMargin: `${NEAR_PX}px 0px` });

  /** @param {import('../lib/events-api.js').EventsApi} api */
  constructor(api) {
    this.#pictures = new EventPictures(api);
    this.#pictures.addEventListener('picture', (event) => {
      const { url, blob } = /** @type {CustomEvent<{url: string, blob: Blob}>} */ (event).detail;
      this.#rows.get(url)?.showPicture(blob);
    });
  }

  /** @param {EventRow} row */
  watch(row) {
    const url = row.event?.picture_url;
    if (!url || row.hasPicture || this.#rows.get(url) === row) return;
    this.#rows.set(url, row);
    this.#observer.observe(row);
  }

  /** An event has changed. @param {import('../lib/events-api.js').LoggedEvent} event */
  renew({ picture_url: url }) {
    const row = url ? this.#rows.get(url) : null;
    if (!url || !row || (row.hasPicture && !row.isPictureOld)) return;
    this.#pictures.renew(url);
    // The observer tells again whether the row is in sight.
    this.#observer.unobserve(row);
    this.#observer.observe(row);
  }

  /** The list is loaded anew: its rows are other ones. */
  forget() {
    this.#observer.disconnect();
    for (const url of this.#rows.keys()) this.#pictures.leave(url);
    this.#rows.clear();
    // A picture that was there once has to be loaded again for its new row.
    this.#pictures.reset();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #sight(entries) {
    for (const { isIntersecting, target } of entries) {
      const url = target instanceof EventRow ? target.event?.picture_url : null;
      if (!url) continue;
      if (isIntersecting) this.#pictures.want(url);
      else this.#pictures.leave(url);
    }
  }
}
