// @ts-check
/** The searches of the last day, the newest first. */
import { part, setAttribute, setText } from '../components/dom.js';
import { keyedRows } from '../components/keyed-rows.js';
import { ago } from '../lib/format.js';
import { ApiError, problemOf } from '../lib/http.js';
import { searchAddress } from '../lib/search-range.js';
import { KINDS, rangeText, shortState } from '../lib/search-text.js';
import { byId } from './page.js';

/** @typedef {import('../lib/searches-api.js').Search} Search */

/** Emits 'open' with a search, 'list' with the server's answer, and 'problem' with a text, '' for none. */
export class EarlierSearches extends EventTarget {
  #api;
  #names;
  /** @type {Search[]} */
  #searches = [];
  /** The id of the search that the page shows. @type {number|null} */
  chosenId = null;

  /** @param {import('../lib/searches-api.js').SearchesApi} api @param {{channelText: (cameraId: number, channel: number) => string}} names */
  constructor(api, names) {
    super();
    this.#api = api;
    this.#names = names;
    byId('earlier-list', HTMLElement).addEventListener('click', (event) => {
      const row = event.target instanceof Element && event.target.closest('a') ? event.target.closest('[data-id]') : null;
      const search = row instanceof HTMLElement ? this.#searches.find(({ id }) => String(id) === row.dataset.id) : null;
      // Other clicks are the browser's: they open a new tab or window.
      if (!search || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.dispatchEvent(new CustomEvent('open', { detail: search }));
    });
  }

  async load() {
    try {
      const list = await this.#api.list();
      this.#searches = list.searches;
      this.dispatchEvent(new CustomEvent('list', { detail: list }));
      this.dispatchEvent(new CustomEvent('problem', { detail: '' }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.dispatchEvent(new CustomEvent('problem', { detail: problemOf(error).detail }));
    }
    this.#draw();
  }

  #draw() {
    const searches = this.#searches;
    byId('earlier', HTMLElement).hidden = !searches.length;
    const ids = searches.map(({ id }) => id);
    keyedRows(byId('earlier-list', HTMLElement), ids, 'search-earlier', HTMLElement).forEach((row, index) => {
      const search = searches[index];
      if (!search) return;
      const link = part(row, 'link', HTMLAnchorElement);
      link.href = searchAddress(document.body.dataset.searchPage ?? '', { searchId: search.id });
      setAttribute(link, 'aria-current', search.id === this.chosenId ? 'true' : null);
      setText(part(row, 'place', HTMLElement), this.#names.channelText(search.camera_id, search.channel));
      const [question] = KINDS[search.kind];
      setText(part(row, 'question', HTMLElement), `${question}, ${rangeText(search)}`);
      const by = new Set(searches.map((one) => one.by)).size > 1 ? `, by ${search.by}` : '';
      setText(part(row, 'facts', HTMLElement), `${shortState(search)}, ${ago(Date.parse(search.created_at), Date.now())}${by}`);
    });
  }
}
