// @ts-check
/** Shows the events whose pictures are most like that of another one, in a dialog of the events page. Loaded later. */
import { AppDialog } from '../components/app-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { drawBox } from '../components/event-row.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { kindIcon } from '../lib/event-kinds.js';
import { playAddress } from '../lib/event-links.js';
import { EventPictures } from '../lib/event-pictures.js';
import { eventPlace, eventTitle } from '../lib/event-text.js';
import { ApiError, problemOf } from '../lib/http.js';
import { byId } from './page.js';

/** @typedef {import('../lib/events-api.js').LoggedEvent} LoggedEvent */

/** Emits 'play' with the event that the user wants to see. */
export class SimilarEvents extends EventTarget {
  #api;
  #dialog = byId('similar-dialog', AppDialog);
  #list = byId('similar-list', HTMLElement);
  #pictures;
  /** The tile of each address of a picture. @type {Map<string, HTMLElement>} */
  #tiles = new Map();
  /** Addresses of the pictures in this dialog, which are freed with it. @type {string[]} */
  #urls = [];
  /** Ends the search of an older event. */
  #search = new AbortController();

  /** @param {import('../lib/events-api.js').EventsApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#pictures = new EventPictures(api);
    this.#pictures.addEventListener('picture', (event) => {
      const { url, blob } = /** @type {CustomEvent<{url: string, blob: Blob}>} */ (event).detail;
      this.#showPicture(url, blob);
    });
    this.#dialog.addEventListener('dialog-closed', () => this.#clear());
  }

  /** @param {LoggedEvent} event */
  async open(event) {
    this.#clear();
    const { signal } = this.#search;
    setText(byId('similar-title', HTMLElement), `Similar to ${eventTitle(event)}, ${LOCAL_CLOCK.stamp(Date.parse(event.start_time))}`);
    this.#note('Searching');
    this.#dialog.show();
    try {
      const { events } = await this.#api.similar(event.id, signal);
      if (signal.aborted) return;
      this.#note(events.length ? '' : 'No other event looks like this one.');
      this.#list.replaceChildren(...events.map((one) => this.#tile(one)));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#note(problemOf(error).detail);
    }
  }

  #clear() {
    this.#search.abort();
    this.#search = new AbortController();
    this.#list.replaceChildren();
    this.#pictures.reset();
    this.#tiles.clear();
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
  }

  /** @param {string} text */
  #note(text) {
    const line = byId('similar-state', HTMLElement);
    setText(line, text);
    line.hidden = !text;
  }

  /** @param {LoggedEvent} event */
  #tile(event) {
    const tile = part(cloneTemplate('similar-event'), 'row', HTMLElement);
    part(tile, 'placeholder', SVGElement).setAttribute('href', `#icon-${kindIcon(event.kind)}`);
    const link = part(tile, 'link', HTMLAnchorElement);
    setText(link, eventTitle(event));
    link.href = playAddress(document.body.dataset.recordings ?? '', event);
    link.addEventListener('click', (click) => {
      if (click.ctrlKey || click.metaKey || click.shiftKey || event.channel === null) return;
      click.preventDefault();
      this.dispatchEvent(new CustomEvent('play', { detail: event }));
    });
    setText(part(tile, 'place', HTMLElement), eventPlace(event));
    const time = part(tile, 'time', HTMLElement);
    setText(time, LOCAL_CLOCK.stamp(Date.parse(event.start_time)));
    time.setAttribute('datetime', event.start_time);
    const alike = part(tile, 'alike', HTMLElement);
    alike.hidden = typeof event.similarity !== 'number';
    setText(alike, `${Math.round((event.similarity ?? 0) * 100)} % alike`);
    if (event.picture_url) {
      const picture = part(tile, 'picture', HTMLImageElement);
      picture.addEventListener('load', () => drawBox(part(tile, 'box', HTMLElement), picture, event.box));
      this.#tiles.set(event.picture_url, tile);
      this.#pictures.want(event.picture_url);
    }
    return tile;
  }

  /** @param {string} url @param {Blob} blob */
  #showPicture(url, blob) {
    const tile = this.#tiles.get(url);
    if (!tile) return;
    const picture = part(tile, 'picture', HTMLImageElement);
    picture.src = URL.createObjectURL(blob);
    picture.hidden = false;
    this.#urls.push(picture.src);
  }
}
