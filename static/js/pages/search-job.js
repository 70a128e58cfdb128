// @ts-check
/** The shown search: its progress, its cost, and its results, asked once a second while the page is in sight. */
import { part, setAttribute, setText } from '../components/dom.js';
import { keyedRows } from '../components/keyed-rows.js';
import { EventPictures } from '../lib/event-pictures.js';
import { ApiError, problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import {
  KINDS,
  costText,
  inOrder,
  isOneDay,
  isUnfinished,
  lookedText,
  rangeText,
  resultFacts,
  resultTime,
  stateWords,
  strengthIn,
} from '../lib/search-text.js';
import { byId, showToast } from './page.js';

/**
 * @typedef {import('../lib/searches-api.js').Search} Search @typedef {import('../lib/searches-api.js').SearchResult} SearchResult
 */

const POLL_MS = 1000;
/** A search that waits for its user changes no more, but the server ends it after a minute without a request. */
const WAITING_POLL_MS = 10_000;
const NEAR_PX = 200;
const UNITS = 1000;

/** Emits 'state' when the state of the search is another one. */
export class SearchJob extends EventTarget {
  #api;
  /** @type {Search|null} */
  #search = null;
  #place = '';
  /** @type {'strength'|'time'} */
  #order = 'strength';
  #poller = new Poller(() => this.#ask());
  #pictures;
  /** The images that show an address. @type {Map<string, HTMLImageElement[]>} */
  #images = new Map();
  #observer = new IntersectionObserver((entries) => this.#sight(entries), { rootMargin: `${NEAR_PX}px 0px` });

  /** @param {import('../lib/searches-api.js').SearchesApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#pictures = new EventPictures(api);
    this.#pictures.addEventListener('picture', (event) => {
      const { url, blob } = /** @type {CustomEvent<{url: string, blob: Blob}>} */ (event).detail;
      for (const image of this.#images.get(url) ?? []) showPicture(image, blob);
    });
    byId('job-cancel', HTMLElement).addEventListener('click', () => void this.#change((id) => this.#api.cancel(id)));
    byId('job-continue', HTMLElement).addEventListener('click', () => void this.#change((id) => this.#api.goOn(id)));
    for (const button of orderButtons()) {
      button.addEventListener('click', () => {
        this.#order = button.dataset.order === 'time' ? 'time' : 'strength';
        this.#draw();
      });
    }
    document.addEventListener('visibilitychange', () => this.#turn());
  }

  /** @param {Search} search @param {string} place the names of camera and channel */
  show(search, place) {
    if (this.#search?.id !== search.id) this.#forget();
    this.#search = search;
    this.#place = place;
    byId('job', HTMLElement).hidden = false;
    this.#draw();
    this.#turn();
  }

  /** End the shown search if it is unfinished: another one of this user would have to wait for it. */
  async leave() {
    const search = this.#search;
    this.#poller.stop();
    if (!search || !isUnfinished(search)) return;
    await this.#api.cancel(search.id).catch((error) => {
      if (!(error instanceof ApiError)) throw error; // it has ended meanwhile
    });
  }

  /** @param {number} tallness height of the pictures by their width */
  setTallness(tallness) {
    byId('results', HTMLElement).style.setProperty('--tallness', String(tallness));
  }

  // ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #turn() {
    const search = this.#search;
    if (search && isUnfinished(search) && !document.hidden) this.#poller.start();
    else this.#poller.stop();
  }

  async #ask() {
    const id = this.#search?.id;
    if (id === undefined) return null;
    try {
      const search = await this.#api.get(id);
      if (this.#search?.id !== id) return null;
      this.#take(search);
      return !isUnfinished(search) ? null : search.state === 'waiting' ? WAITING_POLL_MS : POLL_MS;
    } catch (error) {
      if (!(error instanceof ApiError) || this.#search?.id !== id) throw error;
      setText(byId('job-text', HTMLElement), problemOf(error).detail);
      if (error.status === 404) return null;
      throw error;
    }
  }

  /** @param {Search} search */
  #take(search) {
    const before = this.#search?.state;
    this.#search = search;
    this.#draw();
    if (before !== search.state) this.dispatchEvent(new Event('state'));
  }

  /** @param {(id: number) => Promise<Search>} request */
  async #change(request) {
    const id = this.#search?.id;
    if (id === undefined) return;
    try {
      const search = await request(id);
      if (this.#search?.id !== id) return;
      this.#take(search);
      byId('job-title', HTMLElement).focus(); // the pressed button may be gone
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code !== 'search_state') showToast(problemOf(error).detail, 'bad'); // otherwise it has ended meanwhile
    }
    this.#poller.soon();
    this.#turn();
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #draw() {
    const search = this.#search;
    if (!search) return;
    const words = stateWords(search);
    const isActive = search.state === 'running' || search.state === 'estimating';
    byId('job-state', HTMLElement).dataset.tone = words.tone;
    setText(byId('job-title', HTMLElement), words.title);
    setText(byId('job-text', HTMLElement), words.text);
    setText(byId('job-status', HTMLElement), isActive ? words.title : `${words.title}. ${words.text}`);
    const [question] = KINDS[search.kind];
    setText(byId('job-question', HTMLElement), `${question}: ${this.#place}, ${rangeText(search)}`);
    byId('job-small', HTMLElement).hidden = !search.is_small;
    byId('job-continue', HTMLElement).hidden = search.state !== 'waiting';
    byId('job-cancel', HTMLElement).hidden = !isUnfinished(search);
    setText(byId('job-cancel-text', HTMLElement), search.state === 'waiting' ? 'That is enough' : 'Cancel');
    const bar = byId('job-progress', HTMLProgressElement);
    const isUnknown = isActive && !search.recorded_s;
    if (isUnknown) bar.removeAttribute('value');
    else bar.value = search.progress ?? 0;
    const isOver = !isUnfinished(search); // its text tells how much was looked at
    bar.hidden = isOver;
    const facts = [isOver ? '' : lookedText(search), costText(search)].filter(Boolean).join(' ');
    setText(byId('job-progress-text', HTMLElement), facts);
    byId('job-progress-line', HTMLElement).hidden = !isUnknown && !facts;
    this.#drawResults(search);
  }

  /** @param {Search} search */
  #drawResults(search) {
    const results = inOrder(search.results, this.#order);
    byId('results-head', HTMLElement).hidden = !results.length;
    setText(byId('results-title', HTMLElement), results.length === 1 ? '1 result' : `${results.length} results`);
    for (const button of orderButtons()) setAttribute(button, 'aria-pressed', String(button.dataset.order === this.#order));
    const corners = search.points.map(([x = 0, y = 0]) => `${x * UNITS},${y * UNITS}`).join(' ');
    const ids = results.map((result) => Date.parse(result.start_time));
    const rows = keyedRows(byId('results', HTMLElement), ids, 'search-result', HTMLElement);
    const strengthOf = strengthIn(results);
    rows.forEach((row, index) => {
      const result = results[index];
      if (!result) return;
      const strength = strengthOf(result);
      this.#drawResult(row, result, search, corners);
      part(row, 'score', HTMLMeterElement).value = strength;
      setText(part(row, 'facts', HTMLElement), resultFacts(result, search.kind, strength));
    });
  }

  /** @param {HTMLElement} row @param {SearchResult} result @param {Search} search @param {string} corners */
  #drawResult(row, result, search, corners) {
    const isChange = search.kind === 'changed';
    const link = part(row, 'link', HTMLAnchorElement);
    setAttribute(link, 'href', result.play_url);
    const time = part(row, 'time', HTMLElement);
    setText(time, resultTime(result, isOneDay(search)));
    setAttribute(time, 'datetime', result.start_time);
    setAttribute(part(row, 'area', SVGElement), 'points', corners);
    setAttribute(row, 'data-pair', isChange && result.before_picture_url !== null);
    part(row, 'before-frame', HTMLElement).hidden = !result.before_picture_url;
    part(row, 'after-name', HTMLElement).hidden = !result.before_picture_url;
    this.#want(part(row, 'picture', HTMLImageElement), result.picture_url);
    this.#want(part(row, 'before', HTMLImageElement), result.before_picture_url);
  }

  // ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Let an image show an address once it is in sight. @param {HTMLImageElement} image @param {string|null} url */
  #want(image, url) {
    if (!url || image.dataset.url === url) return;
    const before = image.dataset.url;
    if (before)
      this.#images.set(
        before,
        (this.#images.get(before) ?? []).filter((one) => one !== image),
      );
    image.dataset.url = url;
    this.#images.set(url, [...(this.#images.get(url) ?? []), image]);
    this.#pictures.renew(url);
    const frame = image.parentElement;
    if (!frame) return;
    // The observer tells again whether the frame is in sight.
    this.#observer.unobserve(frame);
    this.#observer.observe(frame);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #sight(entries) {
    for (const { isIntersecting, target } of entries) {
      const url = target.querySelector('img')?.dataset.url;
      if (!url) continue;
      if (isIntersecting) this.#pictures.want(url);
      else this.#pictures.leave(url);
    }
  }

  #forget() {
    this.#observer.disconnect();
    for (const images of this.#images.values()) for (const image of images) if (image.src) URL.revokeObjectURL(image.src);
    this.#images.clear();
    this.#pictures.reset();
    byId('results', HTMLElement).replaceChildren();
  }
}

/** @param {HTMLImageElement} image @param {Blob} blob */
function showPicture(image, blob) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
}

/** @returns {HTMLElement[]} */
function orderButtons() {
  return [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-order]'))];
}
